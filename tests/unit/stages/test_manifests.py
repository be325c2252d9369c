"""Which manifests a snapshot keeps, whatever the source includes."""

from pathlib import Path

import pytest

from repoloom_stages.linking import manifests
from repoloom_stages.record_files import read_records
from support.repositories import Repository, symlink
from support.snapshots import pin_of_files, take_snapshot

PACKAGE = '[package]\nname = "a"\n'


def kept(tmp_path: Path, files: dict[str, object], **params: object) -> tuple[dict[str, str], dict[str, int]]:
    """Texts by path of the manifests that a snapshot of these files has, and what it dropped."""
    repository = Repository(tmp_path / "code")
    commit = repository.commit({"a.py": "x = 1\n", **files})  # type: ignore[dict-item]  # contents of every kind
    snapshot = take_snapshot(tmp_path / "taken", pin_of_files(commit), repository.folder, **params)
    folder = snapshot.outputs.folder / "manifests"
    found = {one["path"]: one["text"] for one in manifests.read_manifests([folder])}
    assert snapshot.outputs.records_in == snapshot.outputs.kept + sum(snapshot.outputs.dropped.values())
    return found, dict(snapshot.outputs.dropped)


def test_manifests_are_kept_though_the_source_includes_no_such_file(tmp_path: Path) -> None:
    files = {"crates/a/Cargo.toml": PACKAGE, "crates/a/README.md": "# A\n", "docs/README.md": "no manifest beside it\n"}
    found, _ = kept(tmp_path, files, include=("**/*.py",))
    assert found == {"crates/a/Cargo.toml": PACKAGE, "crates/a/README.md": "# A\n"}


def test_one_readme_is_taken_beside_a_manifest(tmp_path: Path) -> None:
    files = {"package.json": "{}", "readme.txt": "second\n", "Readme.md": "first\n", "README": "third\n"}
    found, _ = kept(tmp_path, files)
    assert sorted(found) == ["Readme.md", "package.json"]


def test_manifests_of_vendored_code_and_symlinks_are_left_out(tmp_path: Path) -> None:
    files = {"node_modules/m/package.json": "{}", "pom.xml": symlink("a.py"), "go.mod": "module m\n"}
    found, _ = kept(tmp_path, files)
    assert sorted(found) == ["go.mod"]


def test_manifest_that_is_too_large_or_no_text_is_counted(tmp_path: Path) -> None:
    files = {"a/Cargo.toml": b"#" * (manifests.MAX_BYTES + 1), "b/Cargo.toml": b"\xff\xfe", "c/Cargo.toml": PACKAGE}
    found, dropped = kept(tmp_path, files, include=("**/*.py",))
    assert sorted(found) == ["c/Cargo.toml"]
    assert (dropped["manifest too large"], dropped["manifest not text"]) == (1, 1)


def test_manifests_are_bounded_in_number_and_in_total(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifests, "MAX_NUMBER", 3)
    files = {f"p{n}/Cargo.toml": PACKAGE for n in range(5)}
    found, dropped = kept(tmp_path, files, include=("**/*.py",))
    assert (sorted(found), dropped["too many manifests"]) == ([f"p{n}/Cargo.toml" for n in range(3)], 2)


def test_byte_order_mark_is_no_part_of_a_manifest(tmp_path: Path) -> None:
    found, _ = kept(tmp_path, {"Cargo.toml": b"\xef\xbb\xbf" + PACKAGE.encode()})
    assert found["Cargo.toml"] == PACKAGE


def test_repository_without_manifests_has_an_empty_file_of_them(tmp_path: Path) -> None:
    found, dropped = kept(tmp_path, {})
    assert (found, dropped) == ({}, {})
    assert list(read_records(tmp_path / "taken" / "out" / "manifests" / manifests.MANIFESTS_FILE)) == []
