"""What a scrape finds: bytes made once a cycle, and the few that are made at the scrape."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from exporter.clock import Clock
from exporter.exposition.budget import Cuts, Fitted, fit
from exporter.exposition.family import Family
from exporter.exposition.render import OPENMETRICS_END, Rendered, Renderer
from exporter.health import Health
from exporter.log import Logger

_GZIP_LEVEL = 1
"""Level 6 shrinks by a tenth more and takes 3.5 times as long."""
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
_RAW_DEFLATE = -zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class Deflated:
    """Bytes, and their compressed form such that more can be appended.

    Attributes:
        data: the beginning of a gzip member: whole deflate blocks, none of them the last one.
        crc: of `plain`.
    """

    plain: bytes
    data: bytes
    crc: int

    @classmethod
    def of(cls, plain: bytes) -> "Deflated":
        """The bytes with their compressed form."""
        deflate = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _RAW_DEFLATE)
        parts = (_GZIP_HEADER, deflate.compress(plain), deflate.flush(zlib.Z_SYNC_FLUSH))
        return cls(plain, b"".join(parts), zlib.crc32(plain))

    def gzip_end(self, tail: bytes) -> bytes:
        """What makes of `data` one gzip member that holds the bytes and `tail`; only the tail is compressed now."""
        deflate = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _RAW_DEFLATE)
        crc = zlib.crc32(tail, self.crc)
        size = (len(self.plain) + len(tail)) & 0xFFFFFFFF
        ending = (crc.to_bytes(4, "little"), size.to_bytes(4, "little"))
        return b"".join((deflate.compress(tail), deflate.flush(zlib.Z_FINISH), *ending))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All models' series as one cycle left them. Nobody changes it; the next cycle makes another.

    Attributes:
        text, openmetrics: bytes of either format and their compressed form; the closing `# EOF` is not in them.
        built_at: Unix seconds.
        series: model → series exposed.
    """

    text: Deflated
    openmetrics: Deflated
    built_at: float
    series: Mapping[str, int]

    def body(self, tail: Rendered, *, openmetrics: bool, gzip: bool) -> tuple[bytes, bytes]:
        """The answer to a scrape: the snapshot's bytes as they are, and what follows them, with `tail` in it."""
        head = self.openmetrics if openmetrics else self.text
        end = tail.openmetrics + OPENMETRICS_END if openmetrics else tail.text
        return (head.data, head.gzip_end(end)) if gzip else (head.plain, end)


EMPTY = Snapshot(Deflated.of(b""), Deflated.of(b""), 0.0, MappingProxyType({}))
"""What is served before the first cycle: the exporter's own numbers alone."""


@dataclass(frozen=True, slots=True)
class ModelFamilies:
    """What one model has to say in this cycle.

    Attributes:
        families: every one has `model` as its first label; several may have the same name.
        budget: most series it may expose.
        importance: its features, the most important first; decides which go when the budget is exceeded.
    """

    model: str
    families: Sequence[Family]
    budget: int = 5000
    importance: Sequence[str] = ()


@dataclass(slots=True)
class _Told:
    """What was last logged of each model, so that a lasting state is logged once."""

    dropped: dict[str, dict[str, int]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    duplicates: frozenset[str] = frozenset()


class Publisher:
    """Turns a cycle's families into the snapshot that scrapes find in `current`.

    One thread publishes, any thread reads.

    Args:
        health: counts what was dropped, and how many series each model has.
        strict: raise on duplicate series and contradicting families (tests) instead of dropping and counting them.
    """

    def __init__(self, health: Health, clock: Clock, log: Logger, *, strict: bool = False) -> None:
        self._health = health
        self._clock = clock
        self._log = log
        self._renderer = Renderer(strict=strict)
        self._told = _Told()
        self._cuts: dict[str, Cuts] = {}
        self.current: Snapshot | None = None
        """None before the first cycle."""

    def publish(self, models: Sequence[ModelFamilies]) -> Snapshot:
        """The new `current`: every model within its budget, what was dropped counted and, on a change, logged."""
        series: dict[str, int] = {}
        families: list[Family] = []
        cuts: dict[str, Cuts] = {}
        for model in models:
            fitted = fit(model.families, model.budget, model.importance, self._cuts.get(model.model))
            cuts[model.model] = fitted.cuts
            self._tell_dropped(model, fitted)
            series[model.model] = fitted.series
            families += fitted.families
        self._cuts = cuts
        rendered = self._renderer.render(families)
        self._tell_mistakes(rendered, series)
        self._health.replace("ml_exporter_series", {(model,): float(count) for model, count in series.items()})
        self.current = Snapshot(
            Deflated.of(rendered.text), Deflated.of(rendered.openmetrics), self._clock.now(), MappingProxyType(series)
        )
        return self.current

    def _tell_dropped(self, model: ModelFamilies, fitted: Fitted) -> None:
        self._health.inc("ml_exporter_series_dropped_total", (model.model, "budget"), sum(fitted.dropped.values()))
        if fitted.dropped != self._told.dropped.get(model.model, {}):
            if fitted.dropped:
                self._log.warning(
                    "series dropped: over budget; raise series_budget or leave out features or slices",
                    model=model.model,
                    budget=model.budget,
                    wanted=fitted.series + sum(fitted.dropped.values()),
                    dropped=fitted.dropped,
                )
            else:
                self._log.info("series within budget again", model=model.model, budget=model.budget)
        self._told.dropped[model.model] = fitted.dropped

    def _tell_mistakes(self, rendered: Rendered, series: dict[str, int]) -> None:
        """Counts and logs what only a programming error can cause."""
        for model in series:
            self._health.inc("ml_exporter_series_dropped_total", (model, "duplicate"), 0)
        for name, twice in rendered.duplicates.items():
            for labels in twice:
                model = labels[0] if labels else ""
                self._health.inc("ml_exporter_series_dropped_total", (model, "duplicate"))
                series[model] = series.get(model, 0) - 1
            if name not in self._told.duplicates:
                self._log.error("series twice: please report this", metric=name, labels=twice[:3])
        for name, failure in rendered.failures.items():
            self._health.inc("ml_exporter_metric_failures_total", (name,))
            if self._told.failures.get(name) != failure:
                self._log.error("family left out: please report this", metric=name, error=failure)
        self._told.failures = rendered.failures
        self._told.duplicates = frozenset(rendered.duplicates)
