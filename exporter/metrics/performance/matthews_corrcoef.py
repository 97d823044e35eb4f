"""Matthews correlation: prediction against truth, fair to both where classes are of very different size."""

import numpy as np

from exporter.metrics.performance.estimate import Estimate, fisher
from exporter.metrics.performance.metric import PerformanceMetric
from exporter.metrics.performance.outcomes import outcomes
from exporter.metrics.performance.parts import Parts, divide
from exporter.profile.bins import Floats


def matthews_corrcoef(parts: Parts) -> Estimate:
    """N / √(A B) with N = n Σ_k n_kk - Σ_k p_k a_k, A = n² - Σ p_k², B = n² - Σ a_k² over predicted p and actual a.

    Undefined where all predictions or all outcomes are of one class. All predicted classes without a name are taken
    as one class, all such outcomes as another: so none of them is right.

    Variance by the delta method: Σ_ij n_ij (∂M/∂n_ij)², with half a row added to each named cell so that it is not 0
    where nothing was wrong; interval on Fisher's scale.
    """
    found = outcomes(parts)
    value, _ = _correlation(found.table)
    smooth = found.table.copy()
    smooth[:, :-1, :-1] += 1.0 / smooth.shape[1]
    about, gradient = _correlation(smooth)
    variance = (smooth * gradient * gradient).sum(axis=(1, 2))
    variance[np.isnan(value)] = np.nan
    return fisher(value, variance, about)


def _correlation(table: Floats) -> tuple[Floats, Floats]:
    """(m,) the coefficient and (m, C+1, C+1) its derivative by each count."""
    n = table.sum(axis=(1, 2))
    predicted, actual = table.sum(axis=2), table.sum(axis=1)
    hits = np.diagonal(table, axis1=1, axis2=2)[:, :-1].sum(axis=1)
    known = np.ones(table.shape[1])
    known[-1] = 0.0
    top = n * hits - (predicted * actual * known).sum(axis=1)
    spread = n * n - (predicted * predicted).sum(axis=1)
    truth = n * n - (actual * actual).sum(axis=1)
    root = np.sqrt(np.maximum(spread * truth, 0.0))
    value = divide(top, root)
    by_top = (
        n[:, None, None] * np.diag(known)
        + hits[:, None, None]
        - (actual * known)[:, :, None]
        - (predicted * known)[:, None, :]
    )
    by_spread = divide(n[:, None] - predicted, spread[:, None])
    by_truth = divide(n[:, None] - actual, truth[:, None])
    gradient = divide(by_top, root[:, None, None]) - value[:, None, None] * (
        by_spread[:, :, None] + by_truth[:, None, :]
    )
    return value, gradient


MATTHEWS_CORRCOEF = PerformanceMetric(
    name="matthews_corrcoef",
    tasks=("binary", "multiclass"),
    better="higher",
    title="Matthews correlation",
    formula="(n Σ n_kk - Σ p_k a_k) / √((n² - Σ p_k²)(n² - Σ a_k²))",
    source="exact from outcomes; J. Gorodkin, Comp. Biol. Chem. 28 (2004); interval: delta method on Fisher's scale",
    compute=matthews_corrcoef,
    low=-1.0,
)
