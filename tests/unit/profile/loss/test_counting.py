"""Sums of pair terms are those of the rows, one by one, however they are cut."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from exporter.profile.coarse import coarse
from exporter.profile.codec import pack_reference, unpack_reference
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.output import output_bins
from tests.oracle.pipeline import Fitted
from tests.unit.metrics.estimated import regressions

ROWS = 6000


def log(seed: int, *, weight: bool = False) -> pa.Table:
    rng = np.random.default_rng(seed)
    table = regressions.rows(rng, regressions.calm(rng, ROWS))
    gone = rng.random(ROWS) < 0.1
    table = table.set_column(0, "a", pa.array(np.where(gone, np.nan, table["a"].to_numpy())))
    return table.append_column("weight", pa.array(rng.integers(1, 5, ROWS) / 2.0)) if weight else table


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return regressions.fitted(log(1))


def codes(layout: Layout, table: pa.Table, variable: str | None) -> np.ndarray:
    """Coarse codes of a column, value by value."""
    bins = output_bins(layout) if variable is None else layout.features[variable]
    values = table["prediction" if variable is None else variable].to_pylist()
    if bins.type == "category":
        plain = np.array([bins.values.index(value) + 2 for value in values])
    else:
        plain = bins.codes(np.array(values))
    return coarse(bins).table[plain].astype(int)


def by_hand(layout: Layout, table: pa.Table, weight: np.ndarray) -> np.ndarray:
    sums = []
    for (one, other), values in zip(layout.pairs.members, layout.pairs.tables, strict=True):
        bins = output_bins(layout) if other is None else layout.features[other]
        place = codes(layout, table, one) * coarse(bins).width + codes(layout, table, other)
        sums.append([weight.sum(), *(weight[:, None] * values[place]).sum(axis=0)])
    return np.array(sums)


def test_pair_terms_are_looked_up_row_by_row(fitted: Fitted) -> None:
    layout, table = fitted.reference.layout, log(2)
    assert len(layout.pairs) > 0
    assert by_hand(layout, table, np.ones(ROWS)) == pytest.approx(fitted.count(table)["pair_terms"], abs=0)


def test_weighted_rows_count_as_often_as_they_weigh() -> None:
    table = log(3, weight=True)
    weighted = Fitted.of(
        table, "regression", regressions.FEATURES, prediction="prediction", label="truth", weight="weight"
    )
    found = weighted.count(table)["pair_terms"]
    assert by_hand(weighted.reference.layout, table, table["weight"].to_numpy()) == pytest.approx(found, abs=0)


def test_pieces_add_up_to_the_whole_bit_by_bit(fitted: Fitted) -> None:
    table, total = log(4), Counts.zero(fitted.reference.layout)
    for start in range(0, ROWS, 700):
        total.add(fitted.count(table.slice(start, 700)))
    assert (total["pair_terms"] == fitted.count(table)["pair_terms"]).all()


def test_a_reference_file_holds_the_model_and_no_row(fitted: Fitted) -> None:
    reference = fitted.reference
    data = pack_reference(reference)
    again = unpack_reference(data, "x")
    assert again.layout.pairs == reference.layout.pairs
    assert again.layout.id == reference.layout.id
    assert again.losses is not None
    assert reference.losses is not None
    for variable, table in reference.losses.tables.items():
        assert again.losses.tables[variable] == pytest.approx(table, rel=1e-5)
    assert len(data) < 60_000


def test_references_without_labels_have_no_model_and_count_no_pairs() -> None:
    table = log(5).drop_columns(["truth"])
    unlabelled = Fitted.of(table, "regression", regressions.FEATURES, prediction="prediction")
    assert unlabelled.reference.losses is None
    assert not unlabelled.reference.layout.has("pair_terms")


def test_pairs_are_part_of_what_counts_mean_and_no_bins(fitted: Fitted) -> None:
    """Layouts without pairs keep the id that they were written with; counts are carried over where only pairs are new."""
    layout = fitted.reference.layout
    bare = replace(layout, pairs=None)
    assert "pairs" in layout.to_json()
    assert "pairs" not in bare.to_json()
    assert layout.id != bare.id
    assert layout.bins_id == bare.bins_id
