"""A connection's credential opens its hosts, goes nowhere else, and is in nothing that anyone gets to read."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zstandard

from repoloom_api.plan import plan
from repoloom_api.resources import parse_resource
from repoloom_api.settings import LOCAL
from repoloom_api.tasks import Placement, Plan, Reach
from repoloom_api.v1alpha1.conditions import Reason
from repoloom_stages.errors import BadInput, ConnectionDenied, CredentialMissing, NoSuchSource
from repoloom_stages.origins.git import open_mirror
from repoloom_stages.runtime.connections import GIT_KEYS, HUB_KEYS, Connections
from support.builders import dataset_build, source
from support.git_server import GitServer, git_server
from support.repositories import Repository

SENTINEL = "ghp_sentinel0123456789"
HOST = "127.0.0.1"
ZSTD = b"\x28\xb5\x2f\xfd"
"""How zstd's files begin."""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    made = Repository(tmp_path_factory.mktemp("served") / "code")
    made.commit({"a.py": "def one():\n    return 1\n", "b.py": "def two():\n    return 2\n"})
    return made


@pytest.fixture
def server(repository: Repository) -> Iterator[GitServer]:
    """It demands the sentinel for everything."""
    with git_server(repository.folder.parent) as serving:
        serving.token = SENTINEL
        yield serving


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """The Secret of the connection `forge`, as a pod has it."""
    folder = tmp_path / "connections" / "forge"
    folder.mkdir(parents=True)
    (folder / "GITHUB_TOKEN").write_text(f"{SENTINEL}\n")
    return folder.parent


def forge(*hosts: str) -> Reach:
    return Reach(connection="forge", hosts=hosts or (HOST,), private_addresses=True)


def found(server: GitServer, connections: Connections, path: str = "/code/.git") -> str:
    return found_at(server.url + path, connections)


def found_at(url: str, connections: Connections) -> str:
    with open_mirror(url, None, connections.to(url, GIT_KEYS)) as mirror:
        commit = mirror.find("main")
        mirror.bring(commit, 1)
        return commit


# ---- where it goes


@pytest.mark.parametrize("key", GIT_KEYS)
def test_the_secret_of_a_connection_opens_its_host(
    server: GitServer, repository: Repository, secrets: Path, key: str
) -> None:
    (secrets / "forge" / "GITHUB_TOKEN").rename(secrets / "forge" / key)
    assert found(server, Connections((forge(),), secrets)) == repository.head
    assert server.authorizations == {SENTINEL}


def test_the_secret_of_a_connection_goes_to_no_host_that_it_does_not_list(server: GitServer, secrets: Path) -> None:
    other = Reach(connection="other", hosts=(HOST,), private_addresses=True)
    with pytest.raises(CredentialMissing):
        found(server, Connections((forge("forge.example.org"), other), secrets))
    assert server.authorizations == {""}


def test_a_redirect_takes_the_credential_nowhere(server: GitServer, repository: Repository, secrets: Path) -> None:
    with git_server(repository.folder.parent) as elsewhere:
        server.redirect_to = elsewhere.url
        with pytest.raises(NoSuchSource, match="redirects"):
            found(server, Connections((forge(),), secrets), "/redirect/code/.git")
        assert elsewhere.requests == []


def test_git_sees_the_credential_while_it_fetches_and_in_no_argument(
    server: GitServer, secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, log = subprocess.check_output(["which", "git"], text=True).strip(), tmp_path / "log"
    (tmp_path / "bin").mkdir()
    script = f'#!/bin/sh\necho "$* | $GIT_CONFIG_VALUE_0" >> {log}\nexec {real} "$@"\n'
    (tmp_path / "bin" / "git").write_text(script)
    (tmp_path / "bin" / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    found(server, Connections((forge(),), secrets))
    calls = [line.split(" | ") for line in log.read_text().splitlines()]
    assert any(" fetch " in arguments for arguments, _ in calls)
    for arguments, header in calls:
        assert header == (f"Authorization: Basic {login()}" if " fetch " in arguments else "")
        assert not leaks(arguments.encode())


def test_without_mounted_secrets_a_token_of_the_environment_goes_to_its_own_host_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "for github")
    monkeypatch.setenv("HF_TOKEN", "for the Hub")
    hosts = Reach(connection="all", hosts=("github.com", "*.github.com", "forge.example.org"), private_addresses=False)
    local = Connections((hosts,))
    shown = {
        url: (local.to(url, GIT_KEYS).token, local.to(url, HUB_KEYS).token)
        for url in (
            "https://github.com/a/b",
            "https://evil.github.com/a/b",
            "https://forge.example.org/a",
            "https://huggingface.co",
            "https://github.com.example.org/a",
        )
    }
    assert [tokens for tokens in shown.values() if any(tokens)] == [("for github", None), (None, "for the Hub")]
    assert any(shown["https://github.com/a/b"])
    mounted = replace(local, folder=Path("/nonexistent"))
    assert mounted.to("https://github.com/a/b", GIT_KEYS).token is None, "in a pod the environment is not looked at"


def test_a_mirror_of_the_hub_gets_the_token_that_goes_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "for the mirror")
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example.org")
    assert Connections().to("https://hub.example.org", HUB_KEYS).token == "for the mirror"
    assert Connections().to("https://huggingface.co", HUB_KEYS).token is None


