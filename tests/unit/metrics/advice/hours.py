"""Hours of a model, week by week: windows that have a past, so that it is known since when they look as they do."""

from collections.abc import Callable, Sequence

import numpy as np

from exporter.metrics.evaluation import Evaluation, Thresholds, Window
from exporter.metrics.history import Past
from exporter.profile.counts import Counts, total
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference
from exporter.profile.vocabulary import Vocabulary
from tests.oracle.counting import count, numeric
from tests.oracle.references import reference_of

HOUR, DAY = 3600, 86400
REFERENCE_DAYS, DAYS = 30, 8
START = REFERENCE_DAYS * DAY
LAYOUT = Layout(
    task="binary", classes=("no", "yes"), features={"x": numeric(np.random.default_rng(0).normal(size=20_000))}
)


def hour(
    rng: np.random.Generator, *, moved: float = 0.0, missing: float = 0.0, wrong: float = 0.1, n: int = 400
) -> Counts:
    """x moved, or missing in a share of the rows; a share of the predictions wrong."""
    actual = rng.integers(0, 2, n)
    values = np.where(rng.random(n) < missing, np.nan, rng.normal(moved, 1.0, n))
    return count(LAYOUT, x=values, predicted=np.where(rng.random(n) < wrong, 1 - actual, actual), actual=actual)


def reference() -> Reference:
    rng = np.random.default_rng(1)
    return reference_of([hour(rng) for _ in range(REFERENCE_DAYS * 24)], HOUR)


def hours(when: Callable[[int], bool], seed: int = 2, **how: float) -> list[Counts]:
    """DAYS of hours, those that `when` holds of are other."""
    rng = np.random.default_rng(seed)
    return [hour(rng, **(how if when(number) else {})) for number in range(DAYS * 24)]


def last_day(known: Reference, past: Sequence[Counts]) -> Evaluation:
    """The evaluation of the last day of `past`."""
    matrix = np.array([each.all for each in past])
    starts = START + np.arange(len(past)) * HOUR
    end = START + len(past) * HOUR
    return Evaluation(
        "m",
        "v2",
        Window("24h", DAY, end - DAY, end),
        total(LAYOUT, past[-24:]),
        known,
        Thresholds(),
        Vocabulary({}),
        decided_at=float(end),
        history=lambda places: Past(starts, np.full(len(past), HOUR), matrix[:, places]),
    )


def at(number: int) -> float:
    """When an hour began."""
    return float(START + number * HOUR)
