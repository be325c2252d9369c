"""One suite for every kind of store: a folder, S3 as a real server speaks it, S3 as moto imitates it.

What only a real server can show (races, killed writers, broken connections) leaves moto out.
"""

import os
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import moto
import pytest

from repoloom_stages.errors import BadInput, TryAgain
from repoloom_stages.runtime.s3 import S3Store
from repoloom_stages.runtime.s3_location import Location
from repoloom_stages.runtime.store import STAGING, STAGING_SECONDS, FolderStore, Store, open_store
from support.fault_proxy import FaultProxy, faulty
from support.s3_server import BUCKET, S3Server, aws_environment, free_port, running_s3
from support.store_users import User
from support.store_writers import PROCESSES, content, is_whole, race, write_until_killed

# The limit is for the tests: where the server must be built first, that takes minutes of its own.
pytestmark = pytest.mark.timeout(300, func_only=True)

LARGE_OBJECT_BYTES = 40_000_000
LISTED_OBJECTS = 1_010
"""More than one page of an S3 listing."""

ODD_NAMES = (
    "a b",
    " leading and trailing ",
    "trailing.",
    ".hidden",
    "..almost/...",
    "%2F%20%",
    "a+b&c=d;e,f:g@h",
    "#fragment?query=1",
    'it\'s "quoted" `so`',
    "back\\slash",
    "<angle>{brace}[bracket](round)|pipe^caret~tilde*star!$",
    "übergrößen/日本語/👩\u200d👧/e\u0301",
    "-rf",
    "s3:/bucket",
    "n" * 200,
    "/".join("deep" for _ in range(50)),
)

ILLEGAL_NAMES = ("", "..", "a/../b", "../a", "/a", "a/", "a//b", ".", "./a", "a/.", "line\nbreak", "nul\0", "\ud800")


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with running_s3(request.config, tmp_path_factory.mktemp("s3")) as running:
        yield running


@dataclass(frozen=True)
class Place:
    """A store and what another process needs to open it."""

    store: Store
    environment: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], None]:
    """Makes a credential the only one at hand."""

    def use(environment: dict[str, str]) -> None:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)

    return use


@pytest.fixture
def folder(tmp_path: Path) -> Place:
    return Place(FolderStore(tmp_path / "store"))


@pytest.fixture
def s3(server: S3Server, aws: Callable[[dict[str, str]], None]) -> Place:
    aws(server.environment)
    return Place(S3Store.open(server.url(secrets.token_hex(4))), server.environment)


@pytest.fixture
def imitation(aws: Callable[[dict[str, str]], None]) -> Iterator[Place]:
    environment = aws_environment("imitation", "imitation")
    aws(environment)
    with moto.mock_aws():
        store = S3Store.open(f"s3://{BUCKET}/prefix?region=us-east-1")
        store._client.create_bucket(Bucket=BUCKET)
        yield Place(store, environment)


@pytest.fixture(params=["folder", "s3", "imitation"])
def store(request: pytest.FixtureRequest) -> Store:
    place: Place = request.getfixturevalue(request.param)
    return place.store


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


def names(store: Store, prefix: str = "") -> list[str]:
    return [one.name for one in store.list(prefix)]


def every_call(store: Store, name: str, tmp_path: Path) -> dict[str, Callable[[], object]]:
    """Whatever one can do with an object of that name; as a prefix, `name/`."""
    (tmp_path / "file").write_bytes(b"1")
    return {
        "get": lambda: store.get(name),
        "get_file": lambda: store.get_file(name, tmp_path / "target"),
        "put": lambda: store.put(name, b""),
        "put_if_absent": lambda: store.put_if_absent(name, b""),
        "put_file": lambda: store.put_file(name, tmp_path / "file"),
        "exists": lambda: store.exists(name),
        "copy": lambda: store.copy(name, "target"),
        "list": lambda: names(store, f"{name}/"),
        "delete": lambda: store.delete(name),
    }


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(work, range(count)))


# Every store


