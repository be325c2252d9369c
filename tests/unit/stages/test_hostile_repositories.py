"""Repositories that try to run something, read something of the host, or break what reads them.

Every case goes through `resolve` and `snapshot` as a checkout at hand. A canary file shows whether anything ran; a
secret outside the repository shows whether anything of the host was read.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from repoloom_stages.errors import BadInput, StageError, UnsafeInput
from repoloom_stages.record_files import read_records
from support.git_server import git_server
from support.repositories import Repository, submodule, symlink
from support.snapshots import Snapshot, pin_of_files, pin_repository, take_snapshot

GOOD = "def good():\n    return 'good'\n"
SECRET = "the-secret-of-the-host"


@dataclass(frozen=True)
class Trap:
    """A repository with one good commit, and what must stay as it is."""

    repository: Repository
    canary: Path
    """Nothing may make it."""
    secret: Path
    """Nothing may read it."""

    @property
    def command(self) -> str:
        """A shell command that makes the canary."""
        return f"touch {self.canary}"

    @property
    def program(self) -> Path:
        """An executable that makes the canary, whatever it is called with."""
        program = self.canary.parent / "program"
        program.write_text(f"#!/bin/sh\ntouch {self.canary}\ncat\n")
        program.chmod(0o755)
        return program

    def configure(self, *settings: str) -> None:
        """Write `key=value` into the repository's own configuration."""
        for setting in settings:
            key, _, value = setting.partition("=")
            self.repository.git("config", "--add", key, value)

    def take(self, checkout: Path | None = None) -> Snapshot:
        """Pin HEAD and take a snapshot of it."""
        checkout = checkout or self.repository.folder
        folder = self.canary.parent
        return take_snapshot(folder / "snapshot", pin_repository(folder / "resolved", checkout), checkout)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    repository = Repository(tmp_path_factory.mktemp("original") / "repository")
    repository.commit({"good.py": GOOD})
    return repository


@pytest.fixture
def trap(original: Repository, tmp_path: Path) -> Iterator[Trap]:
    repository = original.copy(tmp_path / "repository")
    secret = tmp_path / "secret.py"
    secret.write_text(f"password = '{SECRET}'\n")
    trap = Trap(repository, tmp_path / "canary", secret)
    yield trap
    assert not trap.canary.exists()
    for written in (tmp_path / "snapshot").rglob("*.zst"):
        assert SECRET not in str(list(read_records(written)))


# ---- what would run

Prepare = Callable[[Trap], object]
RUNNING: dict[str, Prepare] = {}


def runs(name: str) -> Callable[[Prepare], Prepare]:
    """A case that prepares something to run; the snapshot is to be as if it were not there."""

    def add(prepare: Prepare) -> Prepare:
        RUNNING[name] = prepare
        return prepare

    return add


@runs("hooks of every name")
def _(trap: Trap) -> None:
    hooks = trap.repository.git_dir / "hooks"
    hooks.mkdir()
    for name in (
        "post-checkout",
        "post-index-change",
        "fsmonitor-watchman",
        "pre-auto-gc",
        "pre-receive",
        "update",
        "post-update",
        "post-receive",
        "reference-transaction",
        "proc-receive",
        "sendemail-validate",
    ):
        (hooks / name).symlink_to(trap.program)


@runs("hooks in a folder that the configuration names")
def _(trap: Trap) -> None:
    hooks = trap.canary.parent / "hooks"
    hooks.mkdir()
    (hooks / "reference-transaction").symlink_to(trap.program)
    trap.configure(f"core.hooksPath={hooks}")


@runs("a file system monitor")
def _(trap: Trap) -> None:
    trap.configure(f"core.fsmonitor={trap.program}")


@runs("an ssh command and proxies")
def _(trap: Trap) -> None:
    trap.configure(
        f"core.sshCommand={trap.command}",
        f"core.gitProxy={trap.program}",
        "remote.origin.url=ssh://example.com/x",
        "remote.origin.promisor=true",
    )


@runs("a hook of upload-pack")
def _(trap: Trap) -> None:
    trap.configure(f"uploadpack.packObjectsHook={trap.program}", f"core.alternateRefsCommand={trap.program}")


