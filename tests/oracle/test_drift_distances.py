"""Law: every distance equals scipy's on the same binned counts, and what others have published on a public data set."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import trapezoid
from scipy.spatial import distance as spatial
from sklearn.datasets import load_breast_cancer

from exporter.metrics.drift import chi_square, kolmogorov_smirnov, population_stability_index, wasserstein
from exporter.metrics.drift.distances import BY_NAME, DISTANCES
from exporter.metrics.drift.pair import Pair
from exporter.profile.bins import quantile_edges


def smooth(counts):
    return (counts + 0.5) / (counts.sum() + len(counts) / 2)


def kolmogorov_twin(x, y, at_x, at_y):
    bins = np.arange(len(x))
    with np.errstate(divide="ignore"):  # of its p-value, for samples of one row
        return stats.ks_2samp(np.repeat(bins, x), np.repeat(bins, y), method="asymp").statistic


def wasserstein_twin(x, y, at_x, at_y):
    keep_x, keep_y = x > 0, y > 0
    moved = stats.wasserstein_distance(at_x[keep_x], at_y[keep_y], x[keep_x], y[keep_y])
    if keep_y.sum() == 1:
        return np.nan
    return moved / np.sqrt(np.cov(at_y[keep_y], aweights=y[keep_y], ddof=0))


TWINS = {
    "jensen_shannon": lambda x, y, *_: spatial.jensenshannon(x, y, base=2),
    "population_stability_index": lambda x, y, *_: (
        stats.entropy(smooth(x), smooth(y)) + stats.entropy(smooth(y), smooth(x))
    ),
    "kullback_leibler": lambda x, y, *_: stats.entropy(smooth(x), smooth(y)),
    "kolmogorov_smirnov": kolmogorov_twin,
    "wasserstein": wasserstein_twin,
    "hellinger": lambda x, y, *_: spatial.euclidean(np.sqrt(x / x.sum()), np.sqrt(y / y.sum())) / np.sqrt(2),
    "total_variation": lambda x, y, *_: spatial.cityblock(x / x.sum(), y / y.sum()) / 2,
    "l_infinity": lambda x, y, *_: spatial.chebyshev(x / x.sum(), y / y.sum()),
}
"""Name of a distance → scipy on counts x (window), y (reference) and where their mass lies."""


def binned(seed, bins, n, m, empty=0.0):
    """Counts of both sides, and their means inside the bins, as real values would give them."""
    rng = np.random.default_rng(seed)
    edges = np.sort(rng.normal(size=bins - 1))
    values = rng.normal(0.2, 1.3, n), rng.normal(size=m)
    codes = [np.searchsorted(edges, side) for side in values]
    counts = [np.bincount(code, minlength=bins) for code in codes]
    dropped = rng.random(bins) < empty
    counts[0][dropped] = 0
    sums = [np.bincount(code, weights=side, minlength=bins) for code, side in zip(codes, values, strict=True)]
    with np.errstate(invalid="ignore", divide="ignore"):
        return counts[0], counts[1], sums[0] / counts[0], sums[1] / counts[1]


CASES = [(2, 50, 60, 0.0), (8, 200, 1000, 0.0), (66, 1000, 5000, 0.3), (66, 40, 50, 0.0), (66, 100_000, 3000, 0.1)]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("distance", DISTANCES, ids=lambda each: each.name)
def test_equals_scipy_on_the_same_counts(distance, case):
    x, y, at_x, at_y = binned(7, case[0], *case[1:])
    ours = distance.compute(Pair.of(x, y, window_at=at_x, reference_at=at_y))
    assert np.asarray([TWINS[distance.name](x, y, at_x, at_y)]) == pytest.approx(ours, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("distance", DISTANCES, ids=lambda each: each.name)
def test_padding_and_neighbours_change_nothing(distance):
    """Features of different widths computed together are what they are alone."""
    sides = [binned(seed, bins, 300, 500) for seed, bins in enumerate((5, 66, 12))]
    alone = [distance.compute(Pair.of(x, y, window_at=at_x, reference_at=at_y))[0] for x, y, at_x, at_y in sides]
    wide = [
        np.array([np.pad(side[part].astype(float), (0, 66 - len(side[part])), constant_values=fill) for side in sides])
        for part, fill in ((0, 0.0), (1, 0.0), (2, np.nan), (3, np.nan))
    ]
    used = np.arange(66) < np.array([[5], [66], [12]])
    together = Pair(wide[0], wide[1], used, np.ones(3, dtype=bool), wide[2], wide[3])
    assert alone == pytest.approx(distance.compute(together), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("distance", DISTANCES, ids=lambda each: each.name)
def test_of_an_empty_sample_is_undefined_and_of_equal_ones_zero(distance):
    counts, at = np.array([3.0, 4.0, 5.0]), np.array([1.0, 2.0, 3.0])
    empty = distance.compute(Pair.of(np.zeros(3), counts, window_at=np.full(3, np.nan), reference_at=at))
    assert np.isnan(empty).all()
    equal = distance.compute(Pair.of(counts, counts, window_at=at, reference_at=at))
    assert pytest.approx(equal, abs=1e-12) == [0.0]


SMALL = st.integers(0, 12)
COUNTS = st.lists(st.tuples(SMALL, SMALL), min_size=1, max_size=30).filter(
    lambda rows: sum(x for x, _ in rows) > 0 < sum(y for _, y in rows)
)
"""Few rows and many empty bins, also one bin alone."""


@pytest.mark.parametrize("distance", DISTANCES, ids=lambda each: each.name)
@settings(max_examples=100, deadline=None)
@given(rows=COUNTS, times=st.sampled_from([1, 1000]), seed=st.integers(0, 1000))
def test_equals_scipy_on_any_counts(distance, rows, times, seed):
    x, y = np.array(rows).T * times
    inside = np.random.default_rng(seed).random((2, len(x)))
    at_x, at_y = (np.where(side > 0, np.arange(len(x)) + at, np.nan) for side, at in zip((x, y), inside, strict=True))
    ours = distance.compute(Pair.of(x, y, window_at=at_x, reference_at=at_y))[0]
    assert pytest.approx(ours, rel=1e-9, abs=1e-9, nan_ok=True) == TWINS[distance.name](x, y, at_x, at_y)


@pytest.mark.parametrize("distance", DISTANCES, ids=lambda each: each.name)
@settings(max_examples=30, deadline=None)
@given(rows=COUNTS)
def test_huge_counts_are_as_good_as_small_ones(distance, rows):
    """A million million rows: shares are all that is left, and half a row in a bin is nothing."""
    x, y = np.array(rows).T
    huge = distance.compute(Pair.of(x * 1e12, y * 1e12, window_at=np.arange(len(x)), reference_at=np.arange(len(x))))
    if distance.name in {"kullback_leibler", "population_stability_index"}:
        terms = TWINS[distance.name](x * 1e12, y * 1e12)
        assert pytest.approx(huge[0], rel=1e-9, abs=1e-9) == terms
    else:
        at = np.arange(len(x), dtype=float)
        expected = TWINS[distance.name](x, y, at, at)
        assert pytest.approx(huge[0], rel=1e-9, abs=1e-9, nan_ok=True) == expected


@settings(max_examples=60, deadline=None)
@given(rows=COUNTS, seed=st.integers(0, 1000))
def test_wasserstein_of_spread_mass_equals_an_integral(rows, seed):
    """With edges: every bin's mass spread evenly about its mean, as widely as the bin leaves room on both sides."""
    x, y = np.array(rows).T
    inside = np.random.default_rng(seed).choice([0.1, 0.25, 0.5, 0.8, 1.0], (2, len(x)))
    at = [np.arange(len(x)) - 1 + each for each in inside]
    edges = np.arange(len(x) - 1.0)

    def cdf(at_x, side, centre):
        lower, upper = np.append(-np.inf, edges), np.append(edges, np.inf)
        half = np.minimum(centre - lower, upper - centre)
        half = np.where(np.isfinite(half), half, 0.0)
        each = np.clip((at_x[:, None] - centre + half) / np.maximum(2 * half, 1e-12), 0.0, 1.0)
        return each @ (side / side.sum())

    grid = np.linspace(-2.0, len(x) + 1.0, 40_001)
    moved = trapezoid(np.abs(cdf(grid, x, at[0]) - cdf(grid, y, at[1])), grid)
    found = wasserstein.compute(Pair.of(x, y, window_at=at[0], reference_at=at[1], deviation=1.0, edges=edges))[0]
    if len(x) == 1:
        moved = abs(at[0][0] - at[1][0])
    assert moved == pytest.approx(found, abs=2e-3)


