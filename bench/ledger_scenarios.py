"""Rows of a model whose world is known, with shifts planted one by one: what the shift ledger is measured on.

A world draws features, tells the truth of a row from all of them, and has a model that knows the truth badly. A shift
changes what a window draws: where a feature lies (covariate), what is true of features (concept), how often the
positive class comes (prior, with P(x | y) as it was), or what is logged of features and seen by the model (quality).
Its effect on a metric is that of many rows with and without it, all else equal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pyarrow as pa

from exporter.batch import Batch
from exporter.metrics.evaluation import Evaluation, Thresholds, Window
from exporter.profile.columns import Columns
from exporter.profile.count import count_outcomes, count_rows, slice_slots
from exporter.profile.counts import Counts
from exporter.profile.fit import FitSpec, fit
from exporter.profile.layout import ERROR_SLOTS
from exporter.profile.outcomes import row_outcomes
from exporter.profile.reference import Reference
from exporter.profile.rows import Reading, decode_predictions
from exporter.profile.vocabulary import Vocabulary

DAY = 86_400
NUMBERS = tuple(f"x{i}" for i in range(7))
DISTANCE, REGION, PLAN = "distance", "region", "plan"
REGIONS, PLANS = ("north", "south", "east", "west"), ("basic", "plus", "pro")
FEATURES = (*NUMBERS, DISTANCE, REGION, PLAN)
COLUMNS = Columns(time="ts", prediction="prediction", score="score", label="y")
Rows = Mapping[str, np.ndarray]
Task = Literal["binary", "multiclass", "regression"]
CLASSES: Mapping[Task, tuple[str, ...]] = {"binary": ("0", "1"), "multiclass": ("0", "1", "2"), "regression": ()}
CAUSES = ("quality", "prior", "covariate", "concept")


@dataclass(frozen=True)
class Planted:
    """What is different in a window.

    Attributes:
        moved: feature → by how many standard deviations; a category: share that becomes its rarest value.
        concept: name of a change of what is true, see `_slopes` and `added`.
        prior: share of the positive class, of several that of the last one; None as it was.
        broken: feature → share of its values that turn bad, and how.
        scaled: factor of the feature `distance`.
    """

    moved: Mapping[str, float] = field(default_factory=dict)
    concept: str = ""
    prior: float | None = None
    broken: Mapping[str, tuple[float, Literal["missing", "invalid", "unseen"]]] = field(default_factory=dict)
    scaled: float = 1.0

    @property
    def causes(self) -> tuple[str, ...]:
        present = (bool(self.broken) or self.scaled != 1, self.prior is not None, bool(self.moved), bool(self.concept))
        return tuple(cause for cause, here in zip(CAUSES, present, strict=True) if here)

    def without(self, cause: str) -> "Planted":
        """All of it but one cause."""
        gone = {
            "quality": {"broken": {}, "scaled": 1.0},
            "prior": {"prior": None},
            "covariate": {"moved": {}},
            "concept": {"concept": ""},
        }
        return replace(self, **gone[cause])


CALM = Planted()


@dataclass(frozen=True)
class Scenario:
    name: str
    task: Task
    planted: Planted


def _pure() -> dict[str, Planted]:
    return {
        "covariate: x0 + 0.8 σ": Planted(moved={"x0": 0.8}),
        "covariate: x1 + 0.7 σ, x2 - 0.5 σ": Planted(moved={"x1": 0.7, "x2": -0.5}),
        "covariate: region": Planted(moved={REGION: 0.4}),
        "concept: x2": Planted(concept="x2"),
        "concept: region": Planted(concept="region"),
        "concept: level": Planted(concept="level"),
        "quality: x0 missing in 15 %": Planted(broken={"x0": (0.15, "missing")}),
        "quality: x2 invalid in 20 %": Planted(broken={"x2": (0.2, "invalid")}),
        "quality: region unseen in 30 %": Planted(broken={REGION: (0.3, "unseen")}),
        "quality: distance in km": Planted(scaled=1.609344),
    }


def _mixed() -> dict[str, Planted]:
    gone = {"x2": (0.15, "missing")}
    return {
        "covariate and concept": Planted(moved={"x0": 0.6}, concept="region"),
        "covariate and quality": Planted(moved={"x0": 0.6}, broken=gone),
        "concept and quality": Planted(concept="region", broken=gone),
        "covariate, concept and quality": Planted(moved={"x0": 0.6}, concept="region", broken=gone),
    }


def scenarios() -> list[Scenario]:
    """Pure shifts of each kind, then mixtures."""
    tasks: tuple[Task, ...] = ("binary", "multiclass", "regression")
    found = [Scenario(name, task, planted) for task in tasks for name, planted in _pure().items()]
    priors = {"prior: 25 % → 40 %": 0.4, "prior: 25 % → 12 %": 0.12}
    found += [Scenario(name, task, Planted(prior=share)) for task in tasks[:2] for name, share in priors.items()]
    found += [Scenario(name, task, planted) for task in tasks for name, planted in _mixed().items()]
    mixed = Planted(prior=0.4, broken={"x2": (0.1, "missing")})
    return [*found, Scenario("prior and quality", "binary", mixed)]


def draw(rng: np.random.Generator, n: int, planted: Planted = CALM, weather: float = 0.0) -> dict[str, np.ndarray]:
    """Features as they are; `weather` moves all of them by so many standard deviations."""
    common = rng.normal(size=n)
    rows = {name: 0.4 * common + np.sqrt(1 - 0.16) * rng.normal(size=n) + weather for name in NUMBERS}
    for name, by in planted.moved.items():
        if name in rows:
            rows[name] = rows[name] + by
    rows[DISTANCE] = np.exp(6.2 + 0.7 * (0.3 * common + np.sqrt(0.91) * rng.normal(size=n)))
    rows[REGION] = rng.choice(4, n, p=(0.4, 0.3, 0.2, 0.1))
    rows[PLAN] = rng.choice(3, n, p=(0.6, 0.3, 0.1))
    if REGION in planted.moved:
        rows[REGION] = np.where(rng.random(n) < planted.moved[REGION], 3, rows[REGION])
    return rows


def _slopes(concept: str) -> tuple[float, np.ndarray, float]:
    """Slope of x2, effects of regions, level: what changes of concept change."""
    return (
        0.9 if concept == "x2" else -0.7,
        np.array([0.0, 0.3, -0.2, 0.8]) + (np.array([0.0, 1.6, 0.0, 0.0]) if concept == "region" else 0.0),
        1.0 if concept == "level" else 0.0,
    )


def added(rows: Rows, concept: str) -> np.ndarray | float:
    """What a concept named `more <feature>` adds to the signal: the feature alone counts for more than it did."""
    _, _, name = concept.partition("more ")
    if not name:
        return 0.0
    if name in NUMBERS:
        return 0.6 * rows[name]
    if name == DISTANCE:
        return 0.6 * (np.log(rows[DISTANCE]) - 6.2) / 0.7
    return np.where(rows[name] == 1, 1.2, 0.0)


def signal(rows: Rows, concept: str = "") -> np.ndarray:
    """What is true of rows: log-odds, or the mean's signal."""
    slope, region, level = _slopes(concept)
    hinge, both = np.maximum(rows["x1"], 0.0), rows["x3"] * rows["x4"]
    plans = np.array([0.0, 0.2, -0.4])[rows[PLAN]]
    far = 0.8 * (rows[DISTANCE] - 600.0) / 500.0
    return (
        1.1 * rows["x0"] + 0.9 * hinge + slope * rows["x2"] + 0.4 * both + region[rows[REGION]] + plans + far
        + 0.3 * rows["x5"] + level + added(rows, concept)
    )  # fmt: skip