@runs("pager, editor and askpass")
def _(trap: Trap) -> None:
    trap.configure(
        f"core.pager={trap.command}",
        f"pager.log={trap.command}",
        f"core.editor={trap.command}",
        f"core.askPass={trap.program}",
    )


@runs("aliases for what git is asked to do")
def _(trap: Trap) -> None:
    trap.configure(*(f"alias.{name}=!{trap.command}" for name in ("log", "ls-tree", "cat-file", "rev-parse", "init")))


@runs("a credential helper")
def _(trap: Trap) -> None:
    trap.configure(f"credential.helper=!{trap.command}", "remote.origin.url=https://example.com/x")


@runs("signature programs")
def _(trap: Trap) -> None:
    trap.configure(f"gpg.program={trap.program}", "log.showSignature=true", f"gpg.ssh.program={trap.program}")


@runs("an included configuration")
def _(trap: Trap) -> None:
    included = trap.canary.parent / "included"
    included.write_text(f"[core]\n\tfsmonitor = {trap.program}\n[diff]\n\texternal = {trap.program}\n")
    trap.configure(f"include.path={included}")


@runs("filters for every file")
def _(trap: Trap) -> None:
    trap.repository.commit({".gitattributes": "* filter=evil\n"})
    trap.configure(*(f"filter.evil.{kind}={trap.command}" for kind in ("smudge", "clean", "process")))
    trap.configure("filter.evil.required=true")
    (trap.repository.git_dir / "info").mkdir(exist_ok=True)
    (trap.repository.git_dir / "info" / "attributes").write_text("* filter=evil\n")


@runs("diff and merge drivers for every file")
def _(trap: Trap) -> None:
    trap.repository.commit({".gitattributes": "* diff=evil merge=evil\n"})
    trap.configure(
        f"diff.external={trap.program}",
        f"diff.evil.command={trap.program}",
        f"diff.evil.textconv={trap.program}",
        f"merge.evil.driver={trap.program}",
    )


@runs("a submodule whose URL is an option")
def _(trap: Trap) -> None:
    modules = f'[submodule "x"]\n\tpath = x\n\turl = --upload-pack={trap.command}\n\tupdate = !{trap.command}\n'
    trap.repository.commit({".gitmodules": modules, "x": submodule("1" * 40)})
    trap.configure(f"submodule.x.update=!{trap.command}", "submodule.recurse=true", "fetch.recurseSubmodules=true")


@runs("a submodule whose URL is a command, with a path out of the repository")
def _(trap: Trap) -> None:
    modules = f'[submodule "../../x"]\n\tpath = ../x\n\turl = ext::sh -c {trap.command}\n'
    trap.repository.commit({".gitmodules": modules, "sub/x": submodule("2" * 40)})
    trap.configure("protocol.ext.allow=always")


@runs("a file that git-lfs would fetch")
def _(trap: Trap) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12\n"
    trap.repository.commit(
        {
            "data.py": pointer,
            ".gitattributes": "*.py filter=lfs diff=lfs merge=lfs -text\n",
            ".lfsconfig": f"[lfs]\n\turl = ext::sh -c {trap.command}\n\tcustomtransfer.x.path = {trap.program}\n",
        }
    )
    trap.configure(f"filter.lfs.smudge={trap.command}", f"filter.lfs.process={trap.command}")


@runs("a branch that is called like an option")
def _(trap: Trap) -> None:
    name = f"--upload-pack={trap.program.name}"
    trap.repository.git("update-ref", f"refs/heads/{name}", "HEAD")
    trap.repository.git("update-ref", f"refs/tags/{name}", "HEAD")
    trap.repository.git("symbolic-ref", "HEAD", f"refs/heads/{name}")


@runs("replacements and grafts")
def _(trap: Trap) -> None:
    original = trap.repository.head
    other = trap.repository.commit({"bad.py": f"x = '{SECRET}'\n", "good.py": None})
    assert original
    trap.repository.git("replace", original, other)
    trap.repository.git("update-ref", "refs/heads/main", original)
    (trap.repository.git_dir / "info").mkdir(exist_ok=True)
    (trap.repository.git_dir / "info" / "grafts").write_text(f"{original} {other}\n")


