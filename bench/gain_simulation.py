"""What advice promises to gain, beside what is gained where the remedy is applied to rows that were never counted.

`python -m bench.gain_simulation` draws windows of planted worlds, counts and judges them by the program, takes each
remedy by other means (scikit-learn, formulas) from the window's rows, and writes the table of docs/gains.md.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score, log_loss

from bench.ledger_scenarios import CALM, Planted, Rows, counted, evaluation, reference_of, window
from exporter.metrics.advice.gains import gains
from exporter.metrics.evaluation import Thresholds
from exporter.profile.reference import Reference

WORLDS: Mapping[str, Planted] = {
    "calm": CALM,
    "prior: 25 % → 40 %": Planted(prior=0.4),
    "concept: level": Planted(concept="level"),
    "concept: x2": Planted(concept="x2"),
}
SIZES, WINDOWS, FRESH = (500, 2000), 40, 100_000
DOCS = Path(__file__).parent.parent / "docs" / "gains.md"
START, END = "<!-- simulated -->\n", "<!-- /simulated -->"
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


def lines() -> Iterator[str]:
    """The table in Markdown."""
    yield "| world | labels | action | metric | promised | came true | covered | beyond chance |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    reference = reference_of("binary", 30, 2000)
    for name, planted in WORLDS.items():
        for n in SIZES:
            for (action, metric), values in simulate(reference, planted, n):
                promised, lower, upper, came = values.T
                covered, sure = np.mean((lower <= came) & (came <= upper)), np.mean(lower > 0)
                yield (
                    f"| {name} | {n:,} | `{action}` | `{metric}` | {promised.mean():.4f} | {came.mean():.4f}"
                    f" | {covered:.0%} | {sure:.0%} |"
                )


def main() -> None:
    """Draws all and writes the table into docs/gains.md."""
    table = []
    for line in lines():
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        table.append(f"{line}\n")
    page = DOCS.read_text()
    before, rest = page.split(START)
    DOCS.write_text(before + START + "".join(table) + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