def test_order_is_needed_by_the_ordered_ones():
    counts = np.array([[3.0, 4.0, 5.0]])
    pair = Pair(counts, counts[:, ::-1], counts > 0, np.array([False]), counts, counts)
    undefined = [distance.name for distance in DISTANCES if np.isnan(distance.compute(pair)).all()]
    assert undefined == [distance.name for distance in DISTANCES if distance.ordered]


@pytest.mark.parametrize("bins", [8, 16, 32, 64])
def test_kolmogorov_smirnov_is_below_the_raw_one_by_1_in_b_at_most(bins):
    rng = np.random.default_rng(bins)
    reference, window = rng.lognormal(size=20_000), rng.lognormal(0.15, 1.1, size=3000)
    edges = quantile_edges(reference, bins, low=0.0, high=1.0)
    counts = [np.bincount(np.searchsorted(edges, side), minlength=bins + 2) for side in (window, reference)]
    ours = kolmogorov_smirnov.compute(Pair.of(*counts))[0]
    raw = stats.ks_2samp(window, reference).statistic
    assert raw - 1 / bins <= ours <= raw + 1e-12


def test_wasserstein_is_close_to_the_raw_one_also_where_the_window_leaves_the_reference():
    rng = np.random.default_rng(3)
    reference, window = rng.normal(size=20_000), rng.normal(1.0, 1.5, size=20_000)
    edges = quantile_edges(reference, 64)
    codes = [np.searchsorted(edges, side) for side in (window, reference)]
    counts = [np.bincount(code, minlength=len(edges) + 1) for code in codes]
    means = [
        np.bincount(code, weights=side, minlength=len(edges) + 1) / np.maximum(count, 1)
        for code, side, count in zip(codes, (window, reference), counts, strict=True)
    ]
    ours = BY_NAME["wasserstein"].compute(Pair.of(*counts, window_at=means[0], reference_at=means[1]))[0]
    assert stats.wasserstein_distance(window, reference) / reference.std() == pytest.approx(ours, rel=0.02)


