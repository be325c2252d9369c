"""Artifacts exist whole or not at all, and are what their digests say."""

import threading
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
import zstandard

from repoloom_api.artifacts import (
    Counts,
    FileEntry,
    artifact_key,
    below,
    blob_name,
    manifest_name,
    sha256_of,
    tree_digest,
)
from repoloom_api.catalogue import CATALOGUE
from repoloom_stages.runtime.artifact_store import ArtifactStore, Damaged
from repoloom_stages.runtime.code_digest import (
    LOCK_VARIABLE,
    SURROUNDINGS,
    _closure,
    _imports,
    _locked,
    _module_path,
    _version,
    code_digest,
    module_name,
)
from repoloom_stages.runtime.kept import MOST_PACKS, MemoPacks, StoredCheckpoints
from repoloom_stages.runtime.store import FolderStore

KEY = "0" * 64
CODE = "1" * 64


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(FolderStore(tmp_path / "store"), "default")


def folder(tmp_path: Path, **files: str) -> Path:
    root = tmp_path / f"folder-{len(list(tmp_path.iterdir()))}"
    root.mkdir()
    for name, text in files.items():
        (root / name).write_text(text)
    return root


def stored_blob(artifacts: ArtifactStore, entry: FileEntry) -> Path:
    return Path(artifacts.store.url) / "default" / blob_name(entry.sha256)


def test_an_artifact_comes_back_as_it_was(artifacts: ArtifactStore, tmp_path: Path) -> None:
    manifest = artifacts.publish("stage", KEY, CODE, {"in": ["2" * 64]}, folder(tmp_path, a="1", b=""), Counts(kept=2))
    assert artifacts.manifest("stage", KEY) == manifest
    artifacts.fetch(manifest.files, tmp_path / "back")
    assert {path.name: path.read_text() for path in (tmp_path / "back").iterdir()} == {"a": "1", "b": ""}


def test_of_two_artifacts_of_one_key_the_first_stays(artifacts: ArtifactStore, tmp_path: Path) -> None:
    first = artifacts.publish("stage", KEY, CODE, {}, folder(tmp_path, a="first"), Counts())
    second = artifacts.publish("stage", KEY, CODE, {}, folder(tmp_path, a="second"), Counts())
    assert second == first


def test_of_many_at_once_all_adopt_one(artifacts: ArtifactStore, tmp_path: Path) -> None:
    folders = [folder(tmp_path, a=str(number)) for number in range(8)]
    digests: list[str] = []

    def publish(each: Path) -> None:
        digests.append(artifacts.publish("stage", KEY, CODE, {}, each, Counts()).digest)

    threads = [threading.Thread(target=publish, args=(each,)) for each in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(digests) == 8
    assert len(set(digests)) == 1


@pytest.mark.parametrize("damage", [b"", b"changed", None])
def test_a_damaged_or_missing_file_is_never_read(
    artifacts: ArtifactStore, tmp_path: Path, damage: bytes | None
) -> None:
    manifest = artifacts.publish("stage", KEY, CODE, {}, folder(tmp_path, a="right"), Counts())
    blob = stored_blob(artifacts, manifest.files[0])
    blob.unlink()
    if damage is not None:
        blob.write_bytes(damage)
    with pytest.raises(Damaged):
        artifacts.read(manifest.files[0])
    with pytest.raises(Damaged):
        artifacts.fetch(manifest.files, tmp_path / "back")
    assert not blob.exists(), "what is damaged must not stand in the way of what is made again"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"stage": "stage"}'])
def test_a_broken_manifest_is_no_artifact_and_makes_way(artifacts: ArtifactStore, tmp_path: Path, text: str) -> None:
    artifacts.store.put(artifacts.name(manifest_name("stage", KEY)), text.encode())
    assert artifacts.manifest("stage", KEY) is None
    artifacts.publish("stage", KEY, CODE, {}, folder(tmp_path, a="1"), Counts())
    assert artifacts.manifest("stage", KEY) is not None


def test_a_manifest_under_another_key_is_no_artifact(artifacts: ArtifactStore, tmp_path: Path) -> None:
    artifacts.publish("stage", KEY, CODE, {}, folder(tmp_path, a="1"), Counts())
    name = artifacts.name(manifest_name("stage", KEY))
    other = "3" * 64
    artifacts.store.put(artifacts.name(manifest_name("stage", other)), artifacts.store.get(name) or b"")
    assert artifacts.manifest("stage", other) is None