@runs("a lie in the configuration about where the work tree and the objects are")
def _(trap: Trap) -> None:
    trap.configure("core.worktree=/etc", "core.bare=false", "extensions.worktreeConfig=true", "core.symlinks=true")


@runs("an index, a stash and a work tree full of other things")
def _(trap: Trap) -> None:
    (trap.repository.folder / "dirty.py").write_text(f"x = '{SECRET}'\n")
    (trap.repository.folder / "good.py").write_text(f"x = '{SECRET}'\n")
    trap.repository.git("add", "dirty.py")
    (trap.repository.folder / "link.py").symlink_to(trap.secret)


@runs("objects of a broken name beside the good ones")
def _(trap: Trap) -> None:
    folder = trap.repository.git_dir / "objects" / "ab"
    folder.mkdir(exist_ok=True)
    (folder / ("0" * 38)).symlink_to(trap.secret)
    (folder / "not an object").write_text("x")


@runs("a commit graph and a bitmap of rubbish")
def _(trap: Trap) -> None:
    info = trap.repository.git_dir / "objects" / "info"
    info.mkdir(exist_ok=True)
    (info / "commit-graph").write_bytes(b"CGPH" + b"\xff" * 100)
    (info / "packs").write_text("P ../../secret.py\n")


@pytest.mark.parametrize("prepare", RUNNING.values(), ids=RUNNING)
def test_nothing_runs_and_good_files_are_read(prepare: Prepare, trap: Trap) -> None:
    prepare(trap)
    texts = trap.take().texts
    assert texts == {"good.py": GOOD}


def test_missing_objects_are_not_fetched_by_a_helper(trap: Trap) -> None:
    blob = trap.repository.git("rev-parse", "HEAD:good.py").strip()
    _remove(trap.repository, blob)
    trap.configure(
        "extensions.partialClone=origin",
        "remote.origin.promisor=true",
        f"remote.origin.url=ext::sh -c {trap.command.replace(' ', '% ')}",
        "protocol.allow=always",
        "protocol.ext.allow=always",
        "core.repositoryFormatVersion=1",
    )
    with pytest.raises(BadInput, match="partial"):
        trap.take()


def test_missing_objects_are_not_fetched_by_a_program_of_the_configuration(trap: Trap) -> None:
    blob = trap.repository.git("rev-parse", "HEAD:good.py").strip()
    _remove(trap.repository, blob)
    trap.configure(
        "extensions.partialClone=origin",
        "remote.origin.promisor=true",
        "remote.origin.url=.",
        f"remote.origin.uploadpack={trap.command};",
        "core.repositoryFormatVersion=1",
    )
    with pytest.raises(BadInput, match="partial"):
        trap.take()


def test_our_own_environment_and_configuration_are_not_passed_on(trap: Trap, monkeypatch: pytest.MonkeyPatch) -> None:
    home = trap.canary.parent / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        f"[core]\n\tfsmonitor = {trap.program}\n\thooksPath = {home}\n[diff]\n\texternal = {trap.program}\n"
        f"[alias]\n\tlog = !{trap.command}\n[log]\n\tshowSignature = true\n[diff]\n\tnoprefix = true\n"
    )
    (home / "reference-transaction").symlink_to(trap.program)
    for name, value in {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "GIT_DIR": "/nowhere",
        "GIT_OBJECT_DIRECTORY": "/nowhere",
        "GIT_EXTERNAL_DIFF": str(trap.program),
        "GIT_SSH_COMMAND": trap.command,
        "GIT_PAGER": trap.command,
        "GIT_ALLOW_PROTOCOL": "ext:file:https",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": str(trap.program),
        "GIT_TRACE": str(trap.canary),
    }.items():
        monkeypatch.setenv(name, value)
    assert trap.take().texts == {"good.py": GOOD}


# ---- odd entries in trees

