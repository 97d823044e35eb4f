"""A part of the drift and quality simulation; `python -m bench.drift_report` draws all of it."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from bench import drift_simulation, quality_simulation
from bench.drift_scenarios import calm, drifting

PART = 8
"""One reference in so many is drawn."""
_FEWEST = 4
ABOUT = {
    "drift_false_alarms_independent_rows": "Windows without drift in which any feature is called drifted, at n = 50 to "
    "a million rows, m = 10,000 to 50,000 of the reference, 5 to 100 features; 1 % is the promise.",
    "drift_false_alarms_days": "The same where days differ, as days do; 20 to 90 days of reference.",
    "drift_false_alarms_autocorrelated_days": "The same where one day is like the next.",
    "drift_false_alarms_stormy_days": "The same where most days are calm and some are storms.",
    "drift_false_alarms_cycles": "The same with daily and weekly cycles.",
    "drift_verdicts_short_reference": "Windows with a verdict from 12 days of reference: none may have one.",
    "drift_power_shift": "Windows of 10,000 rows in which a shift of 0.2 σ of one feature of 20 is found.",
    "drift_power_share": "The same of a category that goes from 3 % to 6 %.",
    "drift_trifles": "Windows of a million rows in which a shift of 0.02 σ is called drift.",
    "quality_false_alarms": "Windows without a fault in which any rate of bad values is called one.",
    "quality_false_alarms_days": "The same where rates swing from day to day, by up to their own size.",
    "quality_power_missing": "Windows of 5,000 rows in which missing values up from 1 % to 3 % are found.",
}


def _figure(rows: Iterable[dict[str, Any]], name: str, limit: float) -> dict[str, Any]:
    listed = list(rows)
    value = sum(row[name] for row in listed) / sum(row["windows"] for row in listed)
    return {
        "value": value,
        "unit": "of windows",
        "limit": limit,
        "ok": value <= limit if limit < 0.5 else value >= limit,
    }


def run(progress: Callable[[str], None] = lambda _: None) -> dict[str, dict[str, Any]]:
    """Name → value, unit, limit, ok."""
    drift: dict[str, list[dict[str, Any]]] = {}
    for scenario in (*calm(), *drifting()):
        if scenario.group:
            few = replace(scenario, references=max(_FEWEST, scenario.references // PART))
            drift.setdefault(scenario.group, []).append(drift_simulation.simulate(few, peers=False))
    progress(f"drift: {sum(row['windows'] for rows in drift.values() for row in rows):,} windows")
    quality: dict[str, list[dict[str, Any]]] = {}
    for swings in quality_simulation.scenarios():
        if swings.group:
            few_swings = replace(swings, references=max(_FEWEST, swings.references // PART))
            quality.setdefault(swings.group, []).append(quality_simulation.simulate(few_swings))
    progress(f"quality: {sum(row['windows'] for rows in quality.values() for row in rows):,} windows")
    known = [row for row in drift["independent_rows"] if row["m"] >= 10_000]
    return {
        "drift_false_alarms_independent_rows": _figure(known, "detected", 0.01),
        "drift_false_alarms_days": _figure(drift["days"], "detected", 0.01),
        "drift_false_alarms_autocorrelated_days": _figure(drift["autocorrelated_days"], "detected", 0.01),
        "drift_false_alarms_stormy_days": _figure(drift["stormy_days"], "detected", 0.01),
        "drift_false_alarms_cycles": _figure(drift["cycles"], "detected", 0.01),
        "drift_verdicts_short_reference": _figure(drift["short_reference"], "judged", 0.0),
        "drift_power_shift": _figure(drift["shift"], "first", 0.99),
        "drift_power_share": _figure(drift["share"], "first", 0.99),
        "drift_trifles": _figure(drift["trifle"], "first", 0.01),
        "quality_false_alarms": _figure(quality["quality"], "detected", 0.01),
        "quality_false_alarms_days": _figure(quality["quality_days"], "detected", 0.01),
        "quality_power_missing": _figure(quality["missing"], "first", 0.99),
    }
