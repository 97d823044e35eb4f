"""One peer, in a process of its own: `python bench/peer.py NAME REFERENCE LOG` prints the seconds that its step took.

Runs in the peer's own environment, see peers.py. Importing, loading into pandas and fitting to the reference are not
timed.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import pandas as pd

NUMERIC = [f"num_{i:02}" for i in range(20)]
CATEGORIES = [f"cat_{i}" for i in range(5)]


def evidently(reference: pd.DataFrame, log: pd.DataFrame) -> Callable[[], Any]:
    """DataDriftPreset with its own choice of tests."""
    from evidently import DataDefinition, Dataset, Report  # noqa: PLC0415 - only one peer is installed here
    from evidently.presets import DataDriftPreset  # noqa: PLC0415

    definition = DataDefinition(numerical_columns=NUMERIC, categorical_columns=CATEGORIES)
    before, now = (Dataset.from_pandas(frame[NUMERIC + CATEGORIES], definition) for frame in (reference, log))
    return lambda: Report([DataDriftPreset()]).run(now, before).dict()


def nannyml(reference: pd.DataFrame, log: pd.DataFrame) -> Callable[[], Any]:
    """Univariate Jensen-Shannon and Kolmogorov-Smirnov by the hour."""
    import nannyml as nml  # noqa: PLC0415

    calculator = nml.UnivariateDriftCalculator(
        column_names=NUMERIC + CATEGORIES,
        treat_as_categorical=CATEGORIES,
        timestamp_column_name="ts",
        chunk_period="h",
        continuous_methods=["jensen_shannon", "kolmogorov_smirnov"],
        categorical_methods=["jensen_shannon"],
    ).fit(reference)
    return lambda: calculator.calculate(log)


def whylogs(_: pd.DataFrame, log: pd.DataFrame) -> Callable[[], Any]:
    """A profile of the whole file."""
    import whylogs as why  # noqa: PLC0415

    return lambda: why.log(pandas=log[NUMERIC + CATEGORIES]).view()


def main() -> None:
    name, *paths = sys.argv[1:]
    frames = [pd.read_parquet(path) for path in paths]
    for frame in frames:
        frame["ts"] = frame["ts"].dt.tz_localize(None)
        frame[CATEGORIES] = frame[CATEGORIES].astype(object)
    step = {"evidently": evidently, "nannyml": nannyml, "whylogs": whylogs}[name](*frames)
    began = time.perf_counter()
    step()
    print(f"seconds {time.perf_counter() - began:.6f}")


if __name__ == "__main__":
    main()
