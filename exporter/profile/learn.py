"""What the columns of reference data hold: kinds, bins, classes."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from exporter.batch import Batch
from exporter.errors import ReferenceFileError
from exporter.profile.bins import CategoryBins, FeatureBins, Floats, NumericBins, quantile_edges, sum_unit
from exporter.profile.bounds import LABEL_DELAY_BOUNDS, LATENCY_BOUNDS
from exporter.profile.cells import INVALID_NAME, find_column, is_text, read_names, read_numbers
from exporter.profile.columns import Columns
from exporter.profile.layout import Layout, Task
from exporter.profile.rows import feature_column, rare_hash

FEATURE_BINS = 64
OUTPUT_BINS = 128
MAX_CATEGORIES = 100
"""Categories told apart; the rest is OTHER."""
_SAMPLE = 1 << 18
_IDS_IF_DISTINCT = 0.5
"""A text column in which more than this share of the values is distinct is an id, not a feature."""
_NUMBER_IF_READABLE = 0.99
_CODES_IF_PADDED = 0.01
"""Share of texts such as `0012` from which on digits are codes (shops, postcodes), and no amounts."""
_MAX_DISTINCT = 200_000
_ROUNDING = 1e-13
_OFTEN_MISSING = 0.05
"""Share of rows without a value from which that is an ordinary thing of a feature."""


@dataclass(frozen=True, slots=True)
class FeatureWish:
    """What the configuration says of a feature: its kind, its valid range, its bins, its categories."""

    type: str | None = None
    range: tuple[float, float] | None = None
    edges: tuple[float, ...] | None = None
    categories: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class FitSpec:
    """What a reference is fitted for.

    Attributes:
        include: features; None = every column that has no other role.
        version, others: fit from rows of this version; with version "", from all rows but those of the versions
            `others`, which have references of their own.
        block_seconds: length of a time block.
        min_category: rows below which a category is not named.
    """

    model: str
    task: Task
    columns: Columns
    version: str = ""
    others: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    decision_threshold: float = 0.5
    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    wishes: Mapping[str, FeatureWish] = field(default_factory=dict)
    slices: Mapping[str, int] = field(default_factory=dict)
    latency_bounds: tuple[float, ...] = LATENCY_BOUNDS
    block_seconds: int = 3600
    min_category: int = 10


class _Sample:
    """A random sample of bounded size of the numbers it was shown, and their spread: the same for the same ones."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(20130101)
        self._rate = 1.0
        self._kept: list[Floats] = []
        self._size = 0
        self._n, self._mean, self._squares = 0, 0.0, 0.0

    def add(self, values: Floats) -> None:
        if len(values) == 0:
            return
        self._spread(values)
        kept = values if self._rate == 1.0 else values[self._random.random(len(values)) < self._rate]
        self._kept.append(kept)
        self._size += len(kept)
        while self._size > 2 * _SAMPLE:
            self._rate /= 2
            merged = np.concatenate(self._kept)
            self._kept = [merged[self._random.random(len(merged)) < 0.5]]  # noqa: PLR2004 - every other one
            self._size = len(self._kept[0])

    def _spread(self, values: Floats) -> None:
        """Adds to Σ(x - mean)². Source: Chan, Golub, LeVeque, Updating formulae, 1979."""
        n = self._n + len(values)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(values.mean())
            off = mean - self._mean
            self._squares += float(((values - mean) ** 2).sum()) + off * off * self._n * len(values) / n
            self._mean += off * len(values) / n
        self._n = n

    @property
    def deviation(self) -> float | None:
        """Standard deviation of all values, to nine digits, which no batch moves; None where floats cannot hold it."""
        if self._n == 0 or not np.isfinite(self._squares):
            return None
        found = float(np.sqrt(self._squares / self._n))
        # A constant's mean is rounded, and must not give it a spread.
        return float(f"{found:.9g}") if found > _ROUNDING * abs(self._mean) else 0.0

    @property
    def values(self) -> Floats:
        return np.concatenate(self._kept) if self._kept else np.empty(0)


