"""Families → bytes of the text format 0.0.4 and of OpenMetrics 1.0.

Both formats write a sample alike, so lines are made once and only HELP and TYPE differ. What stands before the number
never changes for a series: it is kept from cycle to cycle. All numbers of a page go through one `orjson.dumps`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress

import numpy as np
import orjson
from numpy.typing import NDArray

from exporter.exposition.family import Family, Histogram, LabelValues, Value, has_sum
from exporter.exposition.text import edge, label_value, openmetrics_help, text_help

Floats = NDArray[np.float64]

_Body = tuple[list[bytes], Floats]
"""Beginnings of a family's lines, and their numbers."""
_NONE: Floats = np.zeros(0)
_SPARE_PREFIXES = 64
OPENMETRICS_END = b"# EOF\n"


@dataclass(frozen=True, slots=True)
class Rendered:
    """Families as bytes.

    Attributes:
        text: text format 0.0.4.
        openmetrics: OpenMetrics 1.0 without its closing `# EOF`, so that more can follow.
        duplicates: family → label values of samples that were left out because their series was there already.
        failures: family → why it was left out: a programming error of the one who made it.
    """

    text: bytes
    openmetrics: bytes
    duplicates: dict[str, list[LabelValues]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


class Renderer:
    """Renders families and remembers the beginnings of their lines.

    The memory is bounded: a family keeps at most twice as many beginnings as it has series, and 64; one that
    is not rendered any more keeps none.

    Args:
        strict: raise on duplicates and on families that contradict each other instead of leaving them out.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self._strict = strict
        self._prefixes: dict[str, _Prefixes] = {}

    def render(self, families: Iterable[Family]) -> Rendered:
        """All families sorted by name, each with one HELP and TYPE, its samples in the order they came."""
        rendered = Rendered(b"", b"")
        groups = self._grouped(families, rendered)
        heads: list[tuple[bytes, bytes]] = []
        bodies: list[_Body] = []
        for name in sorted(groups):
            family = groups[name]
            try:
                body = self._body(family, rendered)
                head = _heads(family)
            except (ValueError, TypeError, AttributeError) as error:
                if self._strict:
                    raise
                rendered.failures[name] = str(error)
                continue
            if body[0]:
                heads.append(head)
                bodies.append(body)
        text: list[bytes] = []
        openmetrics: list[bytes] = []
        for (head_text, head_openmetrics), lines in zip(heads, _lines(bodies), strict=True):
            text += (head_text, lines)
            openmetrics += (head_openmetrics, lines)
        self._prefixes = {name: known for name, known in self._prefixes.items() if name in groups}
        return Rendered(b"".join(text), b"".join(openmetrics), rendered.duplicates, rendered.failures)

    def _grouped(self, families: Iterable[Family], rendered: Rendered) -> dict[str, Family]:
        """One family per name with the samples of all; one that contradicts the first of its name is left out."""
        first: dict[str, Family] = {}
        samples: dict[str, list[Sequence[tuple[LabelValues, Value]]]] = {}
        for family in families:
            known = first.setdefault(family.name, family)
            if known.kind != family.kind or known.labels != family.labels:
                message = f"{family.name} is declared twice: {known.kind}{known.labels}, {family.kind}{family.labels}"
                if self._strict:
                    raise ValueError(message)
                rendered.failures[family.name] = message
                continue
            samples.setdefault(family.name, []).append(family.samples)
        for name, parts in samples.items():
            if len(parts) > 1:
                of = first[name]
                joined = [sample for part in parts for sample in part]
                first[name] = Family(name, of.kind, of.help, of.labels, joined, of.rank)
        return first

    def _body(self, family: Family, rendered: Rendered) -> "_Body":
        if not family.samples:
            return [], _NONE
        prefixes = self._prefixes.get(family.name)
        if prefixes is None or prefixes.labels != family.labels:
            prefixes = self._prefixes[family.name] = _Prefixes(family)
        if family.kind == "histogram":
            return self._histograms(family, prefixes, rendered)
        labels = [sample[0] for sample in family.samples]
        values = np.array([sample[1] for sample in family.samples], dtype=np.float64)
        absent = np.isnan(values)
        if absent.any():
            labels = list(compress(labels, ~absent))
            values = values[~absent]
        starts = list(map(prefixes.__getitem__, labels))
        if len(prefixes) > 2 * len(starts) + _SPARE_PREFIXES:
            prefixes.keep(labels)
        if len(set(starts)) < len(starts):
            unique = self._first_of_each(family.name, labels, starts, rendered)
            starts = [starts[index] for index in unique]
            values = values[unique]
        return starts, values

    def _histograms(self, family: Family, prefixes: "_Prefixes", rendered: Rendered) -> "_Body":
        histograms = [(labels, value) for labels, value in family.samples if not isinstance(value, int | float)]
        keys = [(labels, value.bounds) for labels, value in histograms]
        blocks = [prefixes.block(key) for key in keys]
        if len(prefixes.blocks) > 2 * len(keys) + _SPARE_PREFIXES:
            prefixes.keep_blocks(keys)
            prefixes.keep(labels for labels, _ in keys)
        plain = [prefixes[labels] for labels, _ in histograms]
        order = list(range(len(blocks)))
        if len(set(plain)) < len(plain):
            order = self._first_of_each(family.name, [labels for labels, _ in histograms], plain, rendered)
        starts: list[bytes] = []
        columns: list[Floats] = []
        for index in order:
            starts += blocks[index]
            columns.append(_column(histograms[index][1]))
        return starts, np.concatenate(columns) if columns else _NONE

    def _first_of_each(
        self, name: str, labels: Sequence[LabelValues], starts: Sequence[bytes], rendered: Rendered
    ) -> list[int]:
        """Positions of the samples whose series was not there before."""
        seen: set[bytes] = set()
        kept: list[int] = []
        twice: list[LabelValues] = []
        for index, start in enumerate(starts):
            if start in seen:
                twice.append(labels[index])
            else:
                seen.add(start)
                kept.append(index)
        if self._strict:
            raise ValueError(f"{name} has series twice: {twice[:3]}")
        rendered.duplicates[name] = twice
        return kept


_Block = tuple[LabelValues, tuple[float, ...]]
"""Label values and bounds of a histogram."""


class _Prefixes(dict[LabelValues, bytes]):
    """What stands before the number, by label values: `name{a="b"} `, made on first use."""

    def __init__(self, family: Family) -> None:
        super().__init__()
        self.name = family.name
        self.labels = family.labels
        self.blocks: dict[_Block, list[bytes]] = {}

    def __missing__(self, labels: LabelValues) -> bytes:
        start = self[labels] = f"{self.name}{self._braces(labels)} ".encode()
        return start

    def _braces(self, labels: LabelValues, le: str = "") -> str:
        if len(labels) != len(self.labels):
            raise ValueError(f"{self.name} has the labels {self.labels}, got the values {labels}")
        pairs = [f'{name}="{label_value(value)}"' for name, value in zip(self.labels, labels, strict=True)]
        if le:
            pairs.append(f'le="{le}"')
        return f"{{{','.join(pairs)}}}" if pairs else ""

    def block(self, key: "_Block") -> list[bytes]:
        """The beginnings of all lines of one histogram: buckets, then sum and count where they are shown."""
        known = self.blocks.get(key)
        if known is None:
            labels, bounds = key
            edges = [*map(edge, bounds), "+Inf"]
            known = [f"{self.name}_bucket{self._braces(labels, le)} ".encode() for le in edges]
            parts = ("sum", "count") if has_sum(bounds) else ()
            known += [f"{self.name}_{part}{self._braces(labels)} ".encode() for part in parts]
            self.blocks[key] = known
        return known

    def keep(self, labels: Iterable[LabelValues]) -> None:
        """Only these beginnings are remembered."""
        kept = {key: self[key] for key in labels}
        self.clear()
        self.update(kept)

    def keep_blocks(self, keys: Iterable["_Block"]) -> None:
        """Only these histograms are remembered."""
        self.blocks = {key: self.blocks[key] for key in keys}


def _column(histogram: Histogram) -> Floats:
    """Cumulative counts, then sum and count where they are shown."""
    cumulative = np.cumsum(np.asarray(histogram.counts, dtype=np.float64))
    if len(cumulative) != len(histogram.bounds) + 1:
        raise ValueError(f"a histogram of {len(histogram.bounds)} bounds has {len(cumulative)} counts")
    ending = [histogram.sum, cumulative[-1]] if has_sum(histogram.bounds) else []
    column: Floats = np.concatenate([cumulative, ending])
    return column


def _lines(bodies: Sequence[_Body]) -> Iterator[bytes]:
    """The lines of each family."""
    texts = numbers(np.concatenate([values for _, values in bodies])) if bodies else []
    first = 0
    for starts, _ in bodies:
        parts: list[bytes] = [b"\n"] * (3 * len(starts))
        parts[0::3] = starts
        parts[1::3] = texts[first : first + len(starts)]
        first += len(starts)
        yield b"".join(parts)


def numbers(values: Floats) -> list[bytes]:
    """Every value as its shortest decimal that reads back the same; 3.0 as `3`, -0.0 as `0`, infinities as `+Inf`."""
    if not len(values):
        return []
    column = np.ascontiguousarray(values, dtype=np.float64) + 0.0  # -0.0 + 0.0 = 0.0
    text: bytes = orjson.dumps(column, option=orjson.OPT_SERIALIZE_NUMPY)
    parts = (text[1:-1] + b",").replace(b".0,", b",").split(b",")
    parts.pop()
    if not np.isfinite(column).all():  # orjson writes null
        for index in np.flatnonzero(~np.isfinite(column)).tolist():
            value = column[index]
            parts[index] = b"NaN" if np.isnan(value) else b"+Inf" if value > 0 else b"-Inf"
    return parts


def _heads(family: Family) -> tuple[bytes, bytes]:
    """HELP and TYPE in both formats; OpenMetrics names a counter's family without `_total`."""
    name = family.name
    if family.kind == "counter":
        if not name.endswith("_total"):
            raise ValueError(f"{name} is a counter and must end in _total")
        name = name.removesuffix("_total")
    return (
        f"# HELP {family.name} {text_help(family.help)}\n# TYPE {family.name} {family.kind}\n".encode(),
        f"# HELP {name} {openmetrics_help(family.help)}\n# TYPE {name} {family.kind}\n".encode(),
    )
