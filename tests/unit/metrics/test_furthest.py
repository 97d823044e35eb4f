"""Law: how far out the next one lies is known from the furthest so far, whatever the scale."""

import numpy as np
import pytest

from exporter.metrics.furthest import Furthest, calmness


def known(values, calm=1.0, power=1.0):
    """Of values (T, K): what T references tell."""
    ones = np.ones(len(values))
    windows = values.shape[1] * ones
    return Furthest.of(values.max(axis=1), calm * ones, windows, windows, normal_power=power)


@pytest.mark.parametrize("windows", [20, 90])
@pytest.mark.parametrize("power", [1.0, 2.0])
def test_exponential_values_have_exact_pvalues_at_any_scale(windows, power):
    rng = np.random.default_rng(windows)
    values = 7.0 * rng.exponential(size=(50_000, windows)) ** (1 / power)
    further = 7.0 * rng.exponential(size=50_000) ** (1 / power)
    p = known(values, power=power).pvalue(further)
    for level in (0.1, 0.01, 0.001):
        assert np.mean(p <= level) == pytest.approx(level, rel=5 / np.sqrt(50_000 * level))


def test_values_of_a_longer_tail_are_held_back_further():
    values = np.random.default_rng(1).exponential(size=(1, 30))
    far = 4 * values.max()
    assert known(values, calm=0.3).pvalue(far)[0] > 10 * known(values).pvalue(far)[0]


@pytest.mark.parametrize("level", [0.2, 0.01, 1e-4])
def test_the_quantile_is_what_is_exceeded_with_its_probability(level):
    of = known(np.random.default_rng(2).exponential(size=(5, 40)), calm=0.6)
    assert of.pvalue(of.quantile(level)) == pytest.approx(np.full(5, level), rel=1e-6)


def test_where_nothing_is_known_nothing_is_held_back():
    of = Furthest.of(np.zeros(1), np.ones(1), np.zeros(1), np.ones(1), normal_power=1.0)
    assert (of.pvalue(np.array([5.0]))[0], of.quantile(0.01)[0]) == (0.0, 0.0)


def test_calm_is_as_varied_as_normal_or_less():
    normal, seen = np.array([2.0, 2.0, 2.0, 2.0]), np.array([1.0, 0.0, 4.0, 1e9])
    assert calmness(seen, normal) == pytest.approx([1.0, 1.0, 0.25, 0.01])