DROPPED: dict[str, tuple[Prepare, dict[str, int]]] = {
    "a symlink to an absolute path": (lambda t: t.repository.commit({"a.py": symlink(str(t.secret))}), {"symlink": 1}),
    "a symlink out of the repository": (
        lambda t: t.repository.commit({"a.py": symlink("../secret.py")}),
        {"symlink": 1},
    ),
    "a symlink to itself": (lambda t: t.repository.commit({"a.py": symlink("a.py")}), {"symlink": 1}),
    "a symlink where there was a folder": (
        lambda t: (t.repository.commit({"d/a.py": GOOD}), t.repository.commit({"d": symlink("/etc")})),
        {"symlink": 1},
    ),
    "a submodule": (lambda t: t.repository.commit({"a.py": submodule("3" * 40)}), {"submodule": 1}),
    "a file with a NUL": (lambda t: t.repository.commit({"a.py": b"x = 1\0\n"}), {"binary": 1}),
    "a file that is not UTF-8": (lambda t: t.repository.commit({"a.py": b"x = '\xff'\n"}), {"not UTF-8": 1}),
    "UTF-16": (lambda t: t.repository.commit({"a.py": "x = 1\n".encode("utf-16")}), {"binary": 1}),
    "a surrogate in UTF-8": (lambda t: t.repository.commit({"a.py": b"x = '\xed\xa0\x80'\n"}), {"not UTF-8": 1}),
    "a huge file": (lambda t: t.repository.commit({"a.py": b"x = 1\n" * 500_000}), {"too large": 1}),
    "one endless line": (lambda t: t.repository.commit({"a.py": b"x" * 50_000}), {"minified": 1}),
    "a line break in a name": (lambda t: t.repository.commit({"a\nb.py": GOOD}), {"odd path": 1}),
    "an escape sequence in a name": (lambda t: t.repository.commit({"\x1b[31mb.py": GOOD}), {"odd path": 1}),
    "a name that is not UTF-8": (lambda t: t.repository.commit({"\udcff.py": GOOD}), {"odd path": 1}),
    "a quote in a name": (lambda t: t.repository.commit({'a"b.py': GOOD}), {"odd path": 1}),
    "a backslash in a name": (lambda t: t.repository.commit({"..\\b.py": GOOD}), {"odd path": 1}),
    "a name without end": (lambda t: _odd_tree(t, b"a" * 5000 + b".py"), {"odd path": 1}),
    "a way out of the repository": (lambda t: _odd_folder(t, b"..", b"b.py"), {"odd path": 1}),
    "a folder that is this one": (lambda t: _odd_folder(t, b".", b"b.py"), {"odd path": 1}),
    "a slash in a name": (lambda t: _odd_tree(t, b"../../b.py"), {"odd path": 1}),
    "an absolute path": (lambda t: _odd_tree(t, b"/etc/b.py"), {"odd path": 1}),
    "two files of one name": (lambda t: _odd_tree(t, b"good.py"), {}),
    "the same name in other case": (lambda t: t.repository.commit({"GOOD.bin": b"\0"}), {"unknown language": 1}),
}


@pytest.mark.parametrize(("prepare", "dropped"), DROPPED.values(), ids=DROPPED)
def test_odd_entry_is_left_out_and_counted(prepare: Prepare, dropped: dict[str, int], trap: Trap) -> None:
    prepare(trap)
    snapshot = trap.take()
    assert snapshot.texts == {"good.py": GOOD}
    assert dict(snapshot.outputs.dropped) == dropped
    assert snapshot.outputs.kept == 1
    assert snapshot.outputs.records_in == snapshot.outputs.kept + sum(dropped.values())


def _odd_tree(trap: Trap, name: bytes) -> None:
    blob = trap.repository.blob(GOOD.encode())
    other = trap.repository.blob(b"x = 'other'\n")
    trap.repository.commit_tree(trap.repository.tree([("100644", b"good.py", blob), ("100644", name, other)]))


def _odd_folder(trap: Trap, folder: bytes, name: bytes) -> None:
    blob = trap.repository.blob(GOOD.encode())
    inner = trap.repository.tree([("100644", name, trap.repository.blob(b"x = 'other'\n"))])
    trap.repository.commit_tree(trap.repository.tree([("40000", folder, inner), ("100644", b"good.py", blob)]))


