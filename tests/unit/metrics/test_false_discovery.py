import numpy as np
import pytest
from scipy import stats

from exporter.metrics.false_discovery import rejected


@pytest.mark.parametrize("seed", range(5))
def test_rejects_what_scipy_adjusts_below_the_rate(seed):
    p = np.random.default_rng(seed).beta(0.2, 1, size=40)
    assert (stats.false_discovery_control(p) <= 0.05).tolist() == rejected(p, 0.05).tolist()


def test_a_test_that_was_not_made_does_not_count():
    p = np.array([0.009, np.nan, 0.5])
    assert rejected(p, 0.01).tolist() == [False, False, False]
    assert rejected(p, 0.02).tolist() == [True, False, False]


def test_no_test_no_rejection():
    assert rejected(np.array([np.nan, np.nan]), 0.5).tolist() == [False, False]
