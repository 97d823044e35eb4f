"""What advice promises to gain, beside what is gained where the remedy is applied to rows that were never counted.

`python -m bench.gain_simulation` draws windows of planted worlds, counts and judges them by the program, takes each
remedy by other means (scikit-learn, formulas) from the window's rows, and writes the table of docs/gains.md.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score, log_loss

from bench.ledger_scenarios import (
    CALM,
    DAY,
    Planted,
    Rows,
    Task,
    counted,
    effects,
    evaluation,
    hourly,
    reference_of,
    window,
)
from exporter.metrics.advice.gains import gains
from exporter.metrics.evaluation import Evaluation, Thresholds
from exporter.metrics.history import Past
from exporter.profile.counts import total
from exporter.profile.reference import Reference

WORLDS: Mapping[str, Planted] = {
    "calm": CALM,
    "prior: 25 % → 40 %": Planted(prior=0.4),
    "concept: level": Planted(concept="level"),
    "concept: x2": Planted(concept="x2"),
}
SEVERAL: Mapping[str, Planted] = {
    "calm": CALM,
    "prior of the last class: 0.5": Planted(prior=0.5),
    "concept: level": Planted(concept="level"),
    "concept: x2": Planted(concept="x2"),
}
BROKEN: Mapping[str, Planted] = {
    "x0 missing in 15 %": Planted(broken={"x0": (0.15, "missing")}),
    "x0 missing in 15 %, x2 invalid in 20 %": Planted(broken={"x0": (0.15, "missing"), "x2": (0.2, "invalid")}),
    "distance in km": Planted(scaled=1.609344),
}
SIZES, WINDOWS, FRESH = (500, 2000), 40, 100_000
HOURS, WEATHER = 24, 0.4
DOCS = Path(__file__).parent.parent / "docs" / "gains.md"
TABLES = ("simulated", "several", "hours", "repairs")
"""Names of the places in the page."""
ALWAYS = Thresholds(performance={"log_loss": (None, 0.0)})
"""Every window is called degraded, so that gains are asked for."""
Key = tuple[str, str]


def realized(rows: Rows, fresh: Rows, before: float, cuts: Mapping[str, float]) -> dict[Key, float]:
    """(action, metric) → gain on `fresh` rows by what is learned from `rows`; `cuts`: thresholds told by metric."""
    truth, said, now = fresh["y"], fresh["score"], float(rows["y"].mean())
    fitted = IsotonicRegression(out_of_bounds="clip").fit(rows["score"], rows["y"])
    own = fitted.predict(rows["score"])
    low, high = (0.5 / ((own == end).sum() + 1) for end in (own.min(), own.max()))
    odds = said / (1 - said) * (now / before) * ((1 - before) / (1 - now))
    anew = {"recalibrate": np.clip(fitted.predict(said), low, 1 - high), "correct_prior": odds / (1 + odds)}
    found = {}
    for action, scores in anew.items():
        found[action, "log_loss"] = log_loss(truth, said) - log_loss(truth, scores)
        found[action, "brier_score"] = brier_score_loss(truth, said) - brier_score_loss(truth, scores)
    for metric, score in (("accuracy", accuracy_score), ("f1", f1_score)):
        found["adjust_threshold", metric] = score(truth, said > cuts[metric]) - score(truth, said > 0.5)
    right = accuracy_score(truth, anew["correct_prior"] > 0.5)
    return found | {("correct_prior", "accuracy"): right - accuracy_score(truth, said > 0.5)}


def simulate(reference: Reference, planted: Planted, n: int) -> Iterator[tuple[Key, np.ndarray]]:
    """(action, metric) → (WINDOWS, 4): promised gain, its bounds, and the gain that came true."""
    outcomes = reference.total["outcomes"][:, :2].sum(axis=0)
    fresh = window(np.random.default_rng(99), "binary", FRESH, planted)
    found: dict[Key, list[tuple[float, ...]]] = {}
    for seed in range(WINDOWS):
        rows = window(np.random.default_rng((n, seed)), "binary", n, planted)
        told = gains(evaluation(reference, counted(reference, rows), ALWAYS))
        cuts = {each.metric: each.threshold for each in told if each.action == "adjust_threshold"}
        came = realized(rows, fresh, float(outcomes[1] / outcomes.sum()), cuts)
        for each in told:
            key, gain = (each.action, each.metric), each.gain
            if key in came:
                found.setdefault(key, []).append((gain.value, gain.lower, gain.upper, came[key]))
    yield from ((key, np.array(values)) for key, values in found.items())


def realized_of_several(rows: Rows, fresh: Rows, before: np.ndarray) -> dict[Key, float]:
    """The same of several classes: isotonic regression of each class, divided by their sum; shares of the classes."""
    truth, classes = fresh["y"], range(len(before))
    mine, said = (np.stack([each[f"p{k}"] for k in classes], axis=1) for each in (rows, fresh))
    now = np.array([(rows["y"] == k).mean() for k in classes])
    fitted = np.empty_like(said)
    for k in classes:
        isotonic = IsotonicRegression(out_of_bounds="clip").fit(mine[:, k], rows["y"] == k)
        own = isotonic.predict(mine[:, k])
        low, high = (0.5 / ((own == end).sum() + 1) for end in (own.min(), own.max()))
        fitted[:, k] = np.clip(isotonic.predict(said[:, k]), low, 1 - high)
    fitted /= fitted.sum(axis=1, keepdims=True)
    corrected = said * now / before
    corrected /= corrected.sum(axis=1, keepdims=True)
    hot = np.eye(len(before))[truth]

    def brier(scores: np.ndarray) -> float:
        return float(((scores - hot) ** 2).sum(axis=1).mean())

    return {
        ("recalibrate", "log_loss"): log_loss(truth, said) - log_loss(truth, fitted),
        ("recalibrate", "brier_score"): brier(said) - brier(fitted),
        ("correct_prior", "log_loss"): log_loss(truth, said) - log_loss(truth, corrected),
    }


def of_several(reference: Reference, planted: Planted, n: int) -> Iterator[tuple[Key, np.ndarray]]:
    """`simulate` for several classes."""
    before = reference.total["outcomes"][:, :-1].sum(axis=0)
    fresh = window(np.random.default_rng(99), "multiclass", FRESH, planted)
    found: dict[Key, list[tuple[float, ...]]] = {}
    for seed in range(WINDOWS // 2):
        rows = window(np.random.default_rng((n, seed)), "multiclass", n, planted)
        came = realized_of_several(rows, fresh, before / before.sum())
        for each in gains(evaluation(reference, counted(reference, rows), ALWAYS)):
            if (key := (each.action, each.metric)) in came:
                found.setdefault(key, []).append((each.gain.value, each.gain.lower, each.gain.upper, came[key]))
    yield from ((key, np.array(values)) for key, values in found.items())


def with_past(reference: Reference, hours: list[Rows]) -> Evaluation:
    """A day of hours, which are kept as panes."""
    panes = [counted(reference, rows) for rows in hours]
    matrix, starts = np.array([each.all for each in panes]), np.arange(len(panes)) * (DAY // len(panes))
    widths = np.full(len(panes), DAY // len(panes))
    asked = evaluation(reference, total(reference.layout, panes), ALWAYS)
    return replace(asked, history=lambda places: Past(starts, widths, matrix[:, places]))


def of_hours(reference: Reference, planted: Planted, n: int) -> Iterator[tuple[Key, np.ndarray]]:
    """(action, metric) → (windows, 3): whether the intervals by time and by row hold what comes true, and how wide."""
    outcomes = reference.total["outcomes"][:, :2].sum(axis=0)
    many = hourly(np.random.default_rng(99), 50, FRESH // 50, planted, WEATHER)
    fresh = {name: np.concatenate([rows[name] for rows in many]) for name in many[0]}
    found: dict[Key, list[tuple[float, ...]]] = {}
    for seed in range(WINDOWS // 2):
        hours = hourly(np.random.default_rng((n, seed)), n // HOURS, HOURS, planted, WEATHER)
        rows = {name: np.concatenate([each[name] for each in hours]) for name in hours[0]}
        asked = with_past(reference, hours)
        timed, drawn = gains(asked), gains(replace(asked, history=None, memo={}, memory={}))
        for one, other in zip(timed, drawn, strict=True):
            cuts = {each.metric: each.threshold for each in (one, other) if each.action == "adjust_threshold"}
            cuts = {"accuracy": 0.5, "f1": 0.5} | cuts
            came = realized(rows, fresh, float(outcomes[1] / outcomes.sum()), cuts)
            key = (one.action, one.metric)
            if key in came:
                held = [each.gain.lower <= came[key] <= each.gain.upper for each in (other, one)]
                width = (one.gain.upper - one.gain.lower) / (other.gain.upper - other.gain.lower)
                found.setdefault(key, []).append((*held, width))
    yield from ((key, np.array(values)) for key, values in found.items())


def lines() -> Iterator[str]:
    """The table of two classes in Markdown."""
    yield from _promises("binary", WORLDS)


def lines_of_several() -> Iterator[str]:
    yield from _promises("multiclass", SEVERAL)


def _promises(task: Task, worlds: Mapping[str, Planted]) -> Iterator[str]:
    yield "| world | labels | action | metric | promised | came true | covered | beyond chance |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    reference, simulated = reference_of(task, 30, 2000), simulate if task == "binary" else of_several
    for name, planted in worlds.items():
        for n in SIZES:
            for (action, metric), values in simulated(reference, planted, n):
                promised, lower, upper, came = values.T
                # Of several classes at least so much is promised: more may come true.
                held = (lower <= came) & ((came <= upper) | (task == "multiclass"))
                yield (
                    f"| {name} | {n:,} | `{action}` | `{metric}` | {promised.mean():.4f} | {came.mean():.4f}"
                    f" | {held.mean():.0%} | {np.mean(lower > 0):.0%} |"
                )


def lines_of_hours() -> Iterator[str]:
    yield "| world | labels | action | metric | covered by rows | covered by time | times as wide |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    reference = reference_of("binary", 30, 2000)
    for name in ("calm", "concept: level"):
        for (action, metric), values in of_hours(reference, WORLDS[name], SIZES[-1]):
            rows, timed, width = values.mean(axis=0)
            yield f"| {name} | {SIZES[-1]:,} | `{action}` | `{metric}` | {rows:.0%} | {timed:.0%} | {width:.1f} |"


def lines_of_repairs() -> Iterator[str]:
    """What is promised of all features together, as the effect is planted."""
    yield "| task | broken | metric | promised | came true | covered |"
    yield "| --- | --- | --- | --- | --- | --- |"
    tasks: tuple[Task, ...] = ("binary", "multiclass", "regression")
    always = replace(ALWAYS, performance={"log_loss": (None, 0.0), "mean_absolute_error": (None, 0.0)})
    for task in tasks:
        reference = reference_of(task, 30, 2000)
        for name, planted in BROKEN.items():
            true = {metric: abs(value) for metric, value in effects(task, planted)["quality"].items()}
            found: dict[str, list[tuple[float, float]]] = {}
            for seed in range(WINDOWS // 4):
                rows = window(np.random.default_rng((5, seed)), task, SIZES[-1], planted)
                told: dict[str, list[float]] = {}
                for each in gains(evaluation(reference, counted(reference, rows), always)):
                    if each.action == "fix_data_pipeline":
                        sums = told.setdefault(each.metric, [0.0, 0.0])
                        sums[0] += each.gain.value
                        sums[1] += (each.gain.upper - each.gain.lower) ** 2 / 4
                for metric, (value, square) in told.items():
                    found.setdefault(metric, []).append((value, float(np.sqrt(square))))
            for metric, values in found.items():
                promised, half = np.array(values).T
                held = np.mean(np.abs(promised - true[metric]) <= half)
                yield f"| {task} | {name} | `{metric}` | {promised.mean():.4f} | {true[metric]:.4f} | {held:.0%} |"


def main() -> None:
    """Draws all, or the tables that are named, and writes them into docs/gains.md."""
    made = dict(zip(TABLES, (lines, lines_of_several, lines_of_hours, lines_of_repairs), strict=True))
    for name in sys.argv[1:] or TABLES:
        table = []
        for line in made[name]():
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
            table.append(f"{line}\n")
        page = DOCS.read_text()
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, rest = page.split(start)
        DOCS.write_text(before + start + "".join(table) + end + rest.split(end)[1])


if __name__ == "__main__":
    main()
