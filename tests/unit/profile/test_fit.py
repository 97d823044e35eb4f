"""A reference from rows as they come: kinds, bins, categories, blocks, and what a person is told."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from exporter.batch import Batch
from exporter.errors import ReferenceFileError
from exporter.profile.bins import CategoryBins, NumericBins
from exporter.profile.columns import Columns
from exporter.profile.fit import Fit, fit
from exporter.profile.layout import Layout
from exporter.profile.learn import MAX_CATEGORIES, FeatureWish, FitSpec
from exporter.profile.rows import rare_hash

COLUMNS = Columns(time="ts", prediction="late", label="y", features=None)
HOUR = 3600


def batch(**columns: Any) -> Batch:
    n = len(next(iter(columns.values())))
    own = {name: column if isinstance(column, pa.Array) else pa.array(column) for name, column in columns.items()}
    base = {"ts": pa.array(np.arange(n) * 60.0), "late": pa.array([0, 1] * (n // 2) + [0] * (n % 2)), "y": pa.nulls(n)}
    return Batch(pa.record_batch({**base, **own}), "reference", 1)


def fitted(*batches: Batch, **changes: Any) -> Fit:
    return fit(lambda: batches, FitSpec(**{"model": "m", "task": "binary", "columns": COLUMNS, **changes}), 7.0)


def bins(*batches: Batch, **changes: Any) -> dict[str, Any]:
    return dict(fitted(*batches, **changes).reference.layout.features)


def test_kinds() -> None:
    found = fitted(
        batch(
            number=[1.5] * 30, whole=[1, 2, 3] * 10, text_number=["1", "2.5", None] * 10, flag=[True, False, None] * 10,
            name=["a", "b", None] * 10, day=pa.array([0] * 30, pa.date32()), when=pa.array([0] * 30, pa.timestamp("s")),
            empty=pa.nulls(30), listed=[[1]] * 30,
            code=[f"id-{i}" for i in range(30)] if MAX_CATEGORIES < 30 else ["x"] * 30,
        )
    )  # fmt: skip
    features = found.reference.layout.features
    kinds = {name: each.kind if isinstance(each, NumericBins) else each.values for name, each in features.items()}
    assert kinds == {
        "number": "float", "whole": "integer", "text_number": "float", "flag": ("false", "true"), "name": ("a", "b"),
        "code": ("x",),
    }  # fmt: skip
    assert sorted(note.split(":")[0] for note in found.notes if "left out, it" in note) == [
        "day",
        "empty",
        "listed",
        "when",
    ]


def test_what_often_has_no_value_is_not_bad_for_lacking_it() -> None:
    """A gust is reported when there is one; the temperature always is."""
    rows = batch(
        gust=[1.5, 2.5, None, None] * 50,
        kind=["a", "b", None, "a"] * 50,
        temp=[None, *np.arange(199.0)],
        bad=["x"] * 200,
    )
    reference = fitted(rows).reference
    assert reference.layout.often_missing == {"gust", "kind"}
    assert Layout.from_json(reference.layout.to_json()).id == reference.layout.id
    by_feature = dict(zip(reference.layout.features, reference.total["bad_cells"].tolist(), strict=True))
    assert by_feature == {"gust": 0.0, "kind": 0.0, "temp": 1.0, "bad": 0.0}


def test_id_is_no_feature() -> None:
    found = fitted(batch(key=[f"k{i}" for i in range(500)], name=["a", "b"] * 250))
    assert list(found.reference.layout.features) == ["name"]
    assert any(note == "key: left out, it looks like an id (500 different values)" for note in found.notes)


@pytest.mark.parametrize(
    "first", [pa.array([1, 2] * 50), pa.array([1.0, 2.0] * 50), pa.nulls(100), pa.array(["1", "2"] * 50)]
)
def test_category_whose_first_batch_looks_like_numbers(first: pa.Array) -> None:
    """Every batch's values are known, whatever type a reader gave them."""
    found = fitted(batch(c=first), batch(c=["A1", "1"] * 50)).reference
    counts = found.total.feature("c")
    assert set(found.layout.features["c"].values) == ({"A1", "1"} if pa.types.is_null(first.type) else {"A1", "1", "2"})
    assert (counts[0], counts[1], counts[-1], counts.sum()) == (100.0 if first.null_count else 0.0, 0.0, 0.0, 200.0)


