"""Hours of two or more replicas, one of which may do worse: windows with a past."""

from collections.abc import Sequence

import numpy as np

from exporter.metrics.evaluation import Evaluation, HostFacts, Objective, Thresholds, Window
from exporter.metrics.history import Past
from exporter.profile.counts import Counts, total
from exporter.profile.layout import ERROR_SLOTS, Layout
from exporter.profile.vocabulary import Vocabulary
from tests.oracle.counting import numeric

HOUR, DAY = 3600, 86400
HOURS = 48
NAMES = ("a", "b", "c")
BOUNDS = (0.1, 0.25, 1.0)
BINS = numeric(np.random.default_rng(0).random(20_000), 16)
LAYOUT = Layout(
    task="binary",
    classes=("0", "1"),
    latency_bounds=BOUNDS,
    score_bins=BINS,
    slices={"replica": len(NAMES) + 1},
)
VOCABULARY = Vocabulary(
    {"replica": len(NAMES) + 1, "error": ERROR_SLOTS}, {"replica": list(NAMES), "error": ["Refused", "FeatureTimeout"]}
)
PROMISES = (Objective("availability", 0.999), Objective("latency", 0.99, 0.25))


def hour(
    rng: np.random.Generator,
    bad: Sequence[str] = (),
    *,
    n: int = 200,
    errors: float = 0.0,
    kind: int = 0,
    slow: float = 0.0,
    lost: float = 0.0,
    shift: float = 0.0,
) -> Counts:
    """n requests of each replica; those that are `bad` fail, are slow, lose their score or say more than they should."""
    counts = Counts.zero(LAYOUT)
    for slot, name in enumerate(NAMES):
        off = float(name in bad)
        failed = rng.binomial(n, off * errors)
        answered = n - failed
        late = rng.binomial(answered, 0.002 + off * slow)
        gone = rng.binomial(answered, off * lost)
        scores = np.clip(rng.random(answered - gone) * (1 - off * shift) + off * shift, 0, 1)
        for part, value in (
            ("rows", [n]),
            ("errors", np.eye(ERROR_SLOTS)[kind] * failed),
            ("latency", [answered - late, 0, late, 0]),
            ("score", np.bincount(BINS.codes(scores) - 2, minlength=BINS.cells)),
            ("score_bad", [gone, 0]),
        ):
            counts.sliced("replica", part)[slot] += value
            counts[part][:] += value
    return counts


def evaluation(
    past: Sequence[Counts], host: HostFacts | None = None, objectives: Sequence[Objective] = ()
) -> Evaluation:
    """The last day of `past`."""
    matrix = np.array([np.concatenate([each.all, each.by_slice.reshape(-1)]) for each in past])
    starts, end = np.arange(len(past)) * HOUR, len(past) * HOUR
    return Evaluation(
        "m",
        "v",
        Window("1d", DAY, end - DAY, end),
        total(LAYOUT, past[-24:]),
        None,
        Thresholds(),
        VOCABULARY,
        decided_at=float(end),
        objectives=tuple(objectives),
        history=lambda places: Past(starts, np.full(len(past), HOUR), matrix[:, places]),
        host=host,
        pane=HOUR,
    )


def hours(since: int, bad: Sequence[str], until: int = HOURS, seed: int = 1, **how: float) -> list[Counts]:
    """Two days; from hour `since` to `until` the replicas that are `bad` are so."""
    rng = np.random.default_rng(seed)
    return [hour(rng, bad if since <= number < until else (), **how) for number in range(HOURS)]
