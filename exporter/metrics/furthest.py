"""How far out may a window lie that is only the worst so far? What K windows of a reference tell of one never seen.

Weather is not normal: most days are alike, some are storms. A tail fitted to thirty days must not say more than thirty
days can. For values Δ ≥ 0 whose power Δ^θ is exponential, whatever its scale, one more exceeds c^(1/θ) times the
largest of κ with probability Γ(1+c) Γ(1+κ) / Γ(1+κ+c). θ is that of normal windows where the reference's are like them,
and less the longer their tail; as many of the K windows count as κ.

Source: Rényi, On the theory of order statistics, 1953 (spacings of the exponential).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, gammaln

from exporter.profile.bins import Floats

_LEAST_POWER = 0.4
"""Of the stormiest, relative to normal ones: the size of a storm has a tail a little longer than an exponential one."""
_LEAST_CALM = 0.1
_FEWEST = 2.0
_NEWTON_STEPS = 8


@dataclass(frozen=True, slots=True)
class Furthest:
    """The furthest windows of a reference, arrays of any one shape.

    Attributes:
        value: Δ of the furthest; 0 where nothing is known, and nothing held back.
        power: θ.
        count: κ.
        share: κ/K.
    """

    value: Floats
    power: Floats
    count: Floats
    share: Floats

    @classmethod
    def of(cls, value: Floats, calmness: Floats, windows: Floats, effective: Floats, normal_power: float) -> "Furthest":
        """What `windows` tell, of which `effective` are independent; `normal_power` is θ of normal windows."""
        windows = np.maximum(windows, _FEWEST)
        count = np.maximum(np.minimum(effective, windows) * calmness, _FEWEST)
        return cls(value, normal_power * np.maximum(calmness, _LEAST_POWER), count, count / windows)

    def pvalue(self, value: Floats) -> Floats:
        """Probability of at least `value` (broadcast); 0 where nothing is known."""
        known = self.value > 0
        ratio = np.maximum(value, 0.0) / np.where(known, self.value, 1.0)
        times = np.minimum(ratio, 1e6) ** self.power
        p: Floats = np.where(known, self.share * np.exp(_exceed(times, self.count)), 0.0)
        return p

    def quantile(self, level: Floats) -> Floats:
        """What is exceeded with probability `level` (broadcast); 0 where nothing is known.

        By Newton's method on a convex function.
        """
        times = np.zeros_like(self.count)
        for _ in range(_NEWTON_STEPS):
            slope = digamma(1 + times) - digamma(1 + self.count + times)
            times = np.maximum(times - (_exceed(times, self.count) - np.log(level / self.share)) / slope, 0.0)
        height: Floats = self.value * times ** (1 / self.power)
        return height


def calmness(seen: Floats, normal: Floats) -> Floats:
    """1 where a variance of squares is that of normal windows, less where it is more: (0, 1].

    The square of the ratio, as few windows show too little of it: a rare storm is more often missing than too frequent.
    """
    ratio = np.divide(normal, seen, out=np.ones_like(np.asarray(seen, dtype=np.float64)), where=np.asarray(seen) > 0)
    calm: Floats = np.clip(ratio, _LEAST_CALM, 1.0) ** 2
    return calm


def _exceed(times: Floats, count: Floats) -> Floats:
    """Logarithm of the probability that one more of `count` exponential values is `times` as large as the largest."""
    log: Floats = gammaln(1 + times) + gammaln(1 + count) - gammaln(1 + count + times)
    return log
