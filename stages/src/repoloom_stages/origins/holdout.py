"""How a repository's samples are held out: by windows of its history, or by file where the history is too short.

Along the first-parent line of the head, oldest commit first:

    ... training commit | gap | validation window | test window, up to the head
"""

from dataclasses import dataclass
from itertools import accumulate

from repoloom_api.catalogue import RepositoryName
from repoloom_api.runs import GitPin, SplitMode
from repoloom_stages.origins.git_mirror import Commit

MIN_HELD_OUT_COMMITS = 10
"""In the newest window: judgement resamples commits, and an interval from fewer says nothing."""

MIN_TRAINING_PERCENT = 50
"""Of all commits, those up to the training commit. With a long gap in a young repository, the rest is another one."""

_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class _Windows:
    """How many commits there are up to the training commit and in each window; the rest is the gap."""

    training: int
    validation: int
    test: int


def pin_history(name: RepositoryName, line: list[Commit], *, shallow: bool) -> GitPin:
    """The pin of a repository whose first-parent line this is, newest commit first; there is at least one."""
    if name.by_time is False:
        return _by_file(name, line, "files are held out, as the resource asks")
    if not name.validation_percent and not name.test_percent:
        return _by_file(name, line, "nothing is held out, as the resource asks")
    commits = line[::-1]
    # A committer's clock may be wrong; taken as no earlier than the commit before, times only rise.
    times = list(accumulate((commit.seconds for commit in commits), max))
    windows = _windows(name, times)
    history = _history(times, shallow=shallow)
    if fault := _fault(name, windows, len(line)):
        return _by_file(name, line, f"{history}; {fault}")
    first_test = len(line) - windows.test
    first_validation = first_test - windows.validation
    return GitPin(
        url=name.url,
        head=commits[-1].sha,
        train=commits[windows.training - 1].sha,
        validation=commits[first_validation].sha if windows.validation else None,
        test=commits[first_test].sha if windows.test else None,
        commits=len(line) - windows.training + 1,
        mode=SplitMode.TIME,
        reason=f"{history}: {windows.training:,} up to the training commit, {windows.validation:,} for validation and "
        f"{windows.test:,} for the test after a gap of {_number(name.gap_days, 'day')}",
    )


def _history(times: list[int], *, shallow: bool) -> str:
    days = _number((times[-1] - times[0]) // _DAY_SECONDS, "day")
    text = f"its {_number(len(times), 'commit')} {'spans' if len(times) == 1 else 'span'} {days}"
    return f"the clone is shallow, and {text}" if shallow else text


def _windows(name: RepositoryName, times: list[int]) -> _Windows:
    test, validation = (round(len(times) * percent / 100) for percent in (name.test_percent, name.validation_percent))
    first_held_out = len(times) - test - validation
    if first_held_out == len(times):
        return _Windows(first_held_out, 0, 0)
    latest = times[first_held_out] - name.gap_days * _DAY_SECONDS
    return _Windows(sum(time <= latest for time in times[:first_held_out]), validation, test)


def _fault(name: RepositoryName, windows: _Windows, commits: int) -> str | None:
    """Why these windows cannot be used."""
    newest = windows.test if name.test_percent else windows.validation
    if newest < MIN_HELD_OUT_COMMITS:
        return f"the newest window would hold {newest} of them, and {MIN_HELD_OUT_COMMITS} are needed"
    if windows.training * 100 < commits * MIN_TRAINING_PERCENT:
        gap = _number(name.gap_days, "day")
        return f"holding out by time with a gap of {gap} would leave {windows.training} for training"
    return None


def _by_file(name: RepositoryName, line: list[Commit], reason: str) -> GitPin:
    head = line[0].sha
    return GitPin(url=name.url, head=head, train=head, commits=1, mode=SplitMode.FILE, reason=reason)


def _number(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
