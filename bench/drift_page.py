"""docs/drift-simulation.md, from the results of the simulation."""

from collections.abc import Iterable, Sequence
from typing import Any

Row = dict[str, Any]
TAIL = "share of p under 0.05, 0.01, 1e-3, 1e-4"
SIZES = ("scenario", "features", "n", "m", "days", "windows", "judged")
DRIFT = (*SIZES, "any detected", "any significant", "Evidently", "NannyML", TAIL)
FOUND = (*SIZES, "drifted feature found", *DRIFT[8:])
QUALITY = ("scenario", "n", "m", "days", "windows", "any detected", "broken feature found")
FLIGHTS = (
    "windows",
    "reference days",
    "days",
    "ours",
    "Evidently",
    "NannyML",
    "features we call drifted: days",
    "dates",
)
_HEAD = """# Drift, simulated

Written by `python -m bench.drift_report`; do not edit it by hand. `make bench` draws an eighth of it.
[Drift](drift.md) says how the verdict is made and where not to trust it.

Seed {seed}. Features are by turns normal, heavy-tailed (t₃), log-normal, a small integer, six categories, and 63
categories of which 60 are rare. *Judged*: windows with a verdict on any feature. *Any detected*: windows with any
feature called drifted. *Any significant*: the same without the effect threshold. Evidently's default rule
(Wasserstein/σ or Jensen-Shannon of at least 0.1; tests at 5 % up to 1,000 reference rows) and NannyML's (mean + 3σ of
reference chunks) are our own implementation of them on the same counts. The last column: the share of single p-values
under 0.05, 0.01, 0.001 and 0.0001. Windows do not overlap; days of one draw and windows of one reference go together,
so 1,600 windows tell 1 % to about ± 0.3 %.
"""
_MISSING = """
## Missing values

20 features, or as many as said, of which 1 % of values are missing on average. A *broken* one lacks three times as many
as it would have. Where rates swing by 30 % from day to day, three times as many are, on half of all days, no more than
chance may bring among 20 features and three checks: who knew the distribution of the days exactly could find two thirds
of them and no more, without a false alarm in a hundred days.
"""
_DAYS = """
## Real days

Flights from New York with their weather, 13 features, windows of 24 h. In each quarter of 2013 every third day is the
reference (three times, from another day each), the days between are the windows. Then all of January to March against
later months.
"""


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(str(cell) for cell in line)} |" for line in lines]


def _share(count: int, whole: int, digits: int = 2) -> str:
    return f"{count / whole:.{digits}%}"


def _drift(row: Row, found: str) -> list[object]:
    windows = row["windows"]
    tail = " ".join(f"{count / row['tests']:.1e}" for count in row["tail"]) if row["tests"] else "–"
    return [
        row["scenario"],
        row["features"],
        f"{row['n']:,}",
        f"{row['m']:,}",
        row["blocks"] or "–",
        f"{windows:,}",
        _share(row["judged"], windows, 0),
        _share(row[found], windows),
        _share(row["significant"], windows),
        _share(row["evidently"], windows, 0),
        _share(row["nannyml"], windows, 0),
        tail,
    ]


def _quality(row: Row) -> list[object]:
    found = _share(row["first"], row["windows"]) if row["broken"] else "–"
    false = "–" if row["broken"] else _share(row["detected"], row["windows"])
    return [row["scenario"], f"{row['n']:,}", f"{row['m']:,}", row["days"] or "–", f"{row['windows']:,}", false, found]


def _flights(row: Row) -> list[object]:
    names = ", ".join(f"{name}: {days}" for name, days in row["features"].items()) or "–"
    dates = ", ".join(row["dates"][:5]) + (", …" if len(row["dates"]) > 5 else "")
    shares = [_share(row[rule], row["count"], 1) for rule in ("detected", "evidently", "nannyml")]
    return [row["windows"], row["days"], row["count"], *shares, names, dates or "–"]


def worst(rows: Iterable[Row], found: str) -> str:
    """The largest share of windows, as text."""
    return f"{max(row[found] / row['windows'] for row in rows):.2%}"


def page(results: dict[str, Any]) -> str:
    """The page."""
    calm, drifting, quality = results["calm"], results["drifting"], results["quality"]
    promised = [row for row in calm if row["m"] >= 10_000 or (row["blocks"] or 0) >= 20]
    wanted = [row for row in drifting if row["group"] in {"shift", "share"}]
    trifle = [row for row in drifting if row["group"] == "trifle"]
    whole = [row for row in quality if not row["broken"] and row["group"]]
    missing = [row for row in quality if row["group"] == "missing"]
    quiet = [row for row in results["flights"] if row["windows"].startswith("calm")]
    first = [row for row in quiet if "quarter 1," in row["windows"]]
    days, first_days = sum(row["count"] for row in quiet), sum(row["count"] for row in first)
    alarms, first_alarms = sum(row["detected"] for row in quiet), sum(row["detected"] for row in first)
    least = min(row["first"] / row["windows"] for row in wanted)
    least_missing = min(row["first"] / row["windows"] for row in missing)
    lines = [
        _HEAD.format(seed=results["seed"]),
        f"- No drift: at most {worst(promised, 'detected')} of windows in any of {len(promised)} scenarios with 10,000",
        "  rows or 20 days of reference; 1 % is promised. From 12 days, or shorter than a cycle: no verdict.",
        f"- A shift of 0.2 σ, a share of 3 % doubled: found in at least {least:.2%} of windows of 10,000 rows.",
        f"- A shift of 0.02 σ at 1,000,000 rows: called drift in {worst(trifle, 'first')} of windows.",
        f"- Bad values: at most {worst(whole, 'detected')} of windows without a fault; missing values up from 1 % to",
        f"  3 % where rates do not swing by themselves: found in at least {least_missing:.2%} of windows.",
        f"- Real days: {first_alarms} of {first_days} calm days of January to March called drifted,",
        f"  {alarms} of {days} of the year.",
        "",
        "## No drift",
        "",
        *_table(DRIFT, [_drift(row, "detected") for row in calm]),
        "",
        "## Drift in the first feature",
        "",
        *_table(FOUND, [_drift(row, "first") for row in drifting]),
        "",
        "In the last rows days differ by 0.1 σ, those of the windows too.",
        _MISSING,
        *_table(QUALITY, [_quality(row) for row in quality]),
        _DAYS,
        *_table(FLIGHTS, [_flights(row) for row in results["flights"]]),
    ]
    return "\n".join(lines) + "\n"
