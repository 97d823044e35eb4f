"""Rows with scores whose truth is known: what a remedy promises is compared with what it does to rows never seen."""

from dataclasses import dataclass

import numpy as np

from exporter.metrics.evaluation import Evaluation
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference
from tests.oracle.counting import count, numeric
from tests.oracle.references import evaluation_of, reference_of

LIMIT = 0.5
_CENTRE, _SPREAD = -0.8, 1.5


@dataclass(frozen=True)
class World:
    """Scores are honest where `slope` is 1 and the prior is their own; the truth's log-odds are slope times theirs.

    Attributes:
        prior: share of positives, P(score | truth) being what it was; None: as it comes.
    """

    slope: float = 1.0
    prior: float | None = None

    def draw(self, rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
        """Scores, classes and the truth of n rows."""
        logit = rng.normal(_CENTRE, _SPREAD, 8 * n)
        truth = rng.random(8 * n) < 1 / (1 + np.exp(-(_CENTRE + self.slope * (logit - _CENTRE))))
        chosen = np.arange(n)
        if self.prior is not None:
            wanted = rng.random(n) < self.prior
            for positive in (True, False):
                chosen[wanted == positive] = np.flatnonzero(truth == positive)[: (wanted == positive).sum()]
        score = 1 / (1 + np.exp(-logit[chosen]))
        return {"score": score, "predicted": (score > LIMIT).astype(int), "actual": truth[chosen].astype(int)}


CALM = World()
LAYOUT = Layout(
    task="binary",
    classes=("no", "yes"),
    score_bins=numeric(CALM.draw(np.random.default_rng(0), 20_000)["score"], 128),
)


def counted(rows: dict[str, np.ndarray]) -> Counts:
    return count(LAYOUT, **rows)


def reference(days: int = 25, n: int = 1500) -> Reference:
    rng = np.random.default_rng(1)
    return reference_of([counted(CALM.draw(rng, n)) for _ in range(days)])


def window(rows: dict[str, np.ndarray], known: Reference | None = None) -> Evaluation:
    return evaluation_of(counted(rows), known)


@dataclass(frozen=True)
class Calmer(World):
    """All log-odds are lower by so much, the scores' and the truth's alike: rows that are rarely positive, and known to be."""

    by: float = 1.0

    def draw(self, rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
        logit = rng.normal(_CENTRE - self.by, _SPREAD, n)
        score = 1 / (1 + np.exp(-logit))
        actual = (rng.random(n) < score).astype(int)
        return {"score": score, "predicted": (score > LIMIT).astype(int), "actual": actual}
