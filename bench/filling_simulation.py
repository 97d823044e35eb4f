"""Windows filled in part: versions that are young, sources that were out. Who gets a false alarm, what is found?

`python -m bench.filling_simulation` draws it all (`--part 8`: an eighth). Traffic has nights and, where windows are a
week long, weekends; features are the hour, the day of the week, and numbers and categories that go with the hour, with
the day, or with both; one is missing at night. *Before* is the same window held against reference windows of its full
length.
"""

import argparse
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from bench.drift_scenarios import DAY, HOUR, category, numeric
from bench.drift_simulation import SEED, reference_of
from exporter.metrics.drift.verdict import verdicts
from exporter.metrics.evaluation import Evaluation, Thresholds, Window
from exporter.metrics.history import Tally
from exporter.metrics.quality import results as quality
from exporter.metrics.spec import NoData
from exporter.profile.bins import CategoryBins
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.vocabulary import Vocabulary

WEEK = 7 * DAY
_HOURS = CategoryBins(values=tuple(f"{hour}" for hour in range(24)))
_DAYS = CategoryBins(values=tuple(f"{day}" for day in range(7)))
_STILL, _WARM, _KIND = numeric(stats.norm()), numeric(stats.norm()), category([0.5, 0.3, 0.15, 0.05])
FEATURES = {"still": _STILL.bins, "hour": _HOURS, "weekday": _DAYS, "warm": _WARM.bins, "kind": _KIND.bins}
WITH_WEEKDAY, WITHOUT = (
    Layout(task="regression", features={name: bins for name, bins in FEATURES.items() if name in kept})
    for kept in (FEATURES, FEATURES.keys() - {"weekday"})
)
AT_NIGHT = 0.3
"""Share of `warm` that is missing between 22 and 6 o'clock."""


@dataclass(frozen=True)
class Scenario:
    """A window of `seconds` of which hours [begin, end) before its end are without rows.

    Attributes:
        days: of the reference.
        gap: (oldest, newest) hours of age that are missing.
        start: hour of the day at which windows end.
        shift: standard deviations that `still` is moved by.
        broken: share of `still` that is missing.
        rows: of a busy hour.
    """

    name: str
    gap: tuple[int, int]
    seconds: int = WEEK
    days: int = 175
    shift: float = 0.0
    broken: float = 0.0
    rows: int = 60
    references: int = 12
    windows: int = 24

    @property
    def weekends(self):
        """Where windows are shorter than a week, weekends alone would make the hours of some a false alarm."""
        return self.seconds >= WEEK

    @property
    def layout(self):
        """In a window of a day the day of the week is always another."""
        return WITHOUT if self.seconds < WEEK else WITH_WEEKDAY


