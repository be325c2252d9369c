"""When a schedule is due: cron in UTC. Which run a tick starts, `reconcile` decides."""

from datetime import datetime, timedelta

from cronsim import CronSim, CronSimError

_SECOND = timedelta(seconds=1)


class NeverDue(ValueError):
    """A schedule that has no tick, such as one on the 30th of February."""


def newest_tick(schedule: str, after: datetime, until: datetime) -> datetime | None:
    """The newest tick later than one moment and no later than another; those before it are left out.

    Raises NeverDue.
    """
    tick = _first(schedule, until.replace(microsecond=0) + _SECOND, reverse=True)
    return tick if tick > after else None


def next_tick(schedule: str, after: datetime) -> datetime:
    """The first tick later than a moment. Raises NeverDue."""
    return _first(schedule, after, reverse=False)


def _first(schedule: str, moment: datetime, *, reverse: bool) -> datetime:
    try:
        return next(CronSim(schedule, moment, reverse=reverse))
    except (CronSimError, StopIteration) as error:
        raise NeverDue(f"{schedule!r} has no tick: {error}") from None
