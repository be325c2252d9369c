"""What names mean when a run starts: windows of histories, models, datasets."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from repoloom_api.catalogue import DatasetName, ModelName, ResolveParams
from repoloom_api.runs import GitPin, Pins, SplitMode
from repoloom_stages import resolve
from repoloom_stages.errors import BadInput, CredentialMissing, NoSuchSource, SourceUnavailable, StageError
from repoloom_stages.origins.git_mirror import Commit
from repoloom_stages.origins.holdout import pin_history
from repoloom_stages.runtime.stage import Inputs, Outputs
from support.git_server import git_server
from support.repositories import START, Repository
from support.snapshots import PIN, URL, pin_repository, repository_name

DAY = 86_400


def line(days: list[float]) -> list[Commit]:
    """A first-parent line, newest first, from the days of its commits, oldest first; names tell the position."""
    return [Commit(f"{number:040x}", int(day * DAY)) for number, day in enumerate(days)][::-1]


def pinned(days: list[float], **fields: object) -> GitPin:
    return pin_history(repository_name(**fields), line(days), shallow=False)


def position(commit: str | None) -> int | None:
    return int(commit, 16) if commit else None


# ---- windows


def test_newest_commits_are_held_out_after_a_gap() -> None:
    pin = pinned([float(day) for day in range(100)], gap_days=7)
    assert pin.mode is SplitMode.TIME
    # 0-73 | gap 74-79 | validation 80-89 | test 90-99: day 73 is a week before day 80.
    assert position(pin.train) == 73
    assert position(pin.validation) == 80
    assert position(pin.test) == 90
    assert position(pin.head) == 99
    assert pin.commits == 27
    assert pin.reason == (
        "its 100 commits span 99 days: 74 up to the training commit, 10 for validation and 10 for the test "
        "after a gap of 7 days"
    )


def test_without_a_gap_training_ends_where_validation_begins() -> None:
    pin = pinned([float(day) for day in range(100)], gap_days=0)
    assert position(pin.train) == 79


def test_commits_of_the_same_second_are_kept_apart_without_a_gap() -> None:
    pin = pinned([5.0] * 100, gap_days=0)
    assert (position(pin.train), position(pin.validation)) == (79, 80)


def test_without_validation_the_test_window_follows_the_gap() -> None:
    pin = pinned([float(day) for day in range(100)], validation_percent=0.0)
    assert pin.validation is None
    assert (position(pin.train), position(pin.test)) == (83, 90)


def test_without_test_the_validation_window_ends_at_the_head() -> None:
    pin = pinned([float(day) for day in range(100)], test_percent=0.0)
    assert pin.test is None
    assert (position(pin.train), position(pin.validation)) == (83, 90)


def test_clocks_that_go_backwards_do_not_move_windows() -> None:
    days = [float(day) for day in range(100)]
    days[75] = 0.0  # A commit that claims to be the oldest is no earlier than the one before it.
    assert position(pinned(days).train) == 73
    days[20] = 60.0  # One from the future takes those after it along, up to its own day.
    assert position(pinned(days).train) == 73


def test_commit_from_a_far_future_leads_to_files() -> None:
    days = [float(day) for day in range(100)]
    days[10] = 100_000.0
    pin = pinned(days)
    assert pin.mode is SplitMode.FILE
    assert "would leave 10 for training" in pin.reason


DAILY = [float(day) for day in range(100)]

FILES: dict[str, tuple[list[float], dict[str, object], str]] = {
    "too short for the gap": (
        [day * 2 / 150 for day in range(150)],
        {},
        "its 150 commits span 1 day; holding out by time with a gap of 7 days would leave 0 for training",
    ),
    "too few commits": (
        [float(day * 30) for day in range(34)],
        {},
        "its 34 commits span 990 days; the newest window would hold 3 of them, and 10 are needed",
    ),
    "one commit": (
        [3.0],
        {},
        "its 1 commit spans 0 days; the newest window would hold 0 of them, and 10 are needed",
    ),
    "most of the history is in the gap": (
        DAILY,
        {"gap_days": 40},
        "its 100 commits span 99 days; holding out by time with a gap of 40 days would leave 41 for training",
    ),
    "everything held out": (
        DAILY,
        {"validation_percent": 50.0, "test_percent": 50.0},
        "its 100 commits span 99 days; holding out by time with a gap of 7 days would leave 0 for training",
    ),
    "the resource asks for files": (DAILY, {"by_time": False}, "files are held out, as the resource asks"),
    "the resource holds nothing out": (
        DAILY,
        {"validation_percent": 0.0, "test_percent": 0.0},
        "nothing is held out, as the resource asks",
    ),
    "the resource asks for time, and there is too little of it": (
        DAILY[:30],
        {"by_time": True},
        "its 30 commits span 29 days; the newest window would hold 3 of them, and 10 are needed",
    ),
}


@pytest.mark.parametrize(("days", "fields", "reason"), FILES.values(), ids=FILES)
def test_files_are_held_out_where_history_is_too_short(
    days: list[float], fields: dict[str, object], reason: str
) -> None:
    pin = pinned(days, **fields)
    assert pin.mode is SplitMode.FILE
    assert pin.train == pin.head
    assert (pin.validation, pin.test, pin.commits) == (None, None, 1)
    assert pin.reason == reason


# ---- repositories


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    repository = Repository(tmp_path_factory.mktemp("history") / "code")
    repository.commits([{"a.py": f"number = {one}\n"} for one in range(100)])
    return repository


def test_checkout_and_server_give_the_same_pin(history: Repository, tmp_path: Path) -> None:
    with git_server(history.folder.parent) as server:
        url = f"{server.url}/code/.git"
        fetched = pin_repository(tmp_path / "fetched", None, url=url, private_addresses=True)
        at_hand = pin_repository(tmp_path / "at-hand", history.folder, url=url)
    assert fetched == at_hand
    assert fetched.mode is SplitMode.TIME
    assert fetched.url == url
    assert fetched.head == history.head
    assert fetched.train == history.git("rev-parse", "main~26").strip()
    assert fetched.validation == history.git("rev-parse", "main~19").strip()
    assert fetched.test == history.git("rev-parse", "main~9").strip()


def test_revision_is_pinned_as_head(history: Repository, tmp_path: Path) -> None:
    history.git("branch", "--force", "older", "main~5")
    pin = pin_repository(tmp_path, history.folder, revision="older")
    assert pin.head == history.git("rev-parse", "main~5").strip()


def test_merged_branches_count_as_one_commit(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "code")
    (first, *_) = repository.commits([{"a.py": f"x = {one}\n"} for one in range(30)])
    side = repository.commit({"b.py": "x = 1\n"}, branch="side", parent=first, when=START + timedelta(days=1))
    repository.commit({"b.py": "x = 1\n"}, parent=repository.git("rev-parse", "main").strip(), merge=side)
    assert "31 commits" in pin_repository(tmp_path / "pins", repository.folder).reason


def test_pins_are_the_same_bytes_again(history: Repository, tmp_path: Path) -> None:
    for name in ("one", "two"):
        pin_repository(tmp_path / name, history.folder)
    assert (tmp_path / "one" / "pins.json").read_bytes() == (tmp_path / "two" / "pins.json").read_bytes()


def test_only_the_sources_own_checkout_is_used(history: Repository, tmp_path: Path) -> None:
    inputs = Inputs({}, checkouts={"source/other": history.folder})
    params = ResolveParams(repositories=(repository_name(url="https://127.0.0.1/x"),))
    with pytest.raises(StageError, match="no public address"):
        resolve.run(params, inputs, Outputs(tmp_path))


def test_builder_dates_commits_as_told(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "code")
    repository.commit({"a.py": "x = 1\n"}, when="2024-05-06T07:08:09")
    repository.commit({"a.py": None, "b.py": "x = 1\n"}, when=datetime.fromisoformat("2024-05-07T00:00:00+02:00"))
    assert repository.git("log", "--format=%cI", "main").split() == [
        "2024-05-06T22:00:00+00:00",
        "2024-05-06T07:08:09+00:00",
    ]


# ---- models and datasets


def resolved(tmp_path: Path, **params: object) -> Pins:
    datasets = {"reviews": "d" * 64}
    outputs = Outputs(tmp_path)
    resolve.run(ResolveParams(**params), Inputs({}, latest_dataset=datasets.get), outputs)  # type: ignore[arg-type]
    return Pins.model_validate_json((tmp_path / "pins.json").read_bytes())


def test_dataset_is_pinned_to_its_newest_result(tmp_path: Path) -> None:
    pins = resolved(tmp_path, datasets=(DatasetName(pin="data/code", name="reviews"),))
    dataset = pins.pins["data/code"].dataset
    assert dataset
    assert (dataset.name, dataset.digest) == ("reviews", "d" * 64)


def test_dataset_without_a_result_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="DatasetBuild nothing has no published result in this store; run it first"):
        resolved(tmp_path, datasets=(DatasetName(pin="data/code", name="nothing"),))


def test_shipped_model_is_pinned_by_digest(tmp_path: Path) -> None:
    from repoloom_stages import tiny

    pins = resolved(tmp_path, models=(ModelName(pin="model"),))
    assert pins.pins["model"].tiny
    assert pins.pins["model"].tiny.sha256 == tiny.SHA256


class Hub:
    """Answers as the Hub would."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.asked: list[tuple[str, str]] = []

    def model_info(self, repository: str, *, revision: str, timeout: float) -> object:
        self.asked.append((repository, revision))
        if self.error:
            raise self.error
        return type("Info", (), {"sha": "c" * 40})


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    hub = Hub()
    monkeypatch.setattr(HfApi, "model_info", lambda _, repository, **more: hub.model_info(repository, **more))
    return hub