def test_dictionary_types_may_differ_between_batches() -> None:
    one = pa.array(["a", "b"] * 20).dictionary_encode()
    other = pa.DictionaryArray.from_arrays(pa.array([0, 1] * 20, pa.uint8()), pa.array(["b", None]))
    number = pa.array([1.0, 2.0] * 20).dictionary_encode()
    found = fitted(batch(c=one, n=number), batch(c=other, n=pa.array([3] * 40)), batch(c=["c"] * 40, n=["4"] * 40))
    layout = found.reference.layout
    assert set(layout.features["c"].values) == {"a", "b", "c"}
    assert layout.features["n"].type == "numeric"
    assert found.reference.total.feature("c").tolist()[0] == 20.0


def test_column_of_numbers_with_a_little_text_is_of_numbers() -> None:
    values: list[Any] = [str(i) for i in range(200)]
    assert bins(batch(x=[*values, "oops"]))["x"].type == "numeric"
    assert fitted(batch(x=[*values, "oops"])).reference.total.feature("x")[1] == 1.0
    assert bins(batch(x=[str(i % 5) for i in range(200)] + ["oops"] * 50))["x"].type == "category"


def test_rare_categories_are_merged() -> None:
    found = bins(batch(c=["a"] * 50 + ["b"] * 30 + ["r"] * 3), min_category=10)["c"]
    assert found == CategoryBins(("a", "b"), frozenset({rare_hash("r")}))


def test_most_categories() -> None:
    names = [f"c{i % 150:03d}" for i in range(6000)]
    assert len(bins(batch(c=names), min_category=1)["c"].values) == MAX_CATEGORIES


def test_wishes() -> None:
    found = bins(
        batch(a=[1, 2, 3] * 20, b=["1", "2", "x"] * 20, c=["p"] * 60),
        wishes={
            "a": FeatureWish("category"), "b": FeatureWish("numeric", range=(0.0, 10.0)),
            "c": FeatureWish("category", categories=("p", "q")),
        },
    )  # fmt: skip
    assert found["a"].values == ("1", "2", "3")
    assert (found["b"].edges[0], found["b"].edges[-1]) == (np.nextafter(0.0, -1.0), 10.0)
    assert found["c"] == CategoryBins(("p", "q"))


def test_features_that_are_asked_for() -> None:
    data = batch(a=[1.0] * 20, b=[2.0] * 20)
    assert list(bins(data, include=("b",))) == ["b"]
    assert list(bins(data, exclude=("b",))) == ["a"]
    with pytest.raises(
        ReferenceFileError, match=r"model 'm': feature 'z' is not in the reference data; it has a, b, late, ts, y"
    ):
        fitted(data, include=("z",))


def test_blocks_of_time() -> None:
    """Counts by block add up to the total; blocks without rows are absent; means are kept of the whole alone."""
    ts = np.concatenate([np.arange(100) * 60.0, 10 * HOUR + np.arange(20) * 60.0])
    found = fitted(batch(ts=ts, x=np.arange(120.0)), block_seconds=HOUR).reference
    assert found.block_starts.tolist() == [0, HOUR, 10 * HOUR]
    assert found.part(found.blocks, "rows")[:, 0].tolist() == [60.0, 40.0, 20.0]
    part = found.layout.spans["features"]
    assert np.array_equal(found.blocks.columns(part).sum(axis=0), found.total.all[part])
    assert not found.part(found.blocks, "feature_sums").any()
    assert found.total.feature_sums("x").sum() == pytest.approx(np.arange(120.0).sum())


def test_shuffled_rows_of_years_fit_into_memory_and_give_the_same() -> None:
    ts = np.arange(3000) * 6.0 * HOUR
    order = np.random.default_rng(0).permutation(3000)
    sorted_ = fitted(batch(ts=ts, x=np.arange(3000.0)), block_seconds=6 * HOUR).reference
    shuffled = fitted(batch(ts=ts[order], x=np.arange(3000.0)[order]), block_seconds=6 * HOUR).reference
    assert np.array_equal(sorted_.part(sorted_.blocks, "rows"), shuffled.part(shuffled.blocks, "rows"))
    assert np.array_equal(sorted_.total["features"], shuffled.total["features"])