def test_chi_square_equals_scipy():
    x, y, *_ = binned(5, 20, 400, 900)
    value, freedom = chi_square.statistic(Pair.of(x, y))
    twin = stats.chi2_contingency(np.array([x, y])[:, x + y > 0], correction=False)
    assert (twin.statistic, twin.dof) == pytest.approx((value[0], freedom[0]), rel=1e-9)
    assert twin.pvalue == pytest.approx(chi_square.pvalue(Pair.of(x, y))[0], rel=1e-9)


def test_kolmogorov_pvalue_equals_scipy():
    x, y, *_ = binned(5, 20, 400, 900)
    size = 400 * 900 / 1300
    expected = stats.kstwobign.sf(np.sqrt(size) * kolmogorov_twin(x, y, None, None))
    assert expected == pytest.approx(kolmogorov_smirnov.pvalue(Pair.of(x, y))[0], rel=1e-9)


PUBLISHED = {"jensen_shannon": 0.1701161606, "hellinger": 0.1425885731}
"""Of breast_cancer's mean radius, rows 284-568 against 0-283, ten bins of the reference's deciles with open ends."""


def breast_cancer_deciles():
    radius = load_breast_cancer().data[:, 0]
    edges = np.quantile(radius[:284], np.linspace(0.1, 0.9, 9))
    return [np.histogram(side, [-np.inf, *edges, np.inf])[0] for side in (radius[284:], radius[:284])]


@pytest.mark.parametrize("name", PUBLISHED)
def test_equals_what_was_published(name):
    window, reference = breast_cancer_deciles()
    assert PUBLISHED[name] == pytest.approx(BY_NAME[name].compute(Pair.of(window, reference))[0], abs=1e-9)


def test_population_stability_index_equals_what_was_published():
    """The publisher adds nothing to a bin: none of these is empty."""
    window, reference = breast_cancer_deciles()
    pair = Pair.of(window, reference)
    assert pytest.approx(population_stability_index.index(pair.p, pair.q)[0], abs=1e-9) == 0.1649529934