MODEL = ModelName(pin="model", repository="owner/model", revision="v2")


def test_model_is_pinned_to_a_commit(hub: Hub, tmp_path: Path) -> None:
    pins = resolved(tmp_path, models=(MODEL,))
    found = pins.pins["model"].hugging_face
    assert found
    assert (found.repository, found.revision) == ("owner/model", "c" * 40)
    assert hub.asked == [("owner/model", "v2")]


def answer(status: int) -> httpx2.Response:
    return httpx2.Response(status, request=httpx2.Request("GET", "https://huggingface.co/api/models/owner/model"))


REFUSALS = {
    "no such repository": (RepositoryNotFoundError("?", response=answer(401)), CredentialMissing, "does not exist"),
    "no such revision": (RevisionNotFoundError("?", response=answer(404)), NoSuchSource, "no revision 'v2'"),
    "a gated repository": (GatedRepoError("?", response=answer(403)), CredentialMissing, "gated"),
    "another refusal": (HfHubHTTPError("?", response=answer(403)), NoSuchSource, "403"),
    "offline": (OfflineModeIsEnabled("?"), BadInput, "HF_HUB_OFFLINE"),
    "too many requests": (HfHubHTTPError("?", response=answer(429)), SourceUnavailable, "429"),
    "a broken server": (HfHubHTTPError("?", response=answer(502)), SourceUnavailable, "502"),
    "no connection": (httpx2.ConnectError("hf_token_1234"), SourceUnavailable, "cannot be reached"),
    "no answer": (httpx2.ReadTimeout("hf_token_1234"), SourceUnavailable, "cannot be reached"),
}


@pytest.mark.parametrize(("error", "kind", "message"), REFUSALS.values(), ids=REFUSALS)
def test_the_hubs_refusal_says_what_to_do(
    error: Exception, kind: type[StageError], message: str, hub: Hub, tmp_path: Path
) -> None:
    hub.error = error
    with pytest.raises(kind, match=message) as raised:
        resolved(tmp_path, models=(MODEL,))
    assert type(raised.value) is kind
    assert "owner/model" in str(raised.value)
    assert "hf_token" not in str(raised.value)


def test_every_name_is_counted(history: Repository, tmp_path: Path) -> None:
    outputs = Outputs(tmp_path)
    params = ResolveParams(repositories=(repository_name(),), datasets=(DatasetName(pin="data/code", name="reviews"),))
    inputs = Inputs({}, checkouts={PIN: history.folder}, latest_dataset={"reviews": "d" * 64}.get)
    resolve.run(params, inputs, outputs)
    assert (outputs.records_in, outputs.kept) == (2, 2)
    pins = Pins.model_validate_json((tmp_path / "pins.json").read_bytes())
    assert set(pins.pins) == {PIN, "data/code"}
    assert pins.pins[PIN].git
    assert pins.pins[PIN].git.url == URL
