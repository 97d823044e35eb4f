"""When runs of a batch job are due, and how many of them were missed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

MOST_MISSED = 100
"""Missed runs are counted as far as this."""
_FIELDS = 5
_LOOKED_AT = 64
"""Due times that tell how far apart they are."""
_SOME_DAY = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
_LATE_SHARE, _LEAST_GRACE = 0.1, 300.0


@dataclass(frozen=True, slots=True)
class Every:
    """A run is due so many seconds after the one before it began."""

    seconds: float

    @property
    def spacing(self) -> float:
        """Seconds between two runs."""
        return self.seconds

    def due(self, began: float, early: float) -> Iterator[float]:  # noqa: ARG002 - it counts from the run itself
        """Due times after a run that began at `began`, Unix seconds, rising, without end."""
        due = began
        while True:
            due += self.seconds
            yield due


@dataclass(frozen=True, slots=True)
class Cron:
    """Runs are due by the five fields of cron, in a time zone, as Debian's cron reads them.

    Where a job has fixed hours and the clock leaps over one, it is due right after the leap; where an hour comes twice,
    it is due once.
    """

    fields: str
    timezone: str = "UTC"

    @property
    def spacing(self) -> float:
        """Seconds between the two due times next to each other."""
        return _spacing(self.fields)

    def due(self, began: float, early: float) -> Iterator[float]:
        """Due times after a run that began at `began`, Unix seconds, rising.

        A run that began up to `early` seconds before a due time was meant for it.
        """
        last = began + early
        zone = UTC if self.timezone == "UTC" else ZoneInfo(self.timezone)
        for moment in CronSim(self.fields, datetime.fromtimestamp(last, zone)):
            # Two times that the clock leaps over are due at once.
            if moment.timestamp() > last:
                last = moment.timestamp()
                yield last


Schedule = Every | Cron


@cache
def _spacing(fields: str) -> float:
    return min(later - earlier for earlier, later in pairwise(islice(Cron(fields).due(_SOME_DAY, 0.0), _LOOKED_AT)))


def cron(fields: str, timezone: str) -> Cron:
    """The schedule that `fields` say.

    Raises:
        ValueError: they say none; says why.
    """
    if len(fields.split()) != _FIELDS:
        raise ValueError("must be a duration such as 24h, or five fields of cron: minute hour day month weekday")
    found = Cron(" ".join(fields.split()), timezone)
    try:
        _spacing(found.fields)
    except CronSimError as error:
        where = str(error).removeprefix("Bad ")
        raise ValueError(
            f"is no schedule of cron ({where}); write minute hour day month weekday, such as 30 2 * * 1-5"
        ) from None
    except (ValueError, OverflowError):
        raise ValueError("is never due; write minute hour day month weekday, such as 30 2 * * 1-5") from None
    return found


def usual_grace(schedule: Schedule) -> float:
    """Seconds that a run may be late where nobody says: a tenth of the time between two, five minutes at least."""
    return max(_LEAST_GRACE, _LATE_SHARE * schedule.spacing)


def missed_runs(schedule: Schedule, began: float, grace: float, allowed: float, now: float) -> int:
    """Runs due in a row that nothing has come of by `now`.

    A run is missed when none has succeeded that was meant for it, or for a later one, `grace` after it would have
    been over: its due time + `allowed` + `grace`.

    Args:
        schedule: when runs are due.
        began: when the last run that succeeded began, else since when runs are watched; Unix seconds.
        grace: seconds that a run may be late, or early.
        allowed: seconds that a run may take.
        now: Unix seconds.
    """
    missed = 0
    for due in schedule.due(began, _early(schedule, grace)):
        if missed >= MOST_MISSED or due + allowed + grace > now:
            return missed
        missed += 1
    return missed


def next_due(schedule: Schedule, began: float, grace: float, now: float) -> float | None:
    """The first due time after `now`, Unix seconds, where the newest run began at `began`."""
    if isinstance(schedule, Every):
        return began + (max(0.0, now - began) // schedule.seconds + 1) * schedule.seconds
    early = _early(schedule, grace)
    return next(schedule.due(max(began, now - early), early), None)


def _early(schedule: Schedule, grace: float) -> float:
    return min(grace, schedule.spacing / 2)
