"""Regressions whose inputs move and whose errors, given the inputs, do not."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from exporter.metrics.estimated.results import estimates
from exporter.metrics.performance.results import results
from tests.oracle.pipeline import Fitted
from tests.oracle.references import evaluation_of

Values = np.ndarray
FEATURES = ("a", "b", "c", "d", "kind")
METRICS = ("mean_absolute_error", "root_mean_squared_error", "mean_absolute_percentage_error", "mean_error")


def rows(rng: np.random.Generator, inputs: Values, *, tails: float = 0.0) -> pa.Table:
    """A log of a model that knows too little: its error depends on its inputs in mean and size, on two of them together.

    `inputs` (n, 5) are standard normal as a rule; the last one is cut into four kinds. `tails` > 0: Student's t.
    """
    a, b, c, d, last = inputs.T
    kind = np.digitize(last, (-0.7, 0.0, 0.9))
    truth = 50.0 + 4.0 * a + 3.0 * b + 2.0 * c + 1.5 * a * b + kind
    prediction = 50.0 + 4.0 * a + 3.0 * b + 2.0 * c + 1.5
    size = 1.0 + 0.5 * np.abs(a) + 0.8 * (kind == 1) + 0.3 * np.clip(c, 0, 3)
    noise = rng.normal(size=len(a)) if tails == 0 else rng.standard_t(tails, len(a))
    columns = {"a": a, "b": b, "c": c, "d": d, "kind": np.array(["n", "e", "s", "w"])[kind]}
    return pa.table({**columns, "prediction": prediction, "truth": truth + size * noise})


def calm(rng: np.random.Generator, n: int) -> Values:
    return rng.normal(size=(n, 5))


def moved(rng: np.random.Generator, n: int) -> Values:
    """All inputs up or down by a part of a standard deviation, drawn anew each time."""
    return rng.normal(size=(n, 5)) + rng.normal(0.0, 0.4, 5)


def squeezed(rng: np.random.Generator, n: int) -> Values:
    """Inputs of another spread."""
    return rng.normal(size=(n, 5)) * rng.uniform(0.5, 1.2, 5)


def hand_in_hand(rng: np.random.Generator, n: int) -> Values:
    """Inputs that had nothing to do with each other have."""
    common, share = rng.normal(size=(n, 1)), rng.uniform(0.1, 0.6)
    return np.sqrt(1 - share) * rng.normal(size=(n, 5)) + np.sqrt(share) * common * rng.choice((-1.0, 1.0), 5)


SHIFTS: dict[str, Callable[[np.random.Generator, int], Values]] = {
    "nothing moves": calm,
    "inputs move": moved,
    "inputs spread or narrow": squeezed,
    "inputs go hand in hand": hand_in_hand,
}


def fitted(table: pa.Table) -> Fitted:
    return Fitted.of(table, "regression", FEATURES, prediction="prediction", label="truth")


@dataclass(frozen=True, slots=True)
class Told:
    """Of one metric of a window: its estimate and interval, and what was measured."""

    estimate: float
    lower: float
    upper: float
    measured: float

    @property
    def held(self) -> bool:
        return self.lower <= self.measured <= self.upper


def told(reference: Fitted, window: pa.Table) -> dict[str, Told]:
    """By metric, what is estimated of a window and what was measured there."""
    counts = reference.count(window)
    evaluation = evaluation_of(counts, reference.reference)
    measured = {result.metric.name: result.value for result in results(evaluation)}
    return {
        each.metric.name: Told(each.value, each.lower, each.upper, measured[each.metric.name])
        for each in estimates(evaluation)
    }