class _Column:
    """What was seen of one feature's column."""

    def __init__(self, wish: FeatureWish) -> None:
        self.wish = wish
        self.sample = _Sample()
        self.names: Counter[str] = Counter()
        self.numbers = self.unreadable = self.named = self.times = 0
        self.nested = self.boolean = False
        self.whole = True
        self.overflow = False
        self.unnamed = False
        """True if some batch brought numbers whose names were not noted, as the column looked like one of numbers."""

    def read(self, column: pa.Array) -> None:
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if pa.types.is_temporal(kind):
            self.times += len(column)
            return
        self.nested |= pa.types.is_nested(kind)
        self.boolean |= pa.types.is_boolean(kind)
        if self.wish.type != "category" and not pa.types.is_boolean(kind):
            values, bad = read_numbers(column)
            good = values[np.isfinite(values)]
            self.sample.add(good)
            self.numbers += len(good)
            self.unreadable += int(bad.sum())
            self.whole = self.whole and bool((good == np.round(good)).all())
        if self.wish.type != "numeric":
            if self._is_named(column):
                self.read_names(column)
            elif not pa.types.is_null(kind):
                self.unnamed = True

    def _is_named(self, column: pa.Array) -> bool:
        return self.wish.type == "category" or is_text(column.type) or pa.types.is_boolean(column.type)

    def read_unnamed(self, column: pa.Array) -> None:
        """Notes the names of a batch that the first pass took for numbers."""
        if not self._is_named(column):
            self.read_names(column)

    def read_names(self, column: pa.Array) -> None:
        """Notes how often each name stands in the column."""
        if self.overflow:
            return
        names = read_names(column)
        counts = np.bincount(names.codes[names.codes >= 0], minlength=len(names.names))
        for name, count in zip(names.names, counts, strict=True):
            if count and name != INVALID_NAME:
                self.named += int(count)
                if name in self.names or len(self.names) < _MAX_DISTINCT:
                    self.names[name] += int(count)
                else:
                    self.overflow = True

    @property
    def is_numeric(self) -> bool:
        if self.wish.type is not None:
            return self.wish.type == "numeric"
        return (
            not self.boolean
            and not self._is_codes
            and self.numbers > 0
            and self.numbers >= _NUMBER_IF_READABLE * (self.numbers + self.unreadable)
        )

    @property
    def _is_codes(self) -> bool:
        """True for digits padded with zeros, where there are few enough values to be categories."""
        padded = sum(n for name, n in self.names.items() if len(name) > 1 and name[0] == "0" and name.isdecimal())
        return not self.overflow and padded > _CODES_IF_PADDED * self.named

    def is_often_missing(self, rows: int) -> bool:
        """Whether more than one in twenty of so many rows had no value."""
        valued = self.numbers + self.unreadable if self.is_numeric else self.named
        return rows - valued > _OFTEN_MISSING * rows

    def bins(self, spec: FitSpec) -> FeatureBins | str:
        """Bins of the feature, or why it has none."""
        if self.times:
            return "holds times"
        if self.nested:
            return "holds lists or objects"
        return self._numeric() if self.is_numeric else self._category(spec)

    def _numeric(self) -> NumericBins | str:
        sample = self.sample.values
        if len(sample) == 0:
            return "holds no number"
        if self.wish.edges is not None:
            edges = np.array((np.nextafter(self.wish.edges[0], -np.inf), *self.wish.edges[1:]))
        else:
            edges = quantile_edges(sample, FEATURE_BINS)
        if self.wish.range is not None:
            low, high = self.wish.range
            inner = edges[(edges > low) & (edges < high)]
            edges = np.concatenate(([np.nextafter(low, -np.inf)], inner, [high]))
        # Edges by hand may lie far beyond all values, for bins that are open at the ends.
        unit = sum_unit(float(np.abs(edges if self.wish.edges is None else sample).max()))
        return NumericBins(edges, unit, "integer" if self.whole else "float", self.sample.deviation)

    def _category(self, spec: FitSpec) -> CategoryBins | str:
        if self.wish.categories is not None:
            return CategoryBins(self.wish.categories)
        if not self.names:
            return "holds no value"
        distinct = len(self.names)
        if self.overflow or (distinct > MAX_CATEGORIES and distinct > _IDS_IF_DISTINCT * self.named):
            return f"looks like an id ({distinct:,} different values)"
        ranked = sorted(self.names.items(), key=lambda item: (-item[1], item[0]))
        known = [name for name, count in ranked[:MAX_CATEGORIES] if count >= spec.min_category]
        named = set(known)
        return CategoryBins(tuple(known), frozenset(rare_hash(name) for name in self.names if name not in named))


def _roles(columns: Columns) -> set[str]:
    """Columns that play another role than feature. Slices may be features too."""
    named = (
        columns.time, columns.id, columns.prediction, columns.score, columns.latency, columns.error, columns.version,
        columns.replica, columns.weight, columns.label, columns.label_time, columns.run, *columns.scores.values(),
    )  # fmt: skip
    return {name for name in named if name is not None}