def test_no_file_of_an_artifact_leaves_the_folder_it_is_fetched_into(artifacts: ArtifactStore, tmp_path: Path) -> None:
    (entry,) = artifacts.store_files(folder(tmp_path, a="1"))
    evil = FileEntry(path="x/../../evil", sha256=entry.sha256, bytes=entry.bytes)
    with pytest.raises(Damaged):
        artifacts.fetch([evil], tmp_path / "back")
    assert not (tmp_path / "evil").exists()


def test_links_in_a_stages_output_are_not_published(artifacts: ArtifactStore, tmp_path: Path) -> None:
    root = folder(tmp_path, a="1")
    (root / "link").symlink_to("/etc/passwd")
    assert [entry.path for entry in artifacts.store_files(root)] == ["a"]


def test_a_view_depends_on_its_own_files_alone() -> None:
    one = FileEntry(path="shards/b0/x", sha256=KEY, bytes=1)
    two = FileEntry(path="shards/b1/x", sha256=CODE, bytes=1)
    other = FileEntry(path="shards/b1/x", sha256="4" * 64, bytes=1)
    assert below([one, two], "shards/b0/") == (FileEntry(path="x", sha256=KEY, bytes=1),)
    assert tree_digest(below([one, two], "shards/b0/")) == tree_digest(below([one, other], "shards/b0/"))
    assert tree_digest([one, two]) == tree_digest([two, one]) != tree_digest([one, other])


def test_a_key_is_of_stage_code_params_and_inputs() -> None:
    keys = {
        artifact_key("a", CODE, {}, {}),
        artifact_key("b", CODE, {}, {}),
        artifact_key("a", KEY, {}, {}),
        artifact_key("a", CODE, {"x": 1}, {}),
        artifact_key("a", CODE, {}, {"in": [KEY]}),
        artifact_key("a", CODE, {}, {"in": [KEY, CODE]}),
        artifact_key("a", CODE, {}, {"in": [CODE, KEY]}),
    }
    assert len(keys) == 7


@pytest.mark.parametrize("stage", sorted(CATALOGUE))
def test_every_stage_has_its_module_and_a_code_digest(stage: str) -> None:
    assert module_name(stage) in _closure(stage)
    assert len(code_digest(stage)) == 64


def test_an_import_counts_wherever_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("""
import repoloom_stages.a, os
if os:
    from repoloom_stages.b import thing
else:
    from repoloom_stages import c
try:
    import repoloom_stages.d
except* OSError:
    import repoloom_stages.e
finally:
    import repoloom_stages.f
class Some:
    async def some(self):
        with self: import repoloom_stages.g
        match self:
            case 1:
                for _ in (): import repoloom_stages.h
        while True: import repoloom_stages.i
text = "import repoloom_stages.no"
""")
    assert {name for name in _imports(path) if "." not in name} == set("abcdefghi")


def test_no_digest_of_code_depends_on_how_bytes_are_stored() -> None:
    for stage in CATALOGUE:
        closure = _closure(stage)
        assert not {f"runtime.{name}" for name in ("store", "s3", "execute", "lookup", "kept")} & set(closure)
        assert all(_module_path(name) for name in SURROUNDINGS)


def packs_of(artifacts: ArtifactStore, shard: str = "b", source: str = "here") -> MemoPacks:
    return MemoPacks(artifacts, "index-code", source, shard)


def remember(artifacts: ArtifactStore, *blobs: str, shard: str = "b") -> None:
    """One run of the stage that asks for these blobs."""
    packs = packs_of(artifacts, shard)
    memo = packs.load()
    for blob in blobs:
        if memo.get(blob) is None:
            memo.put(blob, b'{"a":1}')
    packs.save(memo)


def test_memos_are_found_again_also_by_the_halves_of_a_split_shard(artifacts: ArtifactStore) -> None:
    remember(artifacts, "blob", shard="b0")
    for shard, known in {"b0": True, "b01": True, "b1": False, "b": False}.items():
        assert (packs_of(artifacts, shard).load().get("blob") is not None) == known, shard
    assert packs_of(artifacts, "b0", "elsewhere").load().get("blob") is None