def test_what_is_written_is_read(store: Store, tmp_path: Path) -> None:
    store.put("small", b"1")
    (tmp_path / "source").write_bytes(b"2")
    store.put_file("folder/file", tmp_path / "source")
    assert (store.get("small"), store.get("folder/file")) == (b"1", b"2")
    assert store.get_file("small", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == b"1"
    assert store.exists("folder/file")


def test_a_second_write_replaces_the_first(store: Store, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"3")
    store.put("name", b"first, and longer")
    store.put("name", b"2")
    assert store.get("name") == b"2"
    store.put_file("name", tmp_path / "source")
    assert store.get("name") == b"3"


def test_what_is_not_there_is_none(store: Store, tmp_path: Path) -> None:
    store.put("folder/file", b"")
    for name in ("missing", "folder/missing", "folder", "missing/folder/file"):
        assert store.get(name) is None
        assert not store.exists(name)
        assert not store.get_file(name, tmp_path / "target")
        assert not (tmp_path / "target").exists()


def test_what_is_not_there_cannot_be_copied(store: Store) -> None:
    with pytest.raises(TryAgain, match="missing is not in the store"):
        store.copy("missing", "target")
    assert not store.exists("target")


def test_only_what_is_absent_is_put_if_absent(store: Store) -> None:
    assert store.put_if_absent("name", b"1")
    assert not store.put_if_absent("name", b"2")
    assert store.get("name") == b"1"
    store.delete("name")
    assert store.put_if_absent("name", b"3")


def test_a_copy_stands_by_itself(store: Store, tmp_path: Path) -> None:
    store.put("blob", b"1")
    store.put("target/of/copy", b"before")
    store.copy("blob", "target/of/copy")
    store.put("blob", b"2")
    assert store.get("target/of/copy") == b"1"
    store.delete("blob")
    assert store.get("target/of/copy") == b"1"


def test_an_object_may_be_deleted_twice(store: Store) -> None:
    store.put("folder/name", b"1")
    store.delete("folder/name")
    store.delete("folder/name")
    store.delete("never/was")
    assert not store.exists("folder/name")
    assert names(store) == []


def test_odd_but_legal_names_come_back(store: Store) -> None:
    for name in ODD_NAMES:
        store.put(name, name.encode())
        assert store.put_if_absent(f"copies/{name}", b"")
        store.copy(name, f"copies/{name}")
    assert {name: store.get(f"copies/{name}") for name in ODD_NAMES} == {name: name.encode() for name in ODD_NAMES}
    assert names(store, "copies/") == sorted(f"copies/{name}" for name in ODD_NAMES)
    for name in names(store):
        store.delete(name)
    assert names(store) == []


def test_names_that_lead_elsewhere_are_refused(store: Store, tmp_path: Path) -> None:
    store.put("a/b", b"")
    for name in ILLEGAL_NAMES:
        for call, do in every_call(store, name, tmp_path).items():
            if (call, name) != ("list", ""):  # which lists everything
                with pytest.raises(ValueError, match="not an object's name"):
                    do()
        with pytest.raises(ValueError, match="not an object's name"):
            store.copy("a/b", name)
    assert names(store) == ["a/b"]


def test_an_empty_object_is_an_object(store: Store, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    store.put_file("file", tmp_path / "empty")
    assert store.put_if_absent("bytes", b"")
    store.copy("file", "copy")
    for name in ("file", "bytes", "copy"):
        assert store.get(name) == b""
        assert store.get_file(name, tmp_path / name)
        assert (tmp_path / name).read_bytes() == b""
    assert [one.bytes for one in store.list("")] == [0, 0, 0]


def test_a_large_object_comes_back_whole(store: Store, tmp_path: Path) -> None:
    data = content("large", LARGE_OBJECT_BYTES)
    (tmp_path / "source").write_bytes(data)
    store.put_file("large", tmp_path / "source")
    store.copy("large", "copy")
    assert store.get_file("copy", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == data
    assert {one.bytes for one in store.list("")} == {LARGE_OBJECT_BYTES}


def test_a_listing_is_in_order_of_name_and_knows_sizes(store: Store) -> None:
    before = time.time()
    for number, name in enumerate(("b", "a/b", "a.b/x", "a-b", "aa", "a/b.c")):
        store.put(name, bytes(number))
    assert names(store) == ["a-b", "a.b/x", "a/b", "a/b.c", "aa", "b"]
    assert names(store, "a/") == ["a/b", "a/b.c"]
    assert names(store, "a/b.") == ["a/b.c"]
    assert names(store, "a") == ["a-b", "a.b/x", "a/b", "a/b.c", "aa"]
    assert names(store, "none/") == []
    assert {one.name: one.bytes for one in store.list("a/")} == {"a/b": 1, "a/b.c": 5}
    assert all(before - 60 < one.modified < time.time() + 60 for one in store.list(""))


def test_a_store_opens_again_by_its_url(store: Store) -> None:
    store.put("name", b"1")
    again = open_store(store.url)
    assert again.get("name") == b"1"
    assert again.url == store.url


def test_stores_below_two_prefixes_do_not_meet(store: Store) -> None:
    beside = open_store(store.url.replace("prefix", "other") if "prefix" in store.url else _with_suffix(store.url))
    store.put("name", b"1")
    assert beside.get("name") is None
    assert names(beside) == []


def _with_suffix(url: str) -> str:
    path, mark, query = url.partition("?")
    return f"{path}-other{mark}{query}"


# Stores that many use at once


def test_a_listing_goes_beyond_one_page(place: Place) -> None:
    expected = [f"pages/{number:05d}" for number in range(LISTED_OBJECTS)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: place.store.put(name, b""), expected))
    assert names(place.store, "pages/") == expected


def test_of_eight_threads_one_writes_and_readers_see_its_bytes_whole(place: Place) -> None:
    for turn in range(5):
        won, seen = eight_writers_and_a_reader(place.store, f"name{turn}")
        assert won.count(True) == 1
        winner = content(f"thread {won.index(True)}")
        assert place.store.get(f"name{turn}") == winner
        assert seen <= {None, winner}


def eight_writers_and_a_reader(store: Store, name: str) -> tuple[list[bool], set[bytes | None]]:
    """Which of the threads won, and what was read while they wrote."""
    start, done = threading.Barrier(9), threading.Event()

    def write(thread: int) -> bool:
        start.wait()
        return store.put_if_absent(name, content(f"thread {thread}"))

    def read() -> set[bytes | None]:
        start.wait()
        seen = set()
        while not done.is_set():
            seen.add(store.get(name))
        return seen

    with ThreadPoolExecutor(1) as reader:
        seen = reader.submit(read)
        won = in_threads(8, write)
        done.set()
    return won, seen.result()


def test_of_four_processes_one_writes(place: Place) -> None:
    start = PROCESSES.Barrier(4)
    pipes = [PROCESSES.Pipe(duplex=False) for _ in range(4)]
    processes = [
        PROCESSES.Process(target=race, args=(place.store.url, place.environment, start, "name", number, sender))
        for number, (_, sender) in enumerate(pipes)
    ]
    for process in processes:
        process.start()
    won = [receiver.recv() for receiver, _ in pipes]
    for process in processes:
        process.join()
    assert won.count(True) == 1
    assert place.store.get("name") == content(f"writer {won.index(True)}")


def test_a_killed_writer_leaves_objects_whole_or_absent(place: Place, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    rounds = 20 if isinstance(place.store, FolderStore) else 10
    for turn in range(rounds):
        receiver, sender = PROCESSES.Pipe(duplex=False)
        process = PROCESSES.Process(
            target=write_until_killed, args=(place.store.url, place.environment, tmp_path, f"round{turn}", sender)
        )
        process.start()
        receiver.recv()
        prefix, killed_at = f"round{turn}/", time.monotonic() + chance.uniform(0, 0.2)
        while time.monotonic() < killed_at:
            assert broken(place.store, prefix) == []
        process.kill()
        process.join()
        assert broken(place.store, prefix) == []
        assert place.store.exists(f"{prefix}first")
        for name in names(place.store, prefix):
            place.store.delete(name)


def broken(store: Store, prefix: str) -> list[str]:
    return [name for name in names(store, prefix) if not is_whole(store, name)]


# Folders


def test_what_is_left_in_staging_is_no_object_and_goes_when_it_is_old(tmp_path: Path) -> None:
    staging = tmp_path / STAGING
    staging.mkdir()
    for name, age in (("young", 0), ("old", STAGING_SECONDS + 60)):
        (staging / name).write_bytes(b"part")
        os.utime(staging / name, (time.time() - age,) * 2)
    store = FolderStore(tmp_path)
    assert names(store) == names(store, ".") == []
    with pytest.raises(ValueError, match="not an object's name"):
        store.get(f"{STAGING}/young")
    store.put("name", b"")
    assert names(store) == ["name"]
    assert [path.name for path in staging.iterdir()] == ["young"]


def test_editing_a_copy_in_place_leaves_the_original(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put("blob", b"1")
    store.copy("blob", "published")
    (tmp_path / "published").write_bytes(b"2")
    assert store.get("blob") == b"1"


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put("file", b"1")
    for write in (store.put, store.put_if_absent):
        with pytest.raises(BadInput, match="file/below"):
            write("file/below", b"2")
    with pytest.raises(BadInput, match="File name too long"):
        store.put("n" * 256, b"")
    assert names(store) == ["file"]
    assert list((tmp_path / STAGING).iterdir()) == []


def test_a_file_that_cannot_be_written_is_not_mistaken_for_a_missing_object(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put("name", b"1")
    with pytest.raises(TryAgain):
        store.get_file("name", tmp_path / "no" / "such" / "folder")


def test_stored_files_are_as_readable_as_others(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    FolderStore(tmp_path / "store").put("name", b"")
    assert (tmp_path / "store" / "name").stat().st_mode == (tmp_path / "other").stat().st_mode


# URLs

GOOD_URLS = {
    "s3://bucket": Location("bucket"),
    "s3://bucket/": Location("bucket"),
    "s3://my.bucket-1/a/b/": Location("my.bucket-1", "a/b"),
    "s3://bucket/a%20%23b/%C3%A9": Location("bucket", "a #b/é"),
    "s3://bucket/p?endpoint=http://127.0.0.1:9000": Location("bucket", "p", endpoint="http://127.0.0.1:9000"),
    "s3://bucket/p?endpoint=http%3A%2F%2F[::1]:9": Location("bucket", "p", endpoint="http://[::1]:9"),
    "s3://bucket/p?region=eu-central-1&addressing=virtual": Location(
        "bucket", "p", region="eu-central-1", addressing="virtual"
    ),
}

BAD_URLS = {
    "an unknown option": "s3://bucket/p?endpont=http://h",
    "a credential as an option": "s3://bucket/p?aws_secret_access_key=hunter2",
    "a credential before the bucket": "s3://key:hunter2@bucket/p",
    "a credential in the endpoint": "s3://bucket/p?endpoint=http://key:hunter2@host",
    "an option twice": "s3://bucket/p?region=a&region=b",
    "an option without a value": "s3://bucket/p?region=",
    "an unknown addressing": "s3://bucket/p?addressing=auto",
    "an endpoint without a scheme": "s3://bucket/p?endpoint=host:9000",
    "an endpoint of another scheme": "s3://bucket/p?endpoint=file://hunter2",
    "an endpoint with a path": "s3://bucket/p?endpoint=http://host/path",
    "an endpoint with a bad port": "s3://bucket/p?endpoint=http://host:99999",
    "an endpoint that is no address": "s3://bucket/p?endpoint=http://[host",
    "no bucket": "s3:///prefix",
    "a bucket of two letters": "s3://ab/prefix",
    "a bucket with a port": "s3://bucket:80/prefix",
    "a bucket in capitals": "s3://Bucket",
    "a fragment": "s3://bucket/p#hunter2",
    "a prefix that climbs": "s3://bucket/a/../b",
    "a prefix that climbs in disguise": "s3://bucket/%2E%2E/b",
    "an empty segment": "s3://bucket/a//b",
    "brackets that are no address": "s3://[bucket/p",
    "another scheme": "gs://key:hunter2@bucket/p",
}


@pytest.mark.parametrize("url", GOOD_URLS)
def test_a_url_says_where_the_store_lies(url: str) -> None:
    assert Location.parse(url) == GOOD_URLS[url]
    assert Location.parse(Location.parse(url).url) == GOOD_URLS[url]


@pytest.mark.parametrize("url", BAD_URLS.values(), ids=BAD_URLS.keys())
def test_a_bad_url_is_refused_and_no_secret_repeated(url: str) -> None:
    with pytest.raises(BadInput, match="--store") as refusal:
        open_store(url)
    assert "hunter2" not in str(refusal.value)


# S3


def test_a_missing_bucket_is_named(server: S3Server, s3: Place, tmp_path: Path) -> None:
    store = S3Store.open(server.url("p", bucket="no-such-bucket"))
    for do in every_call(store, "name", tmp_path).values():
        with pytest.raises(BadInput, match="create the bucket no-such-bucket or correct --store"):
            do()
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("wrong", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_a_refused_credential_says_what_to_check(
    s3: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv(wrong, "wrong")
    store = S3Store.open(s3.store.url)
    for do in every_call(store, "name", tmp_path).values():
        with pytest.raises(BadInput, match="check that AWS_ACCESS_KEY_ID"):
            do()


def test_no_credential_at_all_is_bad_input(server: S3Server, aws: Callable[[dict[str, str]], None]) -> None:
    aws({name: value for name, value in server.environment.items() if "KEY" not in name})
    with pytest.raises(BadInput, match="set AWS_ACCESS_KEY_ID"):
        S3Store.open(server.url("p")).get("name")


def test_a_server_that_is_not_there_may_be_tried_again(aws: Callable[[dict[str, str]], None], tmp_path: Path) -> None:
    aws(aws_environment("key", "secret"))
    store = S3Store.open(f"s3://{BUCKET}/p?endpoint=http://127.0.0.1:{free_port()}&region=us-east-1")

    def give_up(do: Callable[[], object]) -> None:
        with pytest.raises(TryAgain, match=r"127\.0\.0\.1"):
            do()

    calls = list(every_call(store, "name", tmp_path).values())
    in_threads(len(calls), lambda number: give_up(calls[number]))


def test_a_server_that_ignores_conditions_is_found_out(s3: Place) -> None:
    store = S3Store.open(s3.store.url)
    store._client.meta.events.register(
        "before-parameter-build.s3.PutObject", lambda params, **_: params.pop("IfNoneMatch")
    )
    with pytest.raises(BadInput, match="ignores If-None-Match"):
        store.put_if_absent("name", b"1")


def test_whether_conditions_are_heeded_is_asked_once(s3: Place) -> None:
    store = S3Store.open(s3.store.url)
    sent: list[str] = []
    store._client.meta.events.register("before-call.s3.PutObject", lambda **_: sent.append("PutObject"))
    for name in ("first", "second", "third"):
        assert store.put_if_absent(name, b"")
    assert len(sent) == 4


def test_a_server_that_ignores_ranges_does_not_garble_large_objects(s3: Place, tmp_path: Path) -> None:
    store = S3Store.open(s3.store.url)
    s3.store.put("large", content("large", LARGE_OBJECT_BYTES))
    store._client.meta.events.register("before-parameter-build.s3.GetObject", lambda params, **_: params.pop("Range"))
    with pytest.raises(TryAgain, match=f"not {LARGE_OBJECT_BYTES}"):
        store.get_file("large", tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_what_others_put_into_the_bucket_is_not_listed(s3: Place) -> None:
    store = S3Store.open(s3.store.url)
    for key in ("folder/", f"{STAGING}/x"):
        store._client.put_object(Bucket=BUCKET, Key=f"{store.location.prefix}/{key}", Body=b"")
    store.put("name", b"")
    assert names(store) == ["name"]


# Broken connections


@pytest.mark.parametrize("fault", ["truncated", "unsized"])
@pytest.mark.parametrize("size", [100_000, 40_000_000])
def test_half_a_body_is_never_taken_for_a_whole_one(
    server: S3Server, s3: Place, tmp_path: Path, fault: str, size: int
) -> None:
    s3.store.put("name", content("name", size))
    with faulty(server.port, rate=1, faults=(fault,)) as proxy:
        store = S3Store.open(server.url(Location.parse(s3.store.url).prefix, endpoint=proxy.endpoint))
        with pytest.raises(TryAgain):
            store.get_file("name", tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_a_write_whose_answer_was_lost_is_known_as_ones_own(server: S3Server, s3: Place) -> None:
    with faulty(server.port, rate=0.3, faults=("lost",)) as proxy:
        store = impatient(server, proxy, "lost")
        won = [store.put_if_absent(f"name{number}", b"1") for number in range(20)]
        lost = [store.put_if_absent(f"name{number}", b"2") for number in range(20)]
        assert proxy.injected["lost"] > 5
    assert won == [True] * 20
    assert lost == [False] * 20


def test_a_faulty_server_costs_time_and_never_a_byte(server: S3Server, s3: Place, tmp_path: Path, seed: int) -> None:
    with faulty(server.port, seed=seed, rate=0.2) as proxy:
        store = impatient(server, proxy, "faulty")  # the faults depend on the name, so it is no random one
        users = [User(store, tmp_path / f"file{number}", f"user{number}", seed) for number in range(8)]
        in_threads(8, lambda number: users[number].work(25))
        assert set(proxy.injected) == set(proxy.faults)
    direct = S3Store.open(server.url("faulty"))
    assert [name for user in users for name in user.wrong(direct)] == []
    assert sum(user.done + user.given_up for user in users) == 200
    assert sum(user.given_up for user in users) <= 10


def impatient(server: S3Server, proxy: FaultProxy, prefix: str) -> S3Store:
    """A store behind a proxy that soon gives up on silence."""
    return S3Store(Location.parse(server.url(prefix, endpoint=proxy.endpoint)), timeout_seconds=0.5)