class Learned:
    """First pass: what the columns hold."""

    def __init__(self, spec: FitSpec) -> None:
        self._spec = spec
        self._columns: dict[str, _Column] = {}
        self._score, self._prediction, self._error, self._actual = _Sample(), _Sample(), _Sample(), _Sample()
        self._classes: Counter[str] = Counter()
        self._rows = 0
        self._schema: set[str] = set()

    def read(self, batch: Batch) -> None:
        rows, spec = batch.rows, self._spec
        self._rows += rows.num_rows
        self._schema.update(rows.schema.names)
        for name in self._features(rows):
            column = find_column(rows, feature_column(spec.columns, name))
            if column is not None:
                known = self._columns.setdefault(name, _Column(spec.wishes.get(name, FeatureWish())))
                known.read(column)
        self._read_outputs(rows)

    @property
    def rows(self) -> int:
        """How many were read."""
        return self._rows

    @property
    def unnamed(self) -> list[str]:
        """Features that turned out to be categories after some of their batches were read as numbers."""
        return [name for name, column in self._columns.items() if column.unnamed and not column.is_numeric]

    def read_unnamed(self, batch: Batch) -> None:
        """Reads a batch once more, for the features `unnamed`."""
        for name in self.unnamed:
            column = find_column(batch.rows, feature_column(self._spec.columns, name))
            if column is not None:
                self._columns[name].read_unnamed(column)

    def _features(self, rows: pa.RecordBatch) -> list[str]:
        spec = self._spec
        if spec.include is not None:
            return [name for name in spec.include if name not in spec.exclude]
        columns = spec.columns
        renamed = {} if columns.features is None else {column: name for name, column in columns.features.items()}
        plain = [name for name in rows.schema.names if name not in _roles(columns) and name not in renamed]
        return [name for name in (*renamed.values(), *plain) if name not in spec.exclude]

    def _read_outputs(self, rows: pa.RecordBatch) -> None:
        columns = self._spec.columns
        if self._spec.task == "regression":
            prediction, actual = self._finite(rows, columns.prediction), self._finite(rows, columns.label)
            self._prediction.add(prediction[np.isfinite(prediction)])
            self._actual.add(actual[np.isfinite(actual)])
            error = prediction - actual
            self._error.add(error[np.isfinite(error)])
            return
        score = self._finite(rows, columns.score)
        self._score.add(score[(score >= 0) & (score <= 1)])
        for name in (columns.prediction, columns.label):
            column = None if name is None else find_column(rows, name)
            if column is not None and not self._spec.classes:
                names = read_names(column)
                counts = np.bincount(names.codes[names.codes >= 0], minlength=len(names.names))
                self._classes.update({n: int(c) for n, c in zip(names.names, counts, strict=True) if c})

    @staticmethod
    def _finite(rows: pa.RecordBatch, name: str | None) -> Floats:
        column = None if name is None else find_column(rows, name)
        if column is None:
            return np.full(rows.num_rows, np.nan)
        values, _ = read_numbers(column)
        return np.where(np.isfinite(values), values, np.nan)

    def layout(self) -> tuple[Layout, list[str]]:
        """The bins, and notes on columns that are no feature."""
        spec = self._spec
        if self._rows == 0:
            raise ReferenceFileError(f"model {spec.model!r}: the reference data has no rows")
        features: dict[str, FeatureBins] = {}
        notes = []
        for name, column in self._columns.items():
            bins = column.bins(spec)
            if isinstance(bins, str):
                notes.append(f"{name}: left out, it {bins}")
            else:
                features[name] = bins
        for name in spec.include or ():
            if name not in self._columns and name not in spec.exclude:
                raise ReferenceFileError(
                    f"model {spec.model!r}: feature {name!r} is not in the reference data; it has {_some(self._schema)}"
                )
        return Layout(
            task=spec.task,
            classes=self._class_names(),
            features=features,
            score_bins=self._output(self._score) if spec.task == "binary" else None,
            prediction_bins=self._output(self._prediction),
            error_bins=self._output(self._error),
            actual_bins=self._output(self._actual, FEATURE_BINS),
            class_scores=spec.task == "multiclass" and bool(spec.columns.scores),
            latency_bounds=spec.latency_bounds,
            label_delay_bounds=LABEL_DELAY_BOUNDS,
            slices=spec.slices,
            often_missing=frozenset(name for name in features if self._columns[name].is_often_missing(self._rows)),
        ), notes

    def _class_names(self) -> tuple[str, ...]:
        spec = self._spec
        if spec.task == "regression":
            return ()
        if spec.classes:
            return spec.classes
        if spec.task == "binary":
            return ("0", "1")
        names = tuple(sorted(self._classes))
        if not names:
            raise ReferenceFileError(
                f"model {spec.model!r}: no class found in the reference data; name them as `classes:`"
            )
        if len(names) > MAX_CATEGORIES:
            raise ReferenceFileError(
                f"model {spec.model!r}: {len(names)} different classes; a regression? else name some as `classes:`"
            )
        return names

    @staticmethod
    def _output(sample: _Sample, bins: int = OUTPUT_BINS) -> NumericBins | None:
        values = sample.values
        if len(values) == 0:
            return None
        edges = quantile_edges(values, bins)
        return NumericBins(edges, sum_unit(float(np.abs(edges).max())), deviation=sample.deviation)


def _some(names: Iterable[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:10]) + (", …" if len(listed) > 10 else "")  # noqa: PLR2004 - as many as one line takes