def test_a_damaged_memo_pack_is_as_good_as_none(artifacts: ArtifactStore) -> None:
    remember(artifacts, "blob")
    (pack,) = artifacts.list("memos/")
    artifacts.store.put(artifacts.name(pack.name), b"broken")
    assert packs_of(artifacts).load().get("blob") is None


def test_a_memo_pack_that_nobody_packed_is_as_good_as_none(artifacts: ArtifactStore) -> None:
    remember(artifacts, "blob")
    (pack,) = artifacts.list("memos/")
    whole = artifacts.get(pack.name) or b""
    of_unknown_size = zstandard.ZstdCompressor(write_content_size=False).compress(b"other\t{}\n")
    for data in (b"", b"not compressed", whole[:-1], of_unknown_size):
        artifacts.store.put(artifacts.name(f"{pack.name.rpartition('/')[0]}/{sha256_of(data)}"), data)
    memo = packs_of(artifacts).load()
    assert [memo.get("blob"), memo.get("other")] == [b'{"a":1}', None]


def test_a_merge_replaces_a_damaged_pack_of_its_own_name(artifacts: ArtifactStore) -> None:
    remember(artifacts, "blob")
    (pack,) = artifacts.list("memos/")
    artifacts.store.put(artifacts.name(pack.name), b"broken")
    for number in range(MOST_PACKS - 1):
        artifacts.store.put(artifacts.name(f"{pack.name}{number}"), b"broken too")
    remember(artifacts, "blob")
    assert [one.name for one in artifacts.list("memos/")] == [pack.name]
    assert packs_of(artifacts).load().get("blob")


def test_many_memo_packs_become_one_without_what_is_asked_for_no_more(artifacts: ArtifactStore) -> None:
    for number in range(MOST_PACKS):
        remember(artifacts, "stays", f"version-{number}")
    assert len(list(artifacts.list("memos/"))) == MOST_PACKS
    remember(artifacts, "stays", f"version-{MOST_PACKS}")
    assert len(list(artifacts.list("memos/"))) == 1
    memo = packs_of(artifacts).load()
    assert memo.get("stays")
    assert [bool(memo.get(f"version-{number}")) for number in (0, MOST_PACKS)] == [False, True]


def test_checkpoints_come_back_newest_first_without_the_broken_ones(
    artifacts: ArtifactStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoints = StoredCheckpoints(artifacts, KEY)
    for step in (5, 10, 15):
        checkpoints.save(step, folder(tmp_path, state=f"after {step}"))
    assert [step for step, _ in checkpoints.newest_first(tmp_path / "all")] == [15, 10]
    newest = artifacts.store_files(folder(tmp_path, state="after 15"))[0]
    stored_blob(artifacts, newest).write_text("after 16")
    assert [step for step, _ in checkpoints.newest_first(tmp_path / "some")] == [10]
    assert "checkpoint 15 cannot be read" in capsys.readouterr().err
    checkpoints.clear()
    assert list(checkpoints.newest_first(tmp_path / "none")) == []


def test_what_is_published_again_replaces_a_damaged_blob(artifacts: ArtifactStore, tmp_path: Path) -> None:
    (entry,) = artifacts.store_files(folder(tmp_path, a="right"))
    stored_blob(artifacts, entry).write_text("wrong")
    artifacts.store_files(folder(tmp_path, a="right"))
    assert artifacts.read(entry) == b"right"


def test_what_another_image_installs_has_the_version_of_the_lock_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "uv.lock"
    packages = (("elsewhere", "1.2.3"), ("by-platform", "1"), ("by-platform", "2"))
    lock.write_text("".join(f'[[package]]\nname = "{name}"\nversion = "{version}"\n' for name, version in packages))
    monkeypatch.setenv(LOCK_VARIABLE, str(lock))
    _locked.cache_clear()
    assert _version("elsewhere") == "1.2.3"
    assert _version("pytest") == pytest.__version__, "what is installed is asked first"
    with pytest.raises(PackageNotFoundError):  # it may be either
        _version("by-platform")
    _locked.cache_clear()
