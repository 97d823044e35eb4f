"""Law: what bins take off the distances of raw values is bounded; where it may be more, the distance says so.

Columns of many shapes are fitted by our own `fit`, with default bins; windows are other draws, moved and stretched.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from exporter.metrics.drift import kolmogorov_smirnov, wasserstein
from exporter.metrics.drift.pair import Pair
from exporter.metrics.drift.variables import variables_of
from exporter.profile.learn import FEATURE_BINS
from tests.oracle.pipeline import Fitted

Draw = Callable[[np.random.Generator, int], np.ndarray]

SMOOTH: Mapping[str, Draw] = {
    "normal": lambda random, n: random.normal(size=n),
    "logistic": lambda random, n: random.logistic(100, 5, n),
    "student 5": lambda random, n: random.standard_t(5, n),
    "gamma": lambda random, n: random.gamma(3, 2, n),
    "lognormal": lambda random, n: random.lognormal(0, 1, n),
    "two humps": lambda random, n: np.where(random.random(n) < 0.4, random.normal(-2, 1, n), random.normal(2, 1, n)),
    "beta": lambda random, n: random.beta(2, 5, n),
}
"""Densities without jumps, of finite variance."""
ROUGH: Mapping[str, Draw] = {
    "uniform": lambda random, n: random.random(n),
    "exponential": lambda random, n: random.exponential(size=n),
    "counts": lambda random, n: random.poisson(3, n).astype(float),
    "many counts": lambda random, n: random.poisson(200, n).astype(float),
    "rounded": lambda random, n: random.normal(size=n).round(1),
    "mostly zero": lambda random, n: np.where(random.random(n) < 0.7, 0.0, random.exponential(size=n)),
    "one value": lambda random, n: np.full(n, 0.1),
}
"""Jumps and ties."""
HEAVY: Mapping[str, Draw] = {
    "Cauchy": lambda random, n: random.standard_cauchy(n),
    "Pareto 1": lambda random, n: random.pareto(1, n),
    "Pareto 1.5": lambda random, n: random.pareto(1.5, n),
    "lognormal 3": lambda random, n: random.lognormal(0, 3, n),
    "outliers": lambda random, n: np.where(random.random(n) < 0.01, 1e3, random.normal(size=n)),
}
"""No finite variance, or none that a sample shows."""
ALL = {**SMOOTH, **ROUGH, **HEAVY}

CHANGES: Mapping[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "none": lambda values, scale: values,
    "shift 0.1": lambda values, scale: values + 0.1 * scale,
    "shift 1": lambda values, scale: values + scale,
    "shift 10": lambda values, scale: values + 10 * scale,
    "wider": lambda values, scale: values * 1.5,
    "narrower": lambda values, scale: values * 0.7,
}
SIZES = (100, 1000, 5000, 20_000)
REFERENCE = 20_000


@pytest.fixture(scope="module")
def reference() -> dict[str, np.ndarray]:
    random = np.random.default_rng(20261121)
    return {name: draw(random, REFERENCE) for name, draw in ALL.items()}


@pytest.fixture(scope="module")
def fitted(reference: dict[str, np.ndarray]) -> Fitted:
    rows = pa.table({**reference, "y": np.zeros(REFERENCE)})
    return Fitted.of(rows, "regression", tuple(ALL), prediction="y")


@pytest.fixture(scope="module", params=[(change, n) for change in CHANGES for n in SIZES], ids=str)
def window(
    request: pytest.FixtureRequest, reference: dict[str, np.ndarray], fitted: Fitted
) -> tuple[dict[str, np.ndarray], Pair, int]:
    """Raw values of a window by name, its pair with the reference in the order of ALL, and its size."""
    change, n = request.param
    random = np.random.default_rng([n, list(CHANGES).index(change)])
    raw = {}
    for name, draw in ALL.items():
        low, high = np.quantile(reference[name], [0.16, 0.84])
        raw[name] = CHANGES[change](draw(random, n), (high - low) / 2)
    counts = fitted.count(pa.table({**raw, "y": np.zeros(n)}))
    variables = variables_of(fitted.reference, "features")
    return raw, variables.pair(counts, fitted.reference.total), n


def raw_statistics(raw: dict[str, np.ndarray], reference: dict[str, np.ndarray]) -> np.ndarray:
    return np.array([stats.ks_2samp(raw[name], reference[name], method="asymp").statistic for name in ALL])


def test_kolmogorov_smirnov(window, reference) -> None:
    """Never above the raw one, and below by no more than what both sides have in one bin."""
    raw, pair, n = window
    statistic = raw_statistics(raw, reference)
    below = statistic - kolmogorov_smirnov.compute(pair)
    assert (below >= -1e-12).all()
    assert (below <= np.minimum(pair.p, pair.q).max(axis=1) + 1e-12).all()
    # In the reference a bin holds 1/B, but for what a single value holds.
    tied = [name in {"counts", "many counts", "rounded", "mostly zero", "one value", "outliers"} for name in ALL]
    assert (below[~np.array(tied)] <= 1 / FEATURE_BINS + 1 / REFERENCE).all()
    if n >= 5000:
        # A window that lies wholly in the reference's last bin, nearly 1 away, is told from it to 1/B only.
        assert below[: len(SMOOTH)][statistic[: len(SMOOTH)] < 0.9].max(initial=0.0) <= 0.003


def test_wasserstein(window, reference) -> None:
    """Within 2 % or 0.01 standard deviations of the raw one where variance is finite; else it says that it may not be."""
    raw, pair, n = window
    ours, tail = wasserstein.compute(pair), wasserstein.approximate(pair)
    for place, name in enumerate(ALL):
        sd = reference[name].std()
        if name == "one value":
            assert np.isnan([ours[place], tail[place]]).all()
            continue
        expected = stats.wasserstein_distance(raw[name], reference[name]) / sd
        near = abs(ours[place] - expected) <= max(0.02 * expected, 0.01)
        if name in HEAVY:
            assert 0 <= tail[place] <= 1
        elif n >= 1000 or name in SMOOTH:
            assert near
        if n >= 1000 and np.isnan(tail[place]):
            assert near


@pytest.mark.parametrize("name", ["normal", "logistic", "gamma", "beta", "uniform", "exponential"])
def test_wasserstein_of_light_tails_is_not_called_approximate(fitted, reference, name) -> None:
    random = np.random.default_rng(7)
    rows = {**{each: values[:2000] for each, values in reference.items()}, name: ALL[name](random, 2000)}
    samples = fitted.samples(pa.table({**rows, "y": np.zeros(2000)}), "wasserstein")
    assert (name, "wasserstein") not in samples["ml_feature_drift_tail_ratio"]
    assert {key[0] for key in samples["ml_feature_drift_tail_ratio"]} >= set(HEAVY)


def test_the_standard_deviation_is_that_of_all_raw_values(fitted, reference) -> None:
    bins = fitted.reference.layout.features
    assert {name: bins[name].deviation for name in ALL} == pytest.approx(
        {name: values.std() for name, values in reference.items()}, rel=1e-8
    )