# ---- what is said without it, or with a wrong one


def test_a_connection_without_its_secret_is_named_when_the_host_refuses(server: GitServer, tmp_path: Path) -> None:
    with pytest.raises(CredentialMissing, match="GITHUB_TOKEN into the Secret of the connection forge") as caught:
        found(server, Connections((forge(),), tmp_path))
    assert (caught.value.exit_code, caught.value.reason) == (64, Reason.CREDENTIAL_MISSING)


def test_a_wrong_credential_is_said_to_be_refused(server: GitServer, secrets: Path) -> None:
    (secrets / "forge" / "GITHUB_TOKEN").write_text(SENTINEL[:-1])
    with pytest.raises(NoSuchSource, match="does not open it") as caught:
        found(server, Connections((forge(),), secrets))
    assert SENTINEL[:-1] not in str(caught.value)
    assert caught.value.reason is Reason.SOURCE_UNAVAILABLE


def test_a_private_address_is_denied_by_the_settings() -> None:
    closed = Connections((Reach(connection="forge", hosts=(HOST,), private_addresses=False),))
    with pytest.raises(ConnectionDenied) as caught:
        found_at(f"https://{HOST}/code", closed)
    assert (caught.value.exit_code, caught.value.reason) == (65, Reason.CONNECTION_DENIED)


def test_an_empty_secret_is_none(server: GitServer, secrets: Path) -> None:
    (secrets / "forge" / "GITHUB_TOKEN").write_text("\n")
    with pytest.raises(CredentialMissing):
        found(server, Connections((forge(),), secrets))


def test_a_secret_that_would_break_a_header_is_refused_unseen(secrets: Path) -> None:
    (secrets / "forge" / "GITHUB_TOKEN").write_text(f"{SENTINEL}\nX-Other: 1")
    with pytest.raises(BadInput, match="GITHUB_TOKEN of the connection forge is no token") as caught:
        Connections((forge(),), secrets).to(f"https://{HOST}/x", GIT_KEYS)
    assert SENTINEL not in str(caught.value)


def test_no_connection_shows_its_token_when_printed(secrets: Path) -> None:
    assert SENTINEL not in repr(Connections((forge(),), secrets).to(f"https://{HOST}/x", GIT_KEYS))


# ---- what everybody gets to read


def planned(url: str) -> Plan:
    document = dataset_build(sources=[source(url=url)], refine={"split": {"byFile": {}}})
    made = plan(parse_resource(document), LOCAL)
    placement = Placement(reaches=(forge(),))
    return made.model_copy(update={"placements": {"resolve-1": placement, "snapshot-1": placement}})


@pytest.mark.parametrize("token", [SENTINEL, "refused-" + SENTINEL])
def test_no_log_result_or_artifact_holds_the_credential(
    server: GitServer, secrets: Path, tmp_path: Path, token: str
) -> None:
    (secrets / "forge" / "GITHUB_TOKEN").write_text(token)
    left = tmp_path / "left"
    left.mkdir()
    (left / "plan.json").write_text(_with_url(planned("https://forge.example.org/code"), f"{server.url}/code/.git"))
    command = [sys.executable, "-m", "repoloom_stages", "--plan", str(left / "plan.json"), "--run", "run-1"]
    command += ["--store", str(left / "store"), "--connections", str(secrets), "--result", str(left / "result")]
    command += ["--task", "resolve-1", "--task", "fetch-model-1", "--task", "snapshot-1"]
    environment = os.environ | {"GIT_TRACE": "1", "GIT_TRACE_CURL": "1", "GIT_CURL_VERBOSE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=200)
    result: dict[str, Any] = json.loads((left / "result").read_bytes())
    if token == SENTINEL:
        assert done.returncode == 0, done.stderr.decode()
        assert server.authorizations == {SENTINEL}
        assert list((left / "store").rglob("manifests/snapshot/*"))
    else:
        assert (done.returncode, result["reason"], result["task"]) == (64, "SourceUnavailable", "resolve-1")
    for path in left.rglob("*"):
        assert not (path.is_file() and leaks(path.read_bytes())), path
    assert not leaks(done.stdout + done.stderr)


def _with_url(made: Plan, url: str) -> str:
    """Resources name HTTPS alone; the server has no certificate."""
    (name,) = made.task("resolve-1").params["repositories"]
    params = made.task("resolve-1").params | {"repositories": [name | {"url": url}]}
    tasks = [one.model_copy(update={"params": params}) if one.name == "resolve-1" else one for one in made.tasks]
    return made.model_copy(update={"tasks": tuple(tasks)}).model_dump_json(by_alias=True)


def login(token: str = SENTINEL) -> str:
    return base64.b64encode(f"x-access-token:{token}".encode()).decode()


def leaks(data: bytes) -> bool:
    """Whether the sentinel is in there, plain or as a header has it."""
    if data.startswith(ZSTD):
        data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return any(part.encode() in data for part in (SENTINEL, login(), login(f"refused-{SENTINEL}")))


def test_a_leak_would_be_seen() -> None:
    assert leaks(f"x {SENTINEL}".encode())
    assert leaks(f"Basic {login()}".encode())
    assert leaks(zstandard.compress(f"x {SENTINEL}".encode()))
