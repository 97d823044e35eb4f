"""What metrics are computed from: a window's counts beside the reference's, and what was learned so far."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from exporter.metrics.history import History, Tally
from exporter.profile.counts import Counts
from exporter.profile.layout import Layout
from exporter.profile.reference import Reference
from exporter.profile.vocabulary import Vocabulary

T = TypeVar("T")
ObjectiveKind = Literal["availability", "latency", "freshness", "quality"]


@dataclass(frozen=True, slots=True)
class Objective:
    """A service-level objective of a model: `objective` of the events are good; which, its kind says.

    Attributes:
        latency_seconds: latency: good = no error and answered within so many seconds.
        freshness_seconds: freshness: good = a second in which the newest prediction is no older than this.
        quality: quality: good = a prediction that came true.
        tolerance: ... of a number: whose error is no greater than this, in the target's unit.
    """

    name: str
    objective: float
    latency_seconds: float | None = None
    freshness_seconds: int | None = None
    quality: bool = False
    tolerance: float | None = None

    @property
    def kind(self) -> ObjectiveKind:
        """What is promised; without a word more: that predictions do not fail."""
        if self.latency_seconds is not None:
            return "latency"
        if self.freshness_seconds is not None:
            return "freshness"
        return "quality" if self.quality else "availability"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What is called bad. All can be set for one model; `features` for one feature.

    Attributes:
        drift_effect: least bias-corrected Jensen-Shannon distance that counts as drift.
        features: the same for single features.
        false_discovery_rate: Benjamini-Hochberg q over all features of a model, version and window.
        min_rows: rows a window needs before anything is said of its distributions.
        min_labels: labels a window needs before anything is said of performance.
        min_slice: rows below which a slice is not exposed (privacy and noise).
        min_blocks: reference windows needed for a verdict.
        quality_ratio: least rise of the share of bad values that counts.
        blind_change: share of a metric's reference value; where labels cannot show a fall by so much, it is blind.
        performance: metric → (lower, upper), None where learned from the reference.
        methods: drift distances exposed.
    """

    drift_effect: float = 0.04
    features: Mapping[str, float] = field(default_factory=dict)
    false_discovery_rate: float = 0.01
    min_rows: int = 50
    min_labels: int = 50
    min_slice: int = 30
    min_blocks: int = 20
    quality_ratio: float = 0.01
    blind_change: float = 0.1
    performance: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    methods: tuple[str, ...] = ("jensen_shannon",)


HostReason = Literal[
    "gpu_errors",
    "out_of_memory",
    "disk_full",
    "disk_errors",
    "memory_short",
    "swapping",
    "cpu_starved",
    "cpu_throttled",
    "gpu_throttled",
    "disk_slow",
    "timeouts",
]
"""What can be wrong with a machine, named as the recorded rules name it; `timeouts` is told by the log."""


@dataclass(frozen=True, slots=True)
class HostTrouble:
    """Something that was wrong with a machine that serves a version, within the window.

    Attributes:
        subject: which part of the machine, for people: `GPU 2`, `/var/lib`; "" where there is one alone.
        since, until: when it began and ended, Unix seconds of the window's clock; None: not known, and goes on.
        host: the machine.
        replicas: those of the version that run on it; empty: all that serves the version does.
    """

    reason: HostReason
    subject: str = ""
    since: float | None = None
    until: float | None = None
    host: str = ""
    replicas: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What the machines that serve a version did during one window. Who fills it says what is trouble; advice ranks it.

    Attributes:
        troubles: what was wrong, the worst first; empty: nothing was, as far as was looked.
        utilisation: mean share in use, over the window, of what is scarcest: CPU (of a container its limit), GPU, or
            memory; of several replicas that of the busiest. NaN where it is not known for most of the window.
        peak: the highest five minutes of the same.
    """

    troubles: tuple[HostTrouble, ...] = ()
    utilisation: float = math.nan
    peak: float = math.nan


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of event time: (start, end] in Unix seconds; `name` as in the configuration."""

    name: str
    seconds: int
    start: int
    end: int


@dataclass(slots=True)
class Evaluation:
    """One window of one version of one model.

    Attributes:
        counts: the window's sum of panes; `counts.layout is reference.layout` where there is a reference.
        decided_at: event time of the evaluation (the window's end before alignment), Unix seconds.
        vocabulary: names of slice slots (by dimension) and of error slots (`error`).
        objectives: service-level objectives of the model.
        older: evaluations of the same window of versions that were first seen before this one, the newest first.
        newest: no version was first seen after this one: it may speak for all.
        predecessors: evaluations of the last windows, as long as this one, of such versions without rows in this one;
            None: they are not kept.
        memo: results that several metrics share, computed once: use `once`.
        memory: what metrics keep for this window's evaluation a cycle later, so that series do not come and go.
        history: counts of the version by pane, as far back as is looked; None: there are none.
        tally: of the window's panes; None: there are none.
        host: what the machines that serve the version did meanwhile; None: nobody looked.
        pane: seconds; what happened within one cannot be told apart.
    """

    model: str
    version: str
    window: Window
    counts: Counts
    reference: Reference | None
    thresholds: Thresholds
    vocabulary: Vocabulary
    decided_at: float = 0.0
    objectives: tuple[Objective, ...] = ()
    older: "tuple[Evaluation, ...]" = ()
    newest: bool = True
    predecessors: "Callable[[], tuple[Evaluation, ...]] | None" = None
    memo: dict[str, Any] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)
    history: History | None = None
    tally: Callable[[], Tally] | None = None
    host: HostFacts | None = None
    pane: int = 300

    @property
    def layout(self) -> Layout:
        return self.counts.layout

    def once(self, key: str, compute: Callable[["Evaluation"], T]) -> T:
        """`compute(self)`, computed the first time only."""
        if key not in self.memo:
            self.memo[key] = compute(self)
        result: T = self.memo[key]
        return result


@dataclass(frozen=True, slots=True)
class Facts:
    """What was learned of one version of one model since the state began.

    Attributes:
        total: counts of every row by processing time: what counters show.
        watermark, last_prediction, last_label: event times in Unix seconds, None before the first.
        first_prediction: event time of the version's first prediction.
        thresholds: of the model; `min_slice` hides slices here too.
        windows: evaluations of the version's windows.
    """

    model: str
    version: str
    total: Counts
    vocabulary: Vocabulary
    reference: Reference | None = None
    objectives: tuple[Objective, ...] = ()
    watermark: float | None = None
    first_prediction: float | None = None
    last_prediction: float | None = None
    last_label: float | None = None
    thresholds: Thresholds = field(default_factory=Thresholds)
    windows: tuple[Evaluation, ...] = ()
