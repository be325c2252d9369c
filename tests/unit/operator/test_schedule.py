"""When schedules are due."""

from datetime import UTC, datetime, timedelta

import pytest

from repoloom_operator.schedule import NeverDue, newest_tick, next_tick

MONDAY = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
WEEKLY = "0 3 * * 1"


def test_a_tick_is_due_in_the_second_it_falls_on() -> None:
    assert newest_tick(WEEKLY, MONDAY - timedelta(days=3), MONDAY) == MONDAY
    assert newest_tick(WEEKLY, MONDAY - timedelta(days=3), MONDAY - timedelta(seconds=1)) is None


def test_a_tick_that_was_answered_is_not_due_again() -> None:
    assert newest_tick(WEEKLY, MONDAY, MONDAY + timedelta(days=6)) is None


def test_of_missed_ticks_only_the_newest_counts() -> None:
    assert newest_tick("*/5 * * * *", MONDAY - timedelta(days=9), MONDAY + timedelta(minutes=7)) == (
        MONDAY + timedelta(minutes=5)
    )


def test_parts_of_a_second_change_nothing() -> None:
    moment = MONDAY + timedelta(microseconds=1)
    assert newest_tick(WEEKLY, MONDAY - timedelta(days=1), moment) == MONDAY
    assert newest_tick(WEEKLY, moment, moment) is None


def test_the_next_tick_is_later_than_now() -> None:
    assert next_tick(WEEKLY, MONDAY) == MONDAY + timedelta(days=7)


@pytest.mark.parametrize("schedule", ["0 0 30 2 *", "0 0 * * 5-3", "59-1 * * * *"])
def test_a_schedule_that_is_never_due_says_so(schedule: str) -> None:
    with pytest.raises(NeverDue, match="has no tick"):
        next_tick(schedule, MONDAY)