def believed(rows: Rows) -> np.ndarray:
    """What the model takes the signal to be: no hinge, half an interaction, and a filler for what it cannot read."""
    x = {name: np.where(np.isfinite(rows[name]), rows[name], _FILLER) for name in NUMBERS}
    region = np.array([0.0, 0.3, -0.2, 0.8, _FILLER])[rows[REGION]]
    plans = np.array([0.0, 0.2, -0.4, 0.0])[rows[PLAN]]
    return (
        1.0 * x["x0"] + 0.45 * x["x1"] + 0.3 - 0.65 * x["x2"] + 0.2 * x["x3"] * x["x4"] + region + plans
        + 0.8 * (rows[DISTANCE] - 600.0) / 500.0 + 0.3 * x["x5"]
    )  # fmt: skip


_FILLER = 2.0
_LEVEL = -2.2
"""Log-odds at a signal of 0: the positive class comes in about one of five."""


def spread(rows: Rows) -> np.ndarray:
    """Regression: standard deviation of the noise."""
    return 0.8 + 0.5 * np.exp(0.4 * rows["x1"] + 0.3 * rows["x0"]) + (rows[REGION] == 3)


def outcomes(rng: np.random.Generator, task: Task, rows: Rows, concept: str) -> np.ndarray:
    if task == "regression":
        return 10 + 2 * signal(rows, concept) + spread(rows) * rng.normal(size=len(rows["x0"]))
    if task == "multiclass":
        below = np.cumsum(chances(rows, concept), axis=1)[:, :-1]
        return (rng.random((len(below), 1)) > below).sum(axis=1)
    return (rng.random(len(rows["x0"])) < _odds(signal(rows, concept) + _LEVEL)).astype(np.int64)