def busy(hours, *, weekends):
    """(H,) how busy hours are: nights hold next to nothing, `weekends` half."""
    day = np.where((hours % 24 >= 6) & (hours % 24 < 22), 1.0, 0.02)
    return day * np.where(weekends & (hours // 24 % 7 >= 5), 0.5, 1.0) * (1 + 0.4 * np.sin(2 * np.pi * hours / 24))


def drawn(rng, hours, weather, scenario, *, later):
    """(H, width) counts of hours; `weather` (D,) moves what goes with the day."""
    rows = rng.poisson(scenario.rows * busy(hours, weekends=scenario.weekends))
    day = weather[hours // 24]
    states = {
        "still": np.full(len(hours), scenario.shift if later else 0.0),
        "warm": 0.5 * np.sin(2 * np.pi * (hours - 9) / 24) + 0.3 * day,
        "kind": 0.15 * np.sin(2 * np.pi * hours / 24) + 0.1 * day,
    }
    layout = scenario.layout
    out = np.zeros((len(hours), layout.width))
    out[:, layout.spans["rows"]] = rows[:, None]
    for name, feature in (("still", _STILL), ("warm", _WARM), ("kind", _KIND)):
        shares = np.clip(feature.shares(states[name]), 0, None)
        missing = np.zeros(len(hours))
        if name == "warm":
            missing = np.where((hours % 24 >= 22) | (hours % 24 < 6), AT_NIGHT, 0.001)
        if name == "still" and later:
            missing = np.full(len(hours), scenario.broken)
        shares = shares / shares.sum(axis=1, keepdims=True) * (1 - missing[:, None])
        _put(layout, out, name, rng.multinomial(rows, np.column_stack((missing, np.zeros(len(hours)), shares))))
    for name, place in (("hour", hours % 24), ("weekday", hours // 24 % 7)):
        codes = np.zeros((len(hours), FEATURES[name].width))
        codes[np.arange(len(hours)), 2 + place] = rows
        _put(layout, out, name, codes)
    return out


def _put(layout, out, name, codes):
    if name not in layout.features:
        return
    start, span = layout.spans["features"].start, layout.feature_span[name]
    out[:, start + span.start : start + span.stop] = codes


def evaluation(reference, counts, starts, window, tallied):
    layout = reference.layout
    rows = counts[:, layout.spans["rows"]][:, 0]
    kept = rows > 0
    tally = Tally(starts[kept], np.full(int(kept.sum()), HOUR), rows[kept], np.zeros(int(kept.sum())))
    summed = Counts(layout, counts.sum(axis=0), np.zeros((0, layout.slice_width)))
    made = Evaluation("simulated", "2", window, summed, reference, Thresholds(), Vocabulary({}))
    return replace(made, tally=lambda: tally) if tallied else made


def simulate(scenario, seed=SEED):
    """Windows; with a verdict on anything; with drift of anything, of `still`; with bad quality; and before."""
    length = scenario.seconds // HOUR
    total = dict.fromkeys(("windows", "judged", "drift", "still", "quality", "drift before", "quality before"), 0)
    for number in range(scenario.references):
        rng = np.random.default_rng((seed, number))
        whole = scenario.days * 24 + scenario.windows * length
        weather = rng.normal(size=whole // 24 + 2)
        for day in range(1, len(weather)):
            weather[day] = 0.5 * weather[day - 1] + np.sqrt(0.75) * weather[day]
        known = np.arange(scenario.days * 24)
        reference = reference_of(scenario.layout, drawn(rng, known, weather, scenario, later=False), HOUR)
        for place in range(scenario.windows):
            # Windows end at any hour of the day.
            hours = scenario.days * 24 + place * length + np.arange(length) - int(rng.integers(24)) + 24
            hours = np.minimum(hours, whole + 23)
            counts = drawn(rng, hours, weather, scenario, later=True)
            age = length - np.arange(length)
            counts[(age <= scenario.gap[0]) & (age > scenario.gap[1])] = 0
            window = Window("w", scenario.seconds, int(hours[0]) * HOUR, (int(hours[0]) + length) * HOUR)
            if counts.sum() == 0:
                continue
            total["windows"] += 1
            for suffix, tallied in (("", True), (" before", False)):
                each = evaluation(reference, counts, hours * HOUR, window, tallied)
                try:
                    detected = verdicts(each, "features").detected
                except NoData:  # too few rows
                    continue
                total["drift" + suffix] += int(np.nansum(detected) > 0)
                total["quality" + suffix] += int(np.nansum(quality.verdicts(each).detected) > 0)
                if tallied:
                    total["judged"] += int((~np.isnan(detected)).any())
                    total["still"] += int(detected[0] == 1)
    return {"scenario": scenario.name} | total


def scenarios():
    week = [Scenario(f"7d, version {hours} h old", (168, hours)) for hours in (6, 12, 24, 36, 72, 108, 144)]
    week += [
        Scenario(f"7d, out for {out} h, {ago} h ago", (ago + out, ago)) for out, ago in ((56, 40), (24, 60), (6, 100))
    ]
    day = [Scenario(f"24h, version {hours} h old", (24, hours), DAY, 60, rows=200) for hours in (3, 6, 12, 18, 22)]
    day += [
        Scenario(f"24h, out for {out} h, {ago} h ago", (ago + out, ago), DAY, 60, rows=200)
        for out, ago in ((8, 6), (2, 10))
    ]
    full = [Scenario("7d, whole", (0, 0)), Scenario("24h, whole", (0, 0), DAY, 60, rows=200)]
    found = [
        replace(each, name=f"{each.name}, {what}", **how)
        for each in (day[1], day[2], day[4], full[1], week[2], week[4], week[6])
        for what, how in (("0.3 σ shift", {"shift": 0.3}), ("20 % missing", {"broken": 0.2}))
    ]
    return [*week, *day, *full, *found]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", type=int, default=1, help="one reference in so many")
    part = parser.parse_args().part
    head = ("windows", "judged", "drift", "still", "quality", "drift before", "quality before")
    print(f"| scenario | {' | '.join(head)} |\n|---|{'---|' * len(head)}")
    for scenario in scenarios():
        found = simulate(replace(scenario, references=max(2, scenario.references // part)))
        print(f"| {found['scenario']} | {' | '.join(str(found[name]) for name in head)} |", flush=True)


if __name__ == "__main__":
    main()