ORDINARY = {
    "a name that is an option": "--upload-pack=touch canary.py",
    "a name that is a short option": "-rf.py",
    "a name with spaces": " a  b .py",
    "a name that is a revision": "HEAD.py",
    "a name with a shell's signs": "$(touch canary);&|<>*?[a].py",
    "a name of Argo's": "{{workflow.name}}.py",
    "a name in another script": "日本/ä.py",
    "a pathspec": ":(exclude)a.py",
    "a name of a device": "con.py",
    "a hidden file": ".github/a.py",
    "what git keeps its own files in": "sub/.git.py",
}


@pytest.mark.parametrize("path", ORDINARY.values(), ids=ORDINARY)
def test_strange_but_ordinary_name_is_read(path: str, trap: Trap) -> None:
    trap.repository.commit({path: "x = 'strange'\n"})
    assert trap.take().texts == {"good.py": GOOD, path: "x = 'strange'\n"}


def test_git_folder_in_a_tree_is_only_text(trap: Trap) -> None:
    config = trap.repository.blob(f"[core]\n\tfsmonitor = {trap.program}\n".encode())
    git = trap.repository.tree([("100644", b"config.ini", config), ("40000", b"hooks", _hooks(trap))])
    good = trap.repository.blob(GOOD.encode())
    trap.repository.commit_tree(trap.repository.tree([("40000", b".git", git), ("100644", b"good.py", good)]))
    assert set(trap.take().texts) == {".git/config.ini", ".git/hooks/post-checkout.sh", "good.py"}


def _hooks(trap: Trap) -> str:
    return trap.repository.tree([("100755", b"post-checkout.sh", trap.repository.blob(trap.command.encode()))])


# ---- repositories that are not what they seem

REFUSED: dict[str, tuple[Callable[[Trap], Path], type[StageError], str]] = {}


def refused(
    name: str, kind: type[StageError], message: str
) -> Callable[[Callable[[Trap], Path]], Callable[[Trap], Path]]:
    """A case whose checkout is refused with an error that says why."""

    def add(prepare: Callable[[Trap], Path]) -> Callable[[Trap], Path]:
        REFUSED[name] = (prepare, kind, message)
        return prepare

    return add


@refused("a folder without a repository", BadInput, "no git checkout")
def _(trap: Trap) -> Path:
    return trap.canary.parent


@refused("a folder that is not there", BadInput, "no git checkout")
def _(trap: Trap) -> Path:
    return trap.canary.parent / "nowhere"


@refused("a file", BadInput, "no git checkout")
def _(trap: Trap) -> Path:
    return trap.secret


@refused("a .git file that leads nowhere", BadInput, "no git checkout")
def _(trap: Trap) -> Path:
    folder = trap.canary.parent / "linked"
    folder.mkdir()
    (folder / ".git").write_text("gitdir: /nowhere\n")
    return folder


@refused("a repository without commits", BadInput, "no branch")
def _(trap: Trap) -> Path:
    return Repository(trap.canary.parent / "empty").folder


@refused("a HEAD that leads out of the repository", BadInput, "no branch")
def _(trap: Trap) -> Path:
    (trap.canary.parent / "outside").write_text(f"{trap.repository.head}\n")
    (trap.repository.git_dir / "HEAD").write_text("ref: refs/../../../outside\n")
    return trap.repository.folder


@refused("a HEAD that is the secret", BadInput, "no branch")
def _(trap: Trap) -> Path:
    (trap.repository.git_dir / "HEAD").unlink()
    (trap.repository.git_dir / "HEAD").symlink_to(trap.secret)
    return trap.repository.folder


@refused("references that lead in circles", BadInput, "no branch")
def _(trap: Trap) -> Path:
    (trap.repository.git_dir / "refs" / "heads" / "main").write_text("ref: refs/heads/main\n")
    return trap.repository.folder


