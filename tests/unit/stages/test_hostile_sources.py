"""One source full of what does harm, from `snapshot` to samples: each thing is left out or read, counted, and alone.

Trees that git itself stumbles over are in `test_hostile_repositories`, texts that exhaust a parser in
`test_hostile_texts`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from repoloom_api.catalogue import CodeUnitsParams, IndexCodeParams, LinkCodeParams
from repoloom_api.v1alpha1.recipes import CodeUnits, Keep
from repoloom_stages import code_units, index_code, link_code
from repoloom_stages.index_code import PARSER_LIMITS
from repoloom_stages.runtime.stage import Inputs, Outputs
from support.repositories import Content, Repository, symlink
from support.shards import made, write_tokenizer
from support.snapshots import Snapshot, pin_of_files, take_snapshot

SECRET = "this stands outside the repository"
SUFFIXES = ("cs", "py", "rs", "ts")
LEVELS = 100_000


def manifest(name: str, **needs: str) -> str:
    """A crate that needs others, each of them in a section."""
    lines = "".join(f'[{section}]\n{other} = {{ path = "../{other}" }}\n' for other, section in needs.items())
    return f'[package]\nname = "{name}"\n{lines}'


GOOD: dict[str, Content] = {
    "good/Cargo.toml": manifest("good"),
    "good/src/lib.rs": "mod part;\npub fn call() -> u8 {\n    part::called()\n}\n",
    "good/src/part.rs": "pub fn called() -> u8 {\n    1\n}\n",
    "script/good.py": "def good():\n    return 'good'\n",
}

LEFT_OUT: dict[str, tuple[Content, str]] = {
    "links/a.rs": (symlink("b.rs"), "symlink"),
    "links/b.rs": (symlink("a.rs"), "symlink"),
    "links/up": (symlink(".."), "symlink"),
    "links/here": (symlink("."), "symlink"),
    "links/root.py": (symlink("/"), "symlink"),
    "links/out.py": (symlink("../../secret.py"), "symlink"),
    "links/Cargo.toml": (symlink("../../secret.py"), "symlink"),
    "bytes/latin.rs": (b"// \xe9\nfn latin() {}\n", "not UTF-8"),
    "bytes/cut.rs": ("fn cut() {} // é".encode()[:-1], "not UTF-8"),
    "bytes/nul.rs": ("fn nul() {}\0\n", "binary"),
    "bytes/wide.rs": ("fn wide() {}\n".encode("utf-16"), "binary"),
    "bytes/huge.rs": (b"fn huge() {}\n" * (50_000_000 // 13), "too large"),
    "bytes/spaces.rs": (" \r\n\t", "empty"),
    "names/a\nb.rs": ("fn line() {}\n", "odd path"),
    'names/a"b.rs': ("fn quote() {}\n", "odd path"),
    "names/\udcff.rs": ("fn bytes() {}\n", "odd path"),
    "names/\u202e\x1b.rs": ("fn control() {}\n", "odd path"),
    "d/" * 600 + "deep.rs": ("fn deep() {}\n", "odd path"),
    "empty/Cargo.toml": ("", "empty"),
}

READ: dict[str, Content] = {
    "empty/src/lib.rs": "pub fn in_empty() {}\n",
    "broken/Cargo.toml": "[package\nname = ]\n",
    "broken/src/lib.rs": "pub fn in_broken() {}\n",
    "missing/Cargo.toml": '[workspace]\nmembers = ["nowhere", "../..", "bare", "/etc"]\n',
    "missing/bare/src/lib.rs": "pub fn in_bare() {}\n",
    "folder/Cargo.toml/src/lib.rs": "pub fn in_folder() {}\n",
    "links/src/lib.rs": "pub fn in_links() {}\n",
    "tested/one/Cargo.toml": manifest("one", two="dev-dependencies"),
    "tested/one/src/lib.rs": "pub fn first() {}\n#[test]\nfn tests() { two::second() }\n",
    "tested/two/Cargo.toml": manifest("two", one="dependencies"),
    "tested/two/src/lib.rs": "pub fn second() { one::first() }\n",
    "cycle/left/Cargo.toml": manifest("left", right="dependencies"),
    "cycle/left/src/lib.rs": "pub fn left() { right::right() }\n",
    "cycle/right/Cargo.toml": manifest("right", left="dependencies"),
    "cycle/right/src/lib.rs": "pub fn right() { left::left() }\n",
    "cycle/self/Cargo.toml": manifest("self", self="dependencies"),
    "cycle/self/src/lib.rs": "pub fn alone() { alone() }\n",
    "texts/crlf.rs": "pub fn crlf() {\r\n    one();\r\n}\r\n",
    "texts/mark.rs": "\ufeffpub fn mark() {}\n",
    "texts/control.rs": "pub fn control() {} // \x01\x02\x1b[31m\x7f\x85\x0b\n",
    "texts/turned.rs": "pub fn turned() {} /* \u202e\u2066 } \u2069 */\n",
    "texts/special.rs": 'pub fn special() -> &str { "<|endoftext|><|fim_prefix|></s>[INST]<|im_start|>" }\n',
    "texts/torn.rs": "pub fn torn( {{{ ) impl ] fn\n",
    "texts/tags.rs": "pub fn tags() {} // </file></path><path>\n",
    "names/</path>/<file>.rs": "pub fn tagged() {}\n",
    "names/" + "n" * 252 + ".rs": "pub fn long_name() {}\n",
    "d/" * 500 + "deep.rs": "pub fn deep_folder() {}\n",
}

DEEP: dict[str, Content] = {f"deep/nested.{suffix}": "(\n" * LEVELS + ")\n" * LEVELS for suffix in SUFFIXES}


@dataclass(frozen=True)
class Built:
    """What the stages made of a source."""

    snapshot: Snapshot
    index: Outputs
    links: Outputs
    units: Outputs

    @property
    def samples(self) -> dict[str, list[Any]]:
        """Samples by the path that they are of."""
        result: dict[str, list[Any]] = {}
        for one in made(self.units, "records/records.jsonl.zst"):
            result.setdefault(one["source"][0]["path"], []).append(one)
        return result


def build(folder: Path, files: Mapping[str, Content]) -> Built:
    """From commit to samples of files and functions, under tags that name path and crate."""
    repository = Repository(folder / "repository")
    head = repository.commit(files)
    (folder / "secret.py").write_text(f"# {SECRET}\n")
    taken = take_snapshot(
        folder / "taken", pin_of_files(head), repository.folder, max_file_bytes=2_000_000, shard_bytes=100_000_000
    )
    made_of = taken.outputs.folder
    roles = {"shards": (made_of,), "files": (made_of / "shards/b",), "manifests": (made_of / "manifests",)}
    index = Outputs(folder / "indexed")
    index_code.run(IndexCodeParams(), Inputs(roles), index)
    roles |= {role: (index.folder / role,) for role in ("index", "places")}
    links = Outputs(folder / "linked")
    link_code.run(LinkCodeParams(), Inputs(roles), links)
    roles["tokenizer"] = (write_tokenizer(folder / "model"),)
    units = Outputs(folder / "units")
    code_units.run(UNITS, Inputs(roles), units)
    return Built(taken, index, links, units)


UNITS = CodeUnitsParams(
    recipe="units",
    units=CodeUnits.model_validate(
        {"granularities": ["file", "function"], "header": {"tags": {"fields": ["file", "crate"]}}}
    ),
    keep=Keep(),
    min_tokens=0,
    max_tokens=4096,
    tagged=False,
)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Built:
    left_out = {path: content for path, (content, _) in LEFT_OUT.items()}
    return build(tmp_path_factory.mktemp("hostile"), GOOD | left_out | READ | DEEP)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(tmp_path_factory.mktemp("good"), GOOD)


def test_every_stage_counts_all_it_was_given(hostile: Built) -> None:
    for outputs in (hostile.snapshot.outputs, hostile.index, hostile.links, hostile.units):
        assert outputs.records_in == outputs.kept + sum(outputs.dropped.values())
        assert outputs.kept


def test_what_is_left_out_is_counted_by_its_reason(hostile: Built) -> None:
    assert Counter(hostile.snapshot.outputs.dropped) == Counter(reason for _, reason in LEFT_OUT.values())
    assert set(hostile.snapshot.texts) == {*GOOD, *READ, *DEEP}


def test_broken_manifests_are_counted_once_and_name_no_crate(hostile: Built) -> None:
    assert hostile.links.dropped["broken manifest"] == 1
    crates = {one["path"]: one["crate"] for one in made(hostile.index, "places/files.jsonl.zst")}
    nameless = ("empty", "broken", "missing/bare", "folder/Cargo.toml", "links")
    assert {crates[f"{folder}/src/lib.rs"] for folder in nameless} == {""}
    named = {"good", "tested/one", "tested/two", "cycle/left", "cycle/right", "cycle/self"}
    assert {folder: crates[f"{folder}/src/lib.rs"] for folder in named} == {
        folder: folder.rpartition("/")[2] for folder in named
    }


def test_calls_are_resolved_across_crates_that_need_each_other(hostile: Built) -> None:
    linked = made(hostile.links, "links/b/files.jsonl.zst")
    calls = {item["id"]: item["calls"] for file in linked for item in file["items"] if item["calls"]}
    assert (calls["one::tests"], calls["two::second"]) == (["two::second"], ["one::first"])
    assert (calls["left::left"], calls["right::right"]) == (["right::right"], ["left::left"])
    order = [one["path"] for one in made(hostile.links, "graph/files.jsonl.zst")]
    assert order.index("tested/one/src/lib.rs") < order.index("tested/two/src/lib.rs")
    assert order.index("good/src/part.rs") < order.index("good/src/lib.rs")


def test_odd_texts_are_read_all_the_same(hostile: Built) -> None:
    index = {one["path"]: one for one in made(hostile.index, "index/files.jsonl.zst")}
    texts = [path for path in READ if path.startswith(("texts/", "names/", "d/")) and path != "texts/torn.rs"]
    for path in texts:
        assert index[path]["parsed"], path
        assert len(index[path]["items"]) == 1, path
    assert not index["texts/torn.rs"]["parsed"]


def test_deep_texts_are_not_parsed_and_cut_between_their_lines(hostile: Built) -> None:
    """A parser that makes one flat error of them has read them; others are left, and counted."""
    index = {one["path"]: one for one in made(hostile.index, "index/files.jsonl.zst")}
    assert not any(index[path]["parsed"] for path in DEEP)
    unread = sum(index[path]["unread"] == PARSER_LIMITS for path in DEEP)
    assert dict(hostile.index.dropped) == {PARSER_LIMITS: unread}
    assert unread
    for path in DEEP:
        lines = [line for one in hostile.samples[path] for line in range(*_lines(one))]
        assert sorted(set(lines)) == list(range(1, 2 * LEVELS + 1))


def _lines(sample: Any) -> tuple[int, int]:
    (source,) = sample["source"]
    return source["start"], source["end"] + 1


def test_nothing_from_outside_is_in_any_output(hostile: Built) -> None:
    texts = [file["text"] for file in hostile.snapshot.files.values()]
    texts += [one["text"] for samples in hostile.samples.values() for one in samples]
    texts += [one["text"] for one in made(hostile.snapshot.outputs, "manifests/manifests.jsonl.zst")]
    assert not any(SECRET in text or "root:" in text for text in texts)


def test_samples_of_other_files_are_as_without_all_that(hostile: Built, good: Built) -> None:
    for path in GOOD:
        known = [(one["text"], one["tokens"], one["name"], one["source"]) for one in good.samples.get(path, [])]
        found = [(one["text"], one["tokens"], one["name"], one["source"]) for one in hostile.samples.get(path, [])]
        assert found == known
    assert set(good.samples) == set(GOOD)


def test_a_name_that_is_a_tag_is_none_in_a_header(hostile: Built) -> None:
    samples = hostile.samples["names/</path>/<file>.rs"]
    for one in samples:
        before, _, code = one["text"].partition("\n\n<file>\n")
        assert before == "<path>\nFile: names/&lt;/path>/&lt;file>.rs\n</path>"
        assert code == "pub fn tagged() {}\n</file>"
    assert len(samples) == 1  # the file; the function in it repeats it