def chances(rows: Rows, concept: str) -> np.ndarray:
    """(n, 3) of several classes, how often each comes true."""
    return _shares(signal(rows, concept), rows["x5"])


def _shares(signal_: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(n, 3) shares of classes: the signal speaks for class 1 and against class 2, for which another feature speaks."""
    logits = np.stack((np.zeros(len(other)), signal_ - 1.2, 0.9 * other - 0.5 * signal_ - 0.6), axis=1)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: np.ndarray = odds / odds.sum(axis=1, keepdims=True)
    return shares


def _odds(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))


def logged(rng: np.random.Generator, rows: Rows, planted: Planted) -> dict[str, np.ndarray]:
    """Features as the model sees them: NaN missing, an infinity invalid, a code beyond the last an unseen category."""
    seen = {name: np.array(values, copy=True) for name, values in rows.items()}
    seen[DISTANCE] = seen[DISTANCE] * planted.scaled
    for name, (share, how) in planted.broken.items():
        hit = rng.random(len(seen[name])) < share
        if how == "unseen":
            seen[name] = np.where(hit, len(REGIONS), seen[name])
        else:
            seen[name] = np.where(hit, np.nan if how == "missing" else np.inf, seen[name])
    return seen


def answers(task: Task, seen: Rows) -> dict[str, np.ndarray]:
    if task == "regression":
        return {"prediction": 10 + 2 * believed(seen)}
    if task == "multiclass":
        shares = _shares(believed(seen), np.where(np.isfinite(seen["x5"]), seen["x5"], _FILLER))
        return {f"p{k}": shares[:, k] for k in range(shares.shape[1])} | {"prediction": shares.argmax(axis=1)}
    score = _odds(believed(seen) + _LEVEL)
    return {"score": score, "prediction": (score > 0.5).astype(np.int64)}


def window(
    rng: np.random.Generator, task: Task, n: int, planted: Planted = CALM, weather: float = 0.0
) -> dict[str, np.ndarray]:
    """Labelled rows as logged."""
    return true_and_logged(rng, task, n, planted, weather)[1]


def hourly(
    rng: np.random.Generator, n: int, hours: int, planted: Planted, spread_: float
) -> list[dict[str, np.ndarray]]:
    """Two classes: labelled rows of hours, n each; in each the truth has log-odds higher by a draw of its own."""
    found = []
    for _ in range(hours):
        rows, seen = true_and_logged(rng, "binary", n, planted)
        chance = _odds(signal(rows, planted.concept) + _LEVEL + spread_ * rng.normal())
        found.append({**seen, "y": (rng.random(n) < chance).astype(np.int64)})
    return found


def true_and_logged(
    rng: np.random.Generator, task: Task, n: int, planted: Planted = CALM, weather: float = 0.0
) -> tuple[Rows, dict[str, np.ndarray]]:
    """Rows as they are, and as logged, with what the model answered and what came true."""
    rows = draw(rng, n, planted, weather)
    y = outcomes(rng, task, rows, planted.concept)
    if planted.prior is not None:
        rows, y = _with_prior(rng, task, planted, y, rows)
    seen = logged(rng, rows, planted)
    return rows, {**seen, **answers(task, seen), "y": y}


def _with_prior(
    rng: np.random.Generator, task: Task, planted: Planted, y: np.ndarray, rows: Rows
) -> tuple[Rows, np.ndarray]:
    """As many rows, drawn anew until all classes are there, with another share of the last one."""
    n, last = len(y), len(CLASSES[task]) - 1
    wanted = rng.random(n) < planted.prior
    parts, labels = [rows], [y]
    while min(((np.concatenate(labels) == last) == k).sum() - (wanted == k).sum() for k in (0, 1)) < 0:
        more = draw(rng, n, planted)
        parts.append(more)
        labels.append(outcomes(rng, task, more, planted.concept))
    pool, known = {name: np.concatenate([part[name] for part in parts]) for name in rows}, np.concatenate(labels)
    order = np.empty(n, dtype=np.int64)
    for k in (0, 1):
        order[wanted == k] = np.flatnonzero((known == last) == k)[: (wanted == k).sum()]
    return {name: values[order] for name, values in pool.items()}, known[order]


def losses(task: Task, rows: Rows) -> dict[str, float]:
    """Metric → value, as exposed."""
    if task == "regression":
        e = rows["prediction"] - rows["y"]
        return {
            "mean_absolute_error": float(np.abs(e).mean()),
            "root_mean_squared_error": float(np.sqrt((e * e).mean())),
            "mean_error": float(e.mean()),
        }
    true = np.clip(given_to_truth(task, rows), 1e-12, 1)
    return {"accuracy": float((rows["prediction"] == rows["y"]).mean()), "log_loss": float(-np.log(true).mean())}


def given_to_truth(task: Task, rows: Rows) -> np.ndarray:
    """(n,) the share that the model gave to what came true."""
    if task == "binary":
        return np.where(rows["y"] == 1, rows["score"], 1 - rows["score"])
    shares: np.ndarray = np.stack([rows[f"p{k}"] for k in range(3)], axis=1)[np.arange(len(rows["y"])), rows["y"]]
    return shares


def columns_of(task: Task) -> Columns:
    scores = {name: f"p{name}" for name in CLASSES[task]} if task == "multiclass" else {}
    return COLUMNS if task == "binary" else replace(COLUMNS, score=None, scores=scores)


def effects(task: Task, planted: Planted, n: int = 400_000, seed: int = 7) -> dict[str, dict[str, float]]:
    """Cause → metric → what it does on top of those told apart after it.

    That is the ledger's convention: quality on rows as the window has them, concept on its features, too.
    """
    now, found = losses(task, window(np.random.default_rng(seed), task, n, planted)), {}
    for cause in ("quality", "concept", "covariate", "prior"):
        if cause in planted.causes:
            planted = planted.without(cause)
            then = losses(task, window(np.random.default_rng(seed), task, n, planted))
            found[cause] = {name: now[name] - then[name] for name in now}
            now = then
    return found


def table(rows: Rows, start: float = 0.0, seconds: float = DAY) -> pa.Table:
    """Rows as a log holds them, spread over a stretch of time."""
    n = len(rows["y"])
    names = {REGION: np.array([*REGIONS, "nowhere"]), PLAN: np.array([*PLANS, "none"])}
    columns = {name: names[name][rows[name]] if name in names else rows[name] for name in FEATURES}
    columns |= {name: rows[name] for name in ("score", "p0", "p1", "p2", "prediction", "y") if name in rows}
    return pa.table({"ts": start + (np.arange(n) + 0.5) * (seconds / n), **columns})


def reference_of(
    task: Task, days: int = 30, rows: int = 2000, *, weather: float = 0.05, seed: int = 1, planted: Planted = CALM
) -> Reference:
    """A fitted reference of so many days, each with a weather of its own; what is `planted` is as usual."""
    rng = np.random.default_rng(seed)
    parts = [window(rng, task, rows, planted, float(weather * rng.normal())) for _ in range(days)]
    whole = pa.concat_tables([table(part, start=day * DAY) for day, part in enumerate(parts)])
    spec = FitSpec(
        model="m", task=task, columns=columns_of(task), include=FEATURES, classes=CLASSES[task], block_seconds=DAY
    )
    return fit(
        lambda: [Batch(part, "bench", 1) for part in whole.to_batches(max_chunksize=50_000)], spec, 0.0
    ).reference


def counted(reference: Reference, rows: Rows) -> Counts:
    """What the program counts of rows."""
    layout = reference.layout
    words, total = Vocabulary({"error": ERROR_SLOTS}), Counts.zero(layout)
    for part in table(rows).to_batches(max_chunksize=50_000):
        decoded, refused = decode_predictions(Batch(part, "bench", 1), Reading(columns_of(layout.task), layout))
        assert not refused.tally
        slots = slice_slots(decoded, layout, words)
        known = row_outcomes(decoded, slots)
        assert known is not None
        for groups in (count_rows(decoded, slots, layout, words, DAY), count_outcomes(known, layout, DAY)):
            for group in groups:
                for each in group.values():
                    total.add(each)
    return total


def evaluation(reference: Reference, counts: Counts, thresholds: Thresholds | None = None) -> Evaluation:
    window = Window("24h", DAY, 0, DAY)
    return Evaluation("m", "1", window, counts, reference, thresholds or Thresholds(), Vocabulary({}))