def test_without_time() -> None:
    """No column, or not in every batch: no blocks, and it is told."""
    plain = fitted(batch(x=[1.0] * 20), columns=Columns(prediction="late", label="y"))
    assert plain.reference.block_seconds is None
    assert any(note.startswith("no time column") for note in plain.notes)
    lacking = Batch(batch(x=[1.0] * 20).rows.drop_columns(["ts"]), "other", 1)
    mixed = fitted(batch(x=[1.0] * 20), lacking).reference
    assert (mixed.block_seconds, len(mixed.block_starts), mixed.total.rows) == (None, 0, 40.0)


def test_versions() -> None:
    data = batch(x=[1.0] * 10 + [2.0] * 20 + [3.0] * 5, v=["a"] * 10 + ["b"] * 20 + [None] * 5)
    columns = Columns(time="ts", prediction="late", label="y", version="v")
    assert fitted(data, columns=columns, version="b").reference.total.rows == 20.0
    assert fitted(data, columns=columns, others=("b",)).reference.total.rows == 15.0
    with pytest.raises(ReferenceFileError, match="the reference data has no rows"):
        fitted(data, columns=columns, version="c")


def test_rows_that_cannot_be_used_are_told() -> None:
    found = fitted(batch(x=[1.0] * 4, late=[1, None, 1, None]))
    assert "2 rows left out: bad_prediction" in found.notes
    with pytest.raises(ReferenceFileError, match=r"none of the reference rows could be used \(4 bad_prediction\)"):
        fitted(batch(x=[1.0] * 4, late=pa.nulls(4)))


def test_classes_of_a_multiclass_model() -> None:
    data = batch(late=["b", "a"] * 10, y=["c", "a"] * 10)
    assert fitted(data, task="multiclass").reference.layout.classes == ("a", "b", "c")
    assert fitted(data, task="multiclass", classes=("b", "z")).reference.layout.classes == ("b", "z")
    with pytest.raises(ReferenceFileError, match="no class found"):
        fitted(batch(late=pa.nulls(4)), task="multiclass")
    with pytest.raises(ReferenceFileError, match="101 different classes"):
        fitted(batch(late=[f"c{i}" for i in range(101)]), task="multiclass")


def test_regression_outputs() -> None:
    found = fitted(batch(late=np.arange(200.0), y=np.arange(200.0) + 5), task="regression").reference
    assert found.total["error_terms"][:4].tolist() == [200.0, 1000.0, 5000.0, -1000.0]
    assert found.layout.error_bins is not None
    assert found.total["actual"].sum() == found.total["prediction"].sum() == 200.0


def test_reading_twice_gives_the_same_file() -> None:
    """The sample is drawn with a fixed seed, and what is told of progress are rows, of both passes."""
    told: list[int] = []
    data = [batch(x=np.random.default_rng(i).normal(size=500)) for i in range(3)]
    spec = FitSpec("m", "binary", COLUMNS)
    ids = [fit(lambda: data, spec, 1.0, told.append).reference.id for _ in range(2)]
    assert ids[0] == ids[1]
    assert sum(told) == 2 * 2 * 1500


def test_digits_padded_with_zeros_are_codes() -> None:
    """Shops and postcodes; a plain zero, fractions, and what is wished to be a number stay numbers."""
    found = bins(
        batch(
            shop=[f"{i % 40:04d}" for i in range(400)],
            zero=[str(i % 3) for i in range(400)],
            share=[f"0.{i % 9}" for i in range(400)],
            wished=[f"{i % 40:04d}" for i in range(400)],
        ),
        wishes={"wished": FeatureWish("numeric")},
    )
    assert {name: each.type for name, each in found.items()} == {
        "shop": "category", "zero": "numeric", "share": "numeric", "wished": "numeric",
    }  # fmt: skip
