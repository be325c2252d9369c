"""YAML is read as kubectl reads it, and every fault is told at once with its place."""

from pathlib import Path

import pytest

from repoloom.documents import InvalidFiles, read_resources, read_settings
from repoloom_stages.errors import BadInput

FINE_TUNE = """\
apiVersion: repoloom.dev/v1alpha1
kind: FineTune
metadata: {name: tune}
spec:
  model: {tiny: {}}
  data: [{name: code, datasetBuild: {name: code, output: files}}]
  training: {learningRate: RATE}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "file.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(("text", "number"), [("2e-5", 2e-5), ("1", 1.0), (".5", 0.5), ("1.e-3", 1e-3), ("0.01", 0.01)])
def test_numbers_are_what_kubectl_takes_for_numbers(tmp_path: Path, text: str, number: float) -> None:
    (tune,) = read_resources([written(tmp_path, FINE_TUNE.replace("RATE", text))])
    assert tune.spec.training.learning_rate == number  # type: ignore[union-attr]  # a FineTune, as written above


@pytest.mark.parametrize("text", ["1:30", "2026-01-01", '"1"', "yes", "~x"])
def test_what_kubectl_takes_for_no_number_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidFiles, match=r"spec\.training\.learningRate"):
        read_resources([written(tmp_path, FINE_TUNE.replace("RATE", text))])


def test_every_fault_of_every_document_is_told_with_file_line_and_field(tmp_path: Path) -> None:
    broken = FINE_TUNE.replace("RATE", "-1").replace("tiny: {}", "tiny: {}, huge: {}")
    path = written(tmp_path, broken + "---\n" + broken.replace("name: tune", "name: other"))
    with pytest.raises(InvalidFiles) as caught:
        read_resources([path])
    lines = str(caught.value).splitlines()
    assert len(lines) == 4
    assert lines[0].startswith(f"{path}:1: FineTune tune: spec.model.huge: ")
    assert lines[1].startswith(f"{path}:1: FineTune tune: spec.training.learningRate: ")
    assert lines[2].startswith(f"{path}:9: FineTune other: spec.model.huge: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2\n", "given twice"),
        ("a: [1\n", "is not YAML"),
        ("a: !!python/object/apply:os.system [id]\n", "is not YAML"),
        ("- 1\n", "must be a mapping"),
        ("kind: Job\n", "must be one of DatasetBuild, FineTune"),
        ("kind: [1]\n", "must be one of"),
        ("kind: FineTune\napiVersion: v1\n", "must be repoloom.dev/v1alpha1"),
        ("\x00", "is not YAML"),
        ("", "no resource in it"),
    ],
)
def test_a_file_that_is_no_resource_says_why(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read_resources([written(tmp_path, text)])


def test_a_few_aliases_cannot_stand_for_billions_of_nodes(tmp_path: Path) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(BadInput, match="more than 200000 nodes"):
        read_resources([written(tmp_path, "\n".join(levels))])


def test_deep_nesting_is_a_fault_and_no_crash(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not YAML"):
        read_resources([written(tmp_path, "a: " + "[" * 5000 + "]" * 5000)])


def test_a_file_that_is_missing_or_not_utf_8_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"a: \xe9\n")
    with pytest.raises(InvalidFiles) as caught:
        read_resources([tmp_path / "none", tmp_path / "latin", tmp_path])
    assert [fault.fault.message.split(":")[0] for fault in caught.value.faults] == [
        "cannot be read",
        "is not UTF-8 at byte 3",
        "cannot be read",
    ]


def test_two_resources_of_one_name_are_refused(tmp_path: Path) -> None:
    text = FINE_TUNE.replace("RATE", "1e-4")
    with pytest.raises(InvalidFiles, match="given twice"):
        read_resources([written(tmp_path, f"{text}---\n{text}")])


def test_settings_are_the_config_of_the_charts_values_or_that_block_alone(tmp_path: Path) -> None:
    block = "apiVersion: config.repoloom.dev/v1alpha1\nkind: Settings\nobjectStore: {bucket: training-data}\n"
    nested = "crds: {install: true}\nconfig:\n" + "".join(f"  {line}\n" for line in block.splitlines())
    alone = read_settings(written(tmp_path, block))
    assert alone.object_store is not None
    assert read_settings(written(tmp_path, nested)) == alone


def test_bad_settings_name_their_fields(tmp_path: Path) -> None:
    text = "apiVersion: config.repoloom.dev/v1alpha1\nkind: Settings\nobjectStore: {bucket: x, colour: red}\n"
    with pytest.raises(InvalidFiles) as caught:
        read_settings(written(tmp_path, text))
    assert [fault.fault.path for fault in caught.value.faults] == ["objectStore.bucket", "objectStore.colour"]
