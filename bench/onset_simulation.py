"""Histories with planted changes: `python -m bench.onset_simulation` draws all of them (three minutes of a core).

A standard normal feature in 64 bins of a reference, rows drawn pane by pane, the mean moved as a scenario says. What is
asked: is the onset within two panes, does its interval hold the truth, what shape is told. Writes
docs/onset-simulation.md.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from exporter.metrics.onset.course import Panes, smoothed
from exporter.metrics.onset.dispersion import weather
from exporter.metrics.onset.onset import Onset, onset

SEED = 20
PAGE = Path(__file__).parent.parent / "docs" / "onset-simulation.md"
PANE, HOUR, DAY = 300, 3600, 86400
HOURLY, DAILY = HOUR // PANE, DAY // PANE
MIDNIGHT = 1_700_006_400
"""Where histories begin: a Wednesday."""
_EDGES = ndtri(np.concatenate(([1e-4], np.arange(1, 64) / 64, [1 - 1e-4])))
Level = Callable[[np.ndarray], np.ndarray]
"""(K,) numbers of panes → (K,) mean of the feature, in standard deviations."""


@dataclass(frozen=True)
class Scenario:
    """One history, drawn many times.

    Attributes:
        panes: K.
        level: mean by pane.
        window: panes at the end that the window holds.
        began: pane before which the change begins, counted in panes, may have a fraction; None: nothing to place.
        rows: a pane.
        pane: seconds.
        days, hours: standard deviation of the mean from day to day and from hour to hour.
        shape: what is to be told.
    """

    name: str
    panes: int
    level: Level
    window: int
    began: float | None = None
    rows: int = 125
    pane: int = PANE
    days: float = 0.0
    hours: float = 0.0
    shape: str = "sudden"
    group: str = ""
    times: int = 200


def step(at: float, size: float) -> Level:
    """A step; a pane in which it falls has part of it."""
    return lambda pane: np.clip(pane + 1 - at, 0, 1) * size


def ramp(first: int, last: int, size: float) -> Level:
    return lambda pane: np.clip((pane - first) / (last - first), 0, 1) * size


def stretch(first: int, last: int, size: float) -> Level:
    return lambda pane: ((pane >= first) & (pane < last)) * size


def daily(first: int, last: int, size: float) -> Level:
    """Every day from pane `first` of the day to `last`."""
    return lambda pane: ((pane % DAILY >= first) & (pane % DAILY < last)) * size


def wave(size: float) -> Level:
    return lambda pane: size * np.sin(2 * np.pi * pane / DAILY)


def weekends(size: float) -> Level:
    """Of panes of an hour."""
    return lambda pane: (pane // 24 % 7 >= 5) * size


def steps() -> list[Scenario]:
    """Steps of at least 2.5 nats a pane, from an hour old to two days."""
    found = [
        Scenario(f"0.2 σ, {since * PANE // 60} minutes ago", panes, step(panes - since, 0.2), window, panes - since)
        for panes, since, window in ((576, 12, 12), (576, 24, 24), (576, 72, 288), (576, 288, 288), (864, 576, 288))
    ]
    found += [
        Scenario("0.3 σ, 36 minutes ago, within a pane", 576, step(568.8, 0.3), 12, 568.8),
        Scenario("0.07 σ at 1,000 rows", 576, step(288, 0.0708), 288, 288, rows=1000),
        Scenario("0.2 σ at 1,000 rows, within a pane", 576, step(500.5, 0.2), 76, 500.5, rows=1000),
    ]
    return [_grouped(each, "steps") for each in found]


def faint() -> list[Scenario]:
    """Steps of less, where the interval must tell."""
    found = [
        Scenario("0.15 σ, two hours ago", 576, step(552, 0.15), 24, 552),
        Scenario("0.1 σ, five hours ago", 576, step(516, 0.1), 60, 516),
        Scenario("0.1 σ, a day ago", 576, step(288, 0.1), 288, 288),
        Scenario("0.05 σ, a day ago", 576, step(288, 0.05), 288, 288),
        Scenario("0.05 σ, two days ago", 1152, step(576, 0.05), 288, 576),
    ]
    return [_grouped(each, "faint") for each in found]


def clustered() -> list[Scenario]:
    """The same where rows of an hour, or of a day, share one weather."""
    found = [
        Scenario("0.2 σ where days differ by 0.03 σ", 864, step(700, 0.2), 164, 700, days=0.03),
        Scenario("0.2 σ where hours differ by 0.1 σ", 864, step(700, 0.2), 164, 700, hours=0.1),
        Scenario("0.3 σ where days and hours differ by 0.05 σ", 864, step(500, 0.3), 288, 500, days=0.05, hours=0.05),
    ]
    return [_grouped(each, "clustered", times=100) for each in found]


def ramps() -> list[Scenario]:
    """Slow rises: over at least four hours."""
    found = [
        Scenario("0.3 σ over a day, over since a day", 864, ramp(288, 576, 0.3), 288, 288),
        Scenario("0.3 σ over a day, still rising", 864, ramp(576, 864, 0.3), 288, 576),
        Scenario("0.5 σ over 33 hours", 864, ramp(400, 800, 0.5), 288, 400),
        Scenario("0.2 σ over 17 hours at 1,000 rows", 576, ramp(200, 400, 0.2), 288, 200, rows=1000),
        Scenario("0.3 σ over four hours", 864, ramp(500, 548, 0.3), 288, 500),
    ]
    return [_grouped(each, "ramps", shape="gradual") for each in found]


def seasons() -> list[Scenario]:
    """What comes back by the hour or the weekday, and the reference does not know of."""
    week = 24 * 7
    found = [
        Scenario("every night, an hour's window", 5 * 288 + 90, daily(0, 96, 0.4), 12),
        Scenario("every night, three hours' window", 5 * 288 + 90, daily(0, 96, 0.4), 36),
        Scenario("office hours, after two days", 3 * 288 + 180, daily(150, 280, 0.4), 12),
        Scenario("a wave of ± 0.25 σ, at its height", 5 * 288 + 80, wave(0.25), 12),
        Scenario("weekends, on Sunday night", 3 * week, weekends(0.3), 24, rows=1500, pane=HOUR),
        Scenario("the second weekend", 2 * week - 12, weekends(0.3), 24, rows=1500, pane=HOUR),
    ]
    return [_grouped(each, "seasons", shape="recurring", times=100) for each in found]


def incidents() -> list[Scenario]:
    """What is over, and what happened twice by chance."""
    found = [
        Scenario("five hours yesterday", 864, stretch(700, 760, 0.3), 288, 700, shape="temporary"),
        Scenario("75 minutes, just over", 864, stretch(840, 855, 0.3), 24, 840, shape="temporary"),
        Scenario(
            "at the same hour of yesterday, but not before",
            864,
            lambda pane: stretch(546, 571, 0.3)(pane) + stretch(834, 864, 0.3)(pane),
            24,
            834,
        ),
    ]
    return [_grouped(each, "incidents", times=100, shape=each.shape) for each in found]


def _grouped(scenario: Scenario, group: str, *, shape: str = "sudden", times: int = 200) -> Scenario:
    return Scenario(**{**vars(scenario), "group": group, "shape": shape, "times": times})


GROUPS: dict[str, Callable[[], list[Scenario]]] = {
    "steps": steps,
    "faint": faint,
    "clustered": clustered,
    "ramps": ramps,
    "seasons": seasons,
    "incidents": incidents,
}


def shares(mean: np.ndarray) -> np.ndarray:
    """(K, 66) shares of a normal feature with means (K,)."""
    below = ndtr(_EDGES[None, :] - np.atleast_1d(mean)[:, None])
    return np.diff(below, prepend=0.0, append=1.0, axis=1)


def drawn(scenario: Scenario, rng: np.random.Generator) -> Panes:
    """One history beside its reference."""
    counts = rng.multinomial(scenario.rows, shares(_means(scenario, rng, np.arange(scenario.panes)))).astype(float)
    learned, expected = None, shares(np.zeros(1))
    if scenario.days or scenario.hours:
        hours = np.arange(60 * 24)
        still = Scenario(**{**vars(scenario), "level": lambda pane: np.zeros(len(pane))})
        means = _means(still, rng, hours * HOURLY)
        blocks = rng.multinomial(scenario.rows * HOURLY, shares(means)).astype(float)
        expected = smoothed(blocks.sum(axis=0))[None]
        learned = weather(blocks, blocks.sum(axis=1, keepdims=True) * expected, hours, HOUR)
    starts = MIDNIGHT + np.arange(scenario.panes) * scenario.pane
    widths = np.full(scenario.panes, scenario.pane)
    return Panes.of(starts, widths, counts, expected, ordered=True, weather=learned)


def _means(scenario: Scenario, rng: np.random.Generator, panes: np.ndarray) -> np.ndarray:
    """Means of panes, with a weather that begins at a random hour."""
    place = panes + int(rng.integers(DAILY))
    days, hours = place // DAILY, place // HOURLY
    of_day = rng.normal(size=int(days.max()) + 1) * scenario.days
    of_hour = rng.normal(size=int(hours.max()) + 1) * scenario.hours
    means: np.ndarray = scenario.level(panes) + of_day[days] + of_hour[hours]
    return means


def found_in(scenario: Scenario, times: int, seed: int = SEED) -> Iterator[Onset | None]:
    """What is found in so many draws; the same for the same seed."""
    rng = np.random.default_rng([seed, scenario.panes, scenario.window])
    for _ in range(times):
        panes = drawn(scenario, rng)
        yield onset(panes, int(panes.starts[-scenario.window]))


def figures(scenario: Scenario, found: Iterable[Onset | None]) -> dict[str, Any]:
    """What came out: shares of draws; `width`: of the interval in panes, the median."""
    listed = list(found)
    known = [each for each in listed if each is not None and not np.isnan(each.at)]
    row: dict[str, Any] = {
        "name": scenario.name,
        "group": scenario.group,
        "draws": len(listed),
        "known": len(known) / len(listed),
        "shape": sum(each.shape == scenario.shape for each in known) / len(listed),
        "shapes": Counter(each.shape for each in known),
    }
    if scenario.began is not None and known:
        truth = MIDNIGHT + scenario.began * scenario.pane
        row["near"] = sum(abs(each.at - truth) <= 2 * scenario.pane for each in known) / len(listed)
        row["covered"] = sum(each.lower <= truth <= each.upper for each in known) / len(known)
        row["width"] = float(np.median([(each.upper - each.lower) / scenario.pane for each in known]))
    return row


def simulate(groups: Sequence[str], part: int = 1) -> list[dict[str, Any]]:
    """Rows of all scenarios, one draw in `part`."""
    return [
        figures(scenario, found_in(scenario, max(scenario.times // part, 20)))
        for group in groups
        for scenario in GROUPS[group]()
    ]


ABOUT = {
    "onset_near": "Steps of 2.5 nats a pane or more whose onset is found within two panes.",
    "onset_interval_faint": "Steps of less whose interval holds the onset, where 95 % is stated.",
    "onset_interval_clustered": "The same where rows of an hour or a day share one weather.",
    "onset_gradual": "Slow rises that are called gradual.",
    "onset_recurring": "Daily and weekly seasons, unknown to the reference, that are called recurring.",
}
_MEASURES = {
    "onset_near": ("steps", "near", 0.95),
    "onset_interval_faint": ("faint", "covered", 0.93),
    "onset_interval_clustered": ("clustered", "covered", 0.93),
    "onset_gradual": ("ramps", "shape", 0.95),
    "onset_recurring": ("seasons", "shape", 0.95),
}


def run(progress: Callable[[str], None] = lambda _: None) -> dict[str, dict[str, Any]]:
    """Name → value, unit, limit, ok: the mean over the scenarios of a group."""
    results = {}
    for name, (group, measure, limit) in _MEASURES.items():
        rows = simulate([group], 1 if group == "steps" else 2)
        progress(f"onset: {sum(row['draws'] for row in rows):,} histories of {group}")
        value = float(np.mean([row[measure] for row in rows]))
        results[name] = {"value": value, "unit": "of histories", "limit": limit, "ok": value >= limit}
    return results


_TITLES = {
    "steps": "Steps of 2.5 nats a pane or more",
    "faint": "Steps of less",
    "clustered": "Rows of an hour or a day share one weather",
    "ramps": "Slow rises",
    "seasons": "Seasons that the reference does not know of",
    "incidents": "Incidents",
}


def page(rows: Sequence[dict[str, Any]]) -> str:
    """docs/onset-simulation.md."""
    lines = [
        "# Onset and shape, simulated",
        "",
        "Generated by `python -m bench.onset_simulation`; do not edit. What is asked and how: [onset.md](onset.md).",
        "",
        "A standard normal feature in 64 bins, panes of 5 minutes and 125 rows unless said otherwise. *near*: the",
        "onset is within two panes of the truth. *covered*: the interval, stated at 95 %, holds the truth. *width*:",
        "its median, in panes. *shape*: what was told.",
    ]
    for group, title in _TITLES.items():
        lines += ["", f"## {title}", "", "| history | draws | near | covered | width | shape |", "| --- " * 6 + "|"]
        for row in (row for row in rows if row["group"] == group):
            near, covered = (f"{row[key]:.1%}" if key in row else "–" for key in ("near", "covered"))
            width = f"{row['width']:.0f}" if "width" in row else "–"
            told = ", ".join(f"{shape} {count / row['draws']:.1%}" for shape, count in row["shapes"].most_common())
            lines.append(f"| {row['name']} | {row['draws']} | {near} | {covered} | {width} | {told} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Draws all scenarios and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", type=int, default=1, help="one draw in so many")
    text = page(simulate(list(GROUPS), parser.parse_args().part))
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
