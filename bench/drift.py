"""A few windows of the drift simulation; `python bench/drift_simulation.py` draws all of them."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

ABOUT = {
    "drift_false_alarms_independent": "Windows of 24 features without drift called drifted; 1 % is the promise.",
    "drift_false_alarms_days": "The same where every day differs a little from the next, as days do.",
    "drift_power_0.2_sigma": "Windows of 10,000 rows in which a shift of 0.2 σ of one feature is found at once.",
}


def run(progress: Callable[[str], None] = lambda _: None) -> dict[str, dict[str, Any]]:
    """Name → value, unit, limit, ok."""
    sys.path.insert(0, str(Path(__file__).parent))
    from bench.drift_scenarios import calm, drifting  # noqa: PLC0415 - its module is a script beside this one
    from bench.drift_simulation import simulate  # noqa: PLC0415

    results: dict[str, dict[str, Any]] = {}
    shift = next(s for s in drifting() if s.name == "0.2 σ shift" and s.m == 10_000)
    quiet = next(s for s in calm() if s.name == "independent rows" and (s.n, s.m) == (1000, 10_000))
    days = next(s for s in calm() if s.name == "independent rows, days" and s.n == 1000)
    for name, scenario in (("independent", quiet), ("days", days)):
        found = simulate(replace(scenario, references=10), peers=False)
        share = found.detected / found.windows
        results[f"drift_false_alarms_{name}"] = {
            "value": share,
            "unit": "of windows",
            "limit": 0.01,
            "ok": share <= 0.01,
        }
        progress(f"{name}: {share:.2%}")
    found = simulate(replace(shift, references=5), peers=False)
    share = found.first / found.windows
    results["drift_power_0.2_sigma"] = {"value": share, "unit": "of windows", "limit": 0.99, "ok": share >= 0.99}
    return results
