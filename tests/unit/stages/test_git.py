"""Mirrors: what revisions mean, what a server's refusals mean, and addresses that must not be reached."""

import hashlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from repoloom_stages.errors import (
    BadInput,
    CredentialMissing,
    NoSuchSource,
    SourceUnavailable,
    StageError,
    TryAgain,
    UnsafeInput,
)
from repoloom_stages.origins.addresses import is_public, public_addresses
from repoloom_stages.origins.git import open_mirror
from repoloom_stages.runtime.connections import Connection
from support.git_server import GitServer, git_server
from support.repositories import Repository

SECRET = "hunter2-secret"
PRIVATE = Connection(private_addresses=True)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Six commits on main, two other branches, a lightweight and an annotated tag."""
    repository = Repository(tmp_path_factory.mktemp("original") / "code")
    commits = repository.commits([{"a.py": f"number = {one}\n"} for one in range(6)])
    repository.git("branch", "side", commits[1])
    repository.git("branch", "feature/deep", commits[2])
    repository.git("tag", "light", commits[3])
    repository.git("tag", "--annotate", "v1.0", "--message", "one", commits[4])
    return repository


@pytest.fixture
def repository(original: Repository, tmp_path: Path) -> Repository:
    """A copy of it, to change at will."""
    return original.copy(tmp_path / "served" / "code")


@pytest.fixture
def server(repository: Repository) -> Iterator[GitServer]:
    with git_server(repository.folder.parent) as serving:
        yield serving


def found(url: str, revision: str, checkout: Path | None = None) -> str:
    with open_mirror(url, checkout, PRIVATE) as mirror:
        return mirror.find(revision)


REVISIONS = {
    "HEAD": "main",
    "main": "main",
    "side": "main~4",
    "feature/deep": "main~3",
    "light": "main~2",
    "v1.0": "main~1",
    "refs/heads/side": "main~4",
    "refs/tags/v1.0": "main~1",
}


@pytest.mark.parametrize(("revision", "meaning"), REVISIONS.items(), ids=REVISIONS)
def test_checkout_and_server_agree_on_a_revision(
    revision: str, meaning: str, repository: Repository, server: GitServer
) -> None:
    commit = repository.git("rev-parse", meaning).strip()
    assert found("https://example.com/x", revision, repository.folder) == commit
    assert found(f"{server.url}/code/.git", revision) == commit


def test_commits_are_found_by_name_and_by_its_beginning(repository: Repository, server: GitServer) -> None:
    commit = repository.git("rev-parse", "main~2").strip()
    for name in (commit, commit[:12]):
        assert found("https://example.com/x", name, repository.folder) == commit
        assert found(f"{server.url}/code/.git", name) == commit


UNKNOWN = {
    "a branch that is not there": "nope",
    "a commit that is not there": "0123456789abcdef0123456789abcdef01234567",
    "an abbreviation that is not there": "0123456789",
    "an expression": "main~1",
    "a range": "main..side",
    "a reflog entry": "main@{1}",
    "a path out of the references": "../../HEAD",
    "an option": "--upload-pack=touch canary",
    "a short option": "-u",
    "a pattern": "*",
    "a refspec": "main:refs/heads/main",
    "nothing": "",
    "a line break": "main\nside",
    "a lock file": "main.lock",
    "a message search": ":/change",
}


@pytest.mark.parametrize("revision", UNKNOWN.values(), ids=UNKNOWN)
def test_unknown_revision_is_named_with_its_repository(
    revision: str, repository: Repository, server: GitServer
) -> None:
    for url, checkout in ((f"{server.url}/code/.git", None), ("https://example.com/x", repository.folder)):
        with pytest.raises(BadInput) as error:
            found(url, revision, checkout)
        assert repr(revision) in str(error.value)
        assert str(checkout or url) in str(error.value)


def test_branch_comes_before_tag_of_the_same_name(repository: Repository, server: GitServer) -> None:
    branch = repository.git("rev-parse", "main~5").strip()
    repository.git("branch", "both", branch)
    repository.git("tag", "both", "main")
    assert found("https://example.com/x", "both", repository.folder) == branch
    assert found(f"{server.url}/code/.git", "both") == branch


def test_checkout_knows_branches_of_its_origin(repository: Repository) -> None:
    repository.git("update-ref", "refs/remotes/origin/theirs", "main~2")
    commit = repository.git("rev-parse", "main~2").strip()
    assert found("https://example.com/x", "theirs", repository.folder) == commit


def test_references_are_read_loose_and_packed(repository: Repository) -> None:
    repository.git("pack-refs", "--all")
    assert found("https://example.com/x", "v1.0", repository.folder) == repository.git("rev-parse", "main~1").strip()
    repository.git("update-ref", "refs/heads/side", "main")
    assert found("https://example.com/x", "side", repository.folder) == repository.head


def test_tag_of_no_commit_is_refused(repository: Repository, server: GitServer) -> None:
    blob = repository.blob(b"not a commit")
    repository.git("tag", "thing", blob)
    for url, checkout in ((f"{server.url}/code/.git", None), ("https://example.com/x", repository.folder)):
        with pytest.raises(BadInput, match="thing"):
            found(url, "thing", checkout)


def test_first_parents_leave_side_branches_out(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "code")
    first = repository.commit({"a.py": "a = 1\n"})
    side = repository.commit({"b.py": "b = 1\n"}, branch="side")
    main = repository.commit({"a.py": "a = 2\n"}, parent=first)
    merge = repository.commit({"b.py": "b = 1\n"}, merge=side)
    with open_mirror("https://example.com/x", repository.folder, Connection()) as mirror:
        assert [commit.sha for commit in mirror.first_parents(merge)] == [merge, main, first]
        changes = list(mirror.changes(first, merge))
    assert [(change.commit, change.path) for change in changes] == [(merge, b"b.py"), (main, b"a.py")]


def test_training_commit_must_be_on_the_first_parent_line(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "code")
    first = repository.commit({"a.py": "a = 1\n"})
    side = repository.commit({"b.py": "b = 1\n"}, branch="side")
    repository.commit({"a.py": "a = 2\n"}, parent=first)
    merge = repository.commit({"b.py": "b = 1\n"}, merge=side)
    with (
        open_mirror("https://example.com/x", repository.folder, Connection()) as mirror,
        pytest.raises(BadInput, match="first-parent"),
    ):
        mirror.first_parents(merge, after=side)


@pytest.mark.parametrize("commits", [1, 3, 0])
def test_only_the_wanted_history_is_fetched(commits: int, repository: Repository, server: GitServer) -> None:
    assert repository.head
    with open_mirror(f"{server.url}/code/.git", None, PRIVATE) as mirror:
        mirror.bring(repository.head, commits)
        assert len(mirror.first_parents(repository.head)) == (commits or 6)
        assert [entry.path for entry in mirror.tree(repository.head)] == [b"a.py"]
        assert mirror.shallow == bool(commits)


def test_commit_no_branch_points_at_is_fetched(repository: Repository, server: GitServer) -> None:
    lost = repository.commit({"a.py": "lost = 1\n"}, branch="temporary")
    repository.git("update-ref", "-d", "refs/heads/temporary")
    with open_mirror(f"{server.url}/code/.git", None, PRIVATE) as mirror:
        mirror.bring(lost, 1)
        assert [entry.path for entry in mirror.tree(lost)] == [b"a.py"]


def test_resolving_fetches_no_files(repository: Repository, server: GitServer) -> None:
    repository.git("config", "uploadpack.allowFilter", "true")
    assert repository.head
    with open_mirror(f"{server.url}/code/.git", None, PRIVATE) as mirror:
        mirror.find("main")
        assert len(mirror.first_parents(repository.head)) == 6
        with pytest.raises(BadInput):
            list(mirror.tree(repository.head))


def test_blobs_are_read_up_to_a_size(repository: Repository) -> None:
    small, large = repository.blob(b"small\n"), repository.blob(b"x" * 3_000_000)
    with (
        open_mirror("https://example.com/x", repository.folder, Connection()) as mirror,
        mirror.blobs() as blobs,
    ):
        assert blobs.read(large, 1000) is None
        assert blobs.read(small, 1000) == b"small\n"
        assert blobs.read(large, 3_000_000) == b"x" * 3_000_000


def test_many_blobs_are_read_in_order(repository: Repository) -> None:
    contents = [b"%d\n" % number * number for number in range(1000)]
    stdin = b"".join(b"blob\ndata %d\n%s\n" % (len(content), content) for content in contents)
    repository.git("fast-import", "--quiet", stdin=stdin)
    names = [hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() for content in contents]
    with (
        open_mirror("https://example.com/x", repository.folder, Connection()) as mirror,
        mirror.blobs() as blobs,
    ):
        assert list(blobs.read_all(names, 10_000)) == contents
        assert list(blobs.read_all(reversed(names), 2000)) == [
            content if len(content) <= 2000 else None for content in reversed(contents)
        ]


def test_error_while_blobs_are_read_is_shown_as_it_is(repository: Repository) -> None:
    blob = repository.blob(b"x = 1\n")
    with (
        pytest.raises(ZeroDivisionError),
        open_mirror("https://example.com/x", repository.folder, Connection()) as mirror,
        mirror.blobs() as blobs,
    ):
        sum(1 / (3 - position) for position, _ in enumerate(blobs.read_all([blob] * 500, 100)))


def test_missing_blob_is_an_error_to_act_on(repository: Repository) -> None:
    with (
        pytest.raises(BadInput, match="partial or broken clone"),
        open_mirror("https://example.com/x", repository.folder, Connection()) as mirror,
        mirror.blobs() as blobs,
    ):
        blobs.read("0" * 40, 1000)


def test_nothing_is_left_behind_or_changed(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    before = {path: path.stat().st_mtime_ns for path in repository.folder.rglob("*")}
    assert repository.head
    with open_mirror("https://example.com/x", repository.folder, Connection()) as mirror:
        mirror.bring(mirror.find("main"), 0)
        list(mirror.tree(repository.head))
    assert {path: path.stat().st_mtime_ns for path in repository.folder.rglob("*")} == before
    assert not list(scratch.iterdir())


# ---- servers

ANSWERS = {
    "/status/301/x": (NoSuchSource, "redirects"),
    "/status/302/x": (NoSuchSource, "redirects"),
    "/status/400/x": (NoSuchSource, "--source"),
    "/status/401/x": (CredentialMissing, "--source"),
    "/status/403/x": (CredentialMissing, "--source"),
    "/status/404/x": (NoSuchSource, "--source"),
    "/status/410/x": (NoSuchSource, "--source"),
    "/nothing/there": (NoSuchSource, "--source"),
    "/status/408/x": (SourceUnavailable, "busy"),
    "/status/429/x": (SourceUnavailable, "busy"),
    "/status/500/x": (SourceUnavailable, "cannot be reached"),
    "/status/502/x": (SourceUnavailable, "cannot be reached"),
    "/status/503/x": (SourceUnavailable, "cannot be reached"),
}


@pytest.mark.parametrize(("path", "expected"), ANSWERS.items(), ids=ANSWERS)
def test_a_servers_answer_says_what_to_do(path: str, expected: tuple[type[StageError], str], server: GitServer) -> None:
    kind, message = expected
    with pytest.raises(kind, match=message) as error:
        found(server.url + path, "HEAD")
    assert type(error.value) is kind
    assert server.url + path in str(error.value)


def test_closed_port_is_tried_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/x"
        with pytest.raises(TryAgain, match="cannot be reached"):
            found(url, "HEAD")


def test_unknown_host_is_tried_again() -> None:
    with pytest.raises(TryAgain, match="look up"), open_mirror("https://no.invalid/x", None, Connection()):
        pass


def test_redirects_are_not_followed(server: GitServer, tmp_path: Path) -> None:
    Repository(tmp_path / "elsewhere" / "code").commit({"a.py": "a = 1\n"})
    with git_server(tmp_path / "elsewhere") as elsewhere:
        server.redirect_to = elsewhere.url
        with pytest.raises(BadInput, match="redirects"):
            found(f"{server.url}/redirect/code/.git", "HEAD")
        assert not elsewhere.requests


def test_empty_repository_has_no_revision(tmp_path: Path) -> None:
    Repository(tmp_path / "empty")
    with git_server(tmp_path) as server, pytest.raises(BadInput, match="no branch"):
        found(f"{server.url}/empty/.git", "HEAD")
    with pytest.raises(BadInput, match="no branch"):
        found("https://example.com/x", "HEAD", tmp_path / "empty")


def test_a_servers_words_are_shown_without_control_characters(server: GitServer) -> None:
    server.complaint = b"\x1b[31mred\x07 " + b"x" * 5000
    with pytest.raises(TryAgain, match="red") as error:
        found(f"{server.url}/complaint", "HEAD")
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 500


# ---- addresses

REFUSED_URLS = {
    "a local path": "/etc/passwd",
    "a file URL": "file:///etc/passwd",
    "a file URL in capitals": "FILE:///etc/passwd",
    "the ext helper": "ext::sh -c touch% /tmp/canary",
    "the fd helper": "fd::3",
    "any helper": "helper::https://example.com/x",
    "a helper for https": "https::https://example.com/x",
    "ssh": "ssh://git@example.com/x",
    "ssh as scp writes it": "git@example.com:owner/x",
    "ssh with an option for a host": "ssh://-oProxyCommand=touch%20canary/x",
    "the git protocol": "git://example.com/x",
    "ftp": "ftp://example.com/x",
    "plain http": "http://example.com/x",
    "an option": "--upload-pack=touch canary",
    "an option with a colon": "-u:x",
    "loopback": "https://127.0.0.1/x",
    "loopback by name": "https://localhost/x",
    "loopback as one number": "https://2130706433/x",
    "loopback in hexadecimal": "https://0x7f000001/x",
    "loopback in octal": "https://0177.0.0.1/x",
    "loopback abbreviated": "https://127.1/x",
    "loopback in IPv6": "https://[::1]/x",
    "loopback mapped into IPv6": "https://[::ffff:127.0.0.1]/x",
    "no address at all": "https://0.0.0.0/x",
    "a private network": "https://10.0.0.1/x",
    "another private network": "https://192.168.1.1/x",
    "a third private network": "https://172.16.0.1/x",
    "the cloud's metadata": "https://169.254.169.254/latest/meta-data",
    "the cloud's metadata as a number": "https://2852039166/latest",
    "the cloud's metadata through NAT64": "https://[64:ff9b::a9fe:a9fe]/latest",
    "the cloud's metadata through 6to4": "https://[2002:a9fe:a9fe::]/latest",
    "link-local IPv6": "https://[fe80::1]/x",
    "unique local IPv6": "https://[fd00::1]/x",
    "carrier-grade NAT": "https://100.64.0.1/x",
    "multicast": "https://224.0.0.1/x",
    "IPv6 multicast": "https://[ff02::1]/x",
    "broadcast": "https://255.255.255.255/x",
}


@pytest.mark.parametrize("url", REFUSED_URLS.values(), ids=REFUSED_URLS)
def test_address_is_refused_as_unsafe(url: str) -> None:
    with pytest.raises(UnsafeInput), open_mirror(url, None, Connection()):
        pass


MALFORMED_URLS = {
    "no host": "https:///x",
    "a space": "https://example.com/a b",
    "a line break": "https://example.com/x\nurl = file:///",
    "no number for a port": "https://example.com:port/x",
    "too large a port": "https://example.com:99999/x",
    "an open bracket": "https://[::1/x",
}


@pytest.mark.parametrize("url", MALFORMED_URLS.values(), ids=MALFORMED_URLS)
def test_malformed_url_is_bad_input(url: str) -> None:
    with pytest.raises(StageError) as error, open_mirror(url, None, Connection()):
        pass
    assert error.value.exit_code in (64, 65)


@pytest.mark.parametrize("url", [f"https://ada:{SECRET}@example.com/x", f"https://{SECRET}@example.com/x"])
def test_credentials_in_a_url_are_refused_and_never_shown(url: str) -> None:
    with pytest.raises(BadInput) as error, open_mirror(url, None, Connection()):
        pass
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("url", [f"ftp://ada:{SECRET}@example.com/x", f"https://ada:{SECRET}@[::1/x"])
def test_credentials_in_a_refused_url_are_never_shown(url: str) -> None:
    with pytest.raises(StageError) as error, open_mirror(url, None, Connection()):
        pass
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


def test_host_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [(2, 1, 6, "", ("1.1.1.1", 443)), (2, 1, 6, "", ("10.0.0.7", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(UnsafeInput, match=r"10\.0\.0\.7"):
        public_addresses("example.com", 443)


def test_git_connects_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is looked up once: it could mean something else a moment later."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        port = listener.getsockname()[1]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("127.0.0.1", port))])
        monkeypatch.setattr("repoloom_stages.origins.addresses.is_public", lambda _: True)
        listener.settimeout(200)

        def hang_up() -> None:
            connection, _ = listener.accept()
            connection.close()

        caller = pool.submit(hang_up)
        with (
            pytest.raises(TryAgain),
            open_mirror(f"https://name.invalid:{port}/x", None, Connection()) as mirror,
        ):
            mirror.find("HEAD")
        caller.result()