@refused("a reference to a blob", BadInput, "no branch")
def _(trap: Trap) -> Path:
    blob = trap.repository.git("rev-parse", "HEAD:good.py")
    (trap.repository.git_dir / "refs" / "heads" / "main").write_text(blob)
    return trap.repository.folder


@refused("objects named by SHA-256", BadInput, "SHA-256")
def _(trap: Trap) -> Path:
    (trap.repository.git_dir / "refs" / "heads" / "main").write_text("a" * 64 + "\n")
    return trap.repository.folder


@refused("references in tables", BadInput, "reftable")
def _(trap: Trap) -> Path:
    (trap.repository.git_dir / "reftable").mkdir()
    return trap.repository.folder


@refused("a tree that is missing", BadInput, "damaged or incomplete")
def _(trap: Trap) -> Path:
    _remove(trap.repository, trap.repository.git("rev-parse", "HEAD^{tree}").strip())
    return trap.repository.folder


@refused("a content that is missing", BadInput, "partial clone")
def _(trap: Trap) -> Path:
    _remove(trap.repository, trap.repository.git("rev-parse", "HEAD:good.py").strip())
    return trap.repository.folder


@refused("a content that is not what its name says", BadInput, "damaged")
def _(trap: Trap) -> Path:
    blob = trap.repository.git("rev-parse", "HEAD:good.py").strip()
    path = trap.repository.git_dir / "objects" / blob[:2] / blob[2:]
    path.chmod(0o644)
    content = GOOD.replace("good", "evil").encode()
    path.write_bytes(zlib.compress(b"blob %d\0" % len(content) + content))
    return trap.repository.folder


@refused("a content that is the secret", BadInput, "partial clone|damaged")
def _(trap: Trap) -> Path:
    blob = trap.repository.git("rev-parse", "HEAD:good.py").strip()
    path = _remove(trap.repository, blob)
    path.symlink_to(trap.secret)
    return trap.repository.folder


@refused("a file whose content is a commit", BadInput, "missing or damaged|damaged")
def _(trap: Trap) -> Path:
    assert trap.repository.head
    trap.repository.commit_tree(trap.repository.tree([("100644", b"good.py", trap.repository.head)]))
    return trap.repository.folder


@refused("a tree of rubbish", BadInput, "damaged")
def _(trap: Trap) -> Path:
    rubbish = trap.repository.git(
        "hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=b"100644 no end"
    ).strip()
    (trap.repository.git_dir / "refs" / "heads" / "main").write_text(_commit_of(trap.repository, rubbish) + "\n")
    return trap.repository.folder


@refused("nothing but what is left out", BadInput, "symlink")
def _(trap: Trap) -> Path:
    trap.repository.commit({"good.py": symlink("/etc/passwd")})
    return trap.repository.folder


@refused("a tree with more paths than a machine can list", UnsafeInput, "paths")
def _(trap: Trap) -> Path:
    inner = trap.repository.blob(b"x = 1\n")
    mode = "100644"
    for _ in range(12):
        inner = trap.repository.tree([(mode, b"%c.py" % letter, inner) for letter in b"abcdefghij"])
        mode = "40000"
    trap.repository.commit_tree(inner)
    return trap.repository.folder


@pytest.mark.parametrize(("prepare", "kind", "message"), REFUSED.values(), ids=REFUSED)
def test_repository_is_refused_with_a_reason(
    prepare: Callable[[Trap], Path],
    kind: type[StageError],
    message: str,
    trap: Trap,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("repoloom_stages.origins.git_mirror.MAX_PATHS", 1000)
    with pytest.raises(kind, match=message) as error:
        trap.take(prepare(trap))
    assert SECRET not in str(error.value)


def _commit_of(repository: Repository, tree: str) -> str:
    body = f"tree {tree}\nauthor A <a@b> 1704067200 +0000\ncommitter A <a@b> 1704067200 +0000\n\nx\n".encode()
    return repository.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=body).strip()


def _remove(repository: Repository, name: str) -> Path:
    path = repository.git_dir / "objects" / name[:2] / name[2:]
    path.unlink()
    return path


# ---- shapes of clones


def test_detached_head_is_read(trap: Trap) -> None:
    assert trap.repository.head
    (trap.repository.git_dir / "HEAD").write_text(trap.repository.head + "\n")
    assert trap.take().texts == {"good.py": GOOD}


def test_bare_repository_is_read(tmp_path: Path, trap: Trap) -> None:
    bare = Repository(tmp_path / "bare", bare=True)
    bare.commit({"good.py": GOOD})
    assert trap.take(bare.folder).texts == {"good.py": GOOD}


def test_linked_work_tree_is_read_at_its_own_head(tmp_path: Path, trap: Trap) -> None:
    first = trap.repository.head
    trap.repository.commit({"later.py": "x = 'later'\n"})
    trap.repository.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"), str(first))
    assert (tmp_path / "linked" / ".git").is_file()
    assert trap.take(tmp_path / "linked").texts == {"good.py": GOOD}


def test_shallow_clone_is_read_and_said_to_be_shallow(tmp_path: Path, trap: Trap) -> None:
    trap.repository.commits([{"good.py": f"x = {one}\n"} for one in range(3)])
    trap.repository.git("clone", "--quiet", "--depth=2", f"file://{trap.repository.folder}", str(tmp_path / "clone"))
    pin = pin_repository(tmp_path / "pins", tmp_path / "clone")
    assert "shallow" in pin.reason
    assert "2 commits" in pin.reason
    assert take_snapshot(tmp_path / "taken", pin, tmp_path / "clone").texts == {"good.py": "x = 2\n"}


def test_clone_that_borrows_objects_is_read(tmp_path: Path, trap: Trap) -> None:
    trap.repository.git("clone", "--quiet", "--shared", str(trap.repository.folder), str(tmp_path / "borrower"))
    assert trap.take(tmp_path / "borrower").texts == {"good.py": GOOD}


def test_folder_with_an_odd_name_is_read(tmp_path: Path, trap: Trap) -> None:
    odd = tmp_path / "--config=a b;c:'d"
    trap.repository.folder.rename(odd)
    assert trap.take(odd).texts == {"good.py": GOOD}


def test_commit_with_impossible_times_is_read(tmp_path: Path, trap: Trap) -> None:
    for number, time in enumerate(("99999999999999999999", "-5", "rubbish", "253402300800")):
        tree = trap.repository.git("rev-parse", "HEAD^{tree}").strip()
        body = f"tree {tree}\nauthor A <a@b> {time} +0000\ncommitter A <a@b> {time} +9999\n\nx\n".encode()
        sha = trap.repository.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=body).strip()
        taken = take_snapshot(tmp_path / str(number), pin_of_files(sha), trap.repository.folder)
        assert taken.at["committed_at"].endswith("Z")


# ---- the same over HTTP

OVER_HTTP = ["hooks of every name", "a submodule whose URL is an option", "filters for every file"]


@pytest.mark.parametrize("name", OVER_HTTP)
def test_nothing_of_a_fetched_repository_runs_here(name: str, trap: Trap) -> None:
    RUNNING[name](trap)
    folder = trap.canary.parent
    with git_server(folder) as server:
        url = f"{server.url}/repository/.git"
        pin = pin_repository(folder / "resolved", None, url=url, private_addresses=True)
        taken = take_snapshot(folder / "snapshot", pin, None, private_addresses=True)
    assert taken.texts == {"good.py": GOOD}


def test_hostile_tree_is_the_same_over_http(trap: Trap) -> None:
    _odd_folder(trap, b"..", b"b.py")
    folder = trap.canary.parent
    with git_server(folder) as server:
        pin = pin_repository(folder / "resolved", None, url=f"{server.url}/repository/.git", private_addresses=True)
        taken = take_snapshot(folder / "snapshot", pin, None, private_addresses=True)
    assert taken.texts == {"good.py": GOOD}
    assert dict(taken.outputs.dropped) == {"odd path": 1}


def test_the_canary_would_sing(trap: Trap) -> None:
    """Git by itself runs what these repositories prepare; otherwise the tests above would show nothing."""
    trap.configure(f"core.fsmonitor={trap.program}")
    trap.repository.git("status")
    assert trap.canary.exists()
    trap.canary.unlink()
