"""The rules of advice: the first that applies is what is recommended. docs/advice.md is written from this table."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from exporter.metrics.advice.evidence import Evidence
from exporter.metrics.evaluation import HostReason

Action = Literal[
    "fix_data_pipeline",
    "fix_infrastructure",
    "fix_serving",
    "scale_out",
    "scale_in",
    "roll_back_version",
    "adjust_threshold",
    "recalibrate",
    "review_slice",
    "rebuild",
    "retrain",
    "wait_for_labels",
    "none",
]
ACTIONS: dict[Action, str] = {
    "fix_data_pipeline": "Repair what feeds the feature. Predictions made meanwhile are suspect; to retrain on them "
    "would make it worse.",
    "fix_infrastructure": "Mend the machine: what it does to answers looks like errors, slowness or bad predictions of "
    "the model.",
    "fix_serving": "Requests fail: look at the service and what it depends on, not at the model.",
    "scale_out": "Answers are too slow: give the service more replicas or a larger machine, or find what slowed it.",
    "scale_in": "Fewer replicas or a smaller machine would do: look at the peaks of other days first.",
    "roll_back_version": "Serve the older version until the new one is understood.",
    "adjust_threshold": "Positives became more or less frequent: correct scores for the new prior, or choose the "
    "threshold anew.",
    "recalibrate": "Ranking holds, probabilities are off: fit the calibration anew on the window's labels.",
    "review_slice": "Look at the slice: its data, its labels, what changed for it. The rest is well.",
    "rebuild": "The same inputs lead to other outcomes: find what the features do not tell. Until then train on labels "
    "since the onset alone.",
    "retrain": "Inputs moved to where the model learned little: let it learn from rows since the onset, too.",
    "wait_for_labels": "What is to be said needs labels that are not there: see that they come.",
    "none": "Nothing.",
}
"""Action → what it asks for."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table.

    Attributes:
        action: what is recommended.
        reason: why, in a word: value of the label `reason`.
        when: for people.
        applies: evidence → whether.
        subject: evidence → what it is about: a feature, a slice, a version, an objective; "" where it is the model.
    """

    action: Action
    reason: str
    when: str
    applies: Callable[[Evidence], bool]
    subject: Callable[[Evidence], str] = lambda _: ""


@dataclass(frozen=True, slots=True)
class Advice:
    """What is recommended, why, and what it is about."""

    action: Action
    reason: str
    subject: str


def _first_problem(check: str) -> Rule:
    """Bad values of one kind: the data are repaired before anything else is believed."""
    return Rule(
        "fix_data_pipeline",
        check,
        f"the check `{check}` detects bad values of a feature",
        lambda evidence: any(problem.check == check for problem in evidence.problems),
        lambda evidence: next(problem.feature for problem in evidence.problems if problem.check == check),
    )


def _cause(action: Action, cause: str, when: str) -> Rule:
    """Performance is degraded, and the shift ledger says mostly why."""
    return Rule(
        action,
        cause,
        f"performance is degraded, and most of the change is *{cause}*: {when}",
        lambda evidence: bool(evidence.degraded) and evidence.main_cause == cause,
        lambda evidence: evidence.guilty.get(cause, ""),
    )


def _slice(evidence: Evidence) -> str:
    return "=".join(evidence.worst[0].name)


def _trouble(reason: HostReason, what: str) -> Rule:
    """The machine is in trouble that explains harm."""
    return Rule(
        "fix_infrastructure",
        reason,
        what,
        lambda evidence: any(each.reason == reason for each in evidence.troubles),
        lambda evidence: next(each.about for each in evidence.troubles if each.reason == reason),
    )


def _damage(reason: HostReason, what: str) -> Rule:
    """The machine loses or changes answers, though that is not seen of the model."""
    return Rule(
        "fix_infrastructure",
        reason,
        f"{what}; the model does not show it",
        lambda evidence: any(each.reason == reason for each in evidence.damages),
        lambda evidence: next(each.about for each in evidence.damages if each.reason == reason),
    )


_HALF = 0.5


def _slice_explains(evidence: Evidence) -> bool:
    """Whether one slice costs at least half of what the headline metric lost."""
    lost = sum(change for change in evidence.causes.values())
    if not (evidence.degraded and evidence.worst):
        return False
    # Beyond chance: of many bins of a feature whose concept changed, the worst looks worse than it is.
    worst = evidence.worst[0]
    return lost <= 0 or worst.lower * worst.share >= _HALF * lost


_DAMAGES: dict[HostReason, str] = {
    "gpu_errors": "a GPU reported errors or was lost",
    "out_of_memory": "a process was killed for want of memory",
    "disk_full": "a file system was full",
    "disk_errors": "a disk failed requests",
}
TROUBLES: dict[HostReason, str] = {
    **_DAMAGES,
    "memory_short": "memory was short",
    "swapping": "memory came back from swap all the time",
    "cpu_starved": "tasks waited for a processor",
    "cpu_throttled": "the container was held back by its limit of processor time",
    "gpu_throttled": "a GPU was slowed by heat or by its power supply",
    "disk_slow": "tasks waited for a disk that was always busy",
}
"""What a machine may suffer from, in words."""

RULES: tuple[Rule, ...] = (
    _first_problem("unit_change"),
    _first_problem("missing"),
    _first_problem("invalid"),
    _first_problem("unseen"),
    _first_problem("constant"),
    _first_problem("out_of_range"),
    *(
        _trouble(reason, f"{what}, before what is wrong with the model began, and where it is wrong")
        for reason, what in TROUBLES.items()
    ),
    _trouble("timeouts", "most failed requests say by the class of their error that something did not answer in time"),
    Rule(
        "fix_serving",
        "errors",
        "more requests fail than an availability objective allows, beyond chance",
        lambda evidence: bool(evidence.failing),
        lambda evidence: evidence.failing[0],
    ),
    Rule(
        "scale_out",
        "latency",
        "more answers are slow than a latency objective allows, beyond chance",
        lambda evidence: bool(evidence.slow),
        lambda evidence: evidence.slow[0],
    ),
    Rule(
        "roll_back_version",
        "version",
        "performance is degraded, and an older version that serves at the same time does better beyond chance",
        lambda evidence: bool(evidence.better),
        lambda evidence: evidence.better,
    ),
    Rule(
        "recalibrate",
        "calibration",
        "only metrics of scores as probabilities are degraded: log loss, Brier score, calibration error",
        lambda evidence: evidence.only_scale,
    ),
    _cause("fix_data_pipeline", "quality", "rows with bad values are wrong more often"),
    Rule(
        "review_slice",
        "slice",
        "performance is degraded, and one slice costs at least half of it",
        _slice_explains,
        _slice,
    ),
    _cause("adjust_threshold", "prior", "positives are more or less frequent, and look as they did"),
    Rule(
        "roll_back_version",
        "earlier_version",
        "performance is degraded and was from the version's beginning on, and an older version that serves no more did "
        "better in its last window, as its reference promised",
        lambda evidence: bool(evidence.degraded and evidence.better_before) and evidence.main_cause != "covariate",
        lambda evidence: evidence.better_before,
    ),
    _cause("rebuild", "concept", "the same inputs lead to other outcomes"),
    Rule(
        "adjust_threshold",
        "prior",
        "the headline metric is as it was, what is degraded would not be, did the classes come as often as in the "
        "reference, and to correct for that gains beyond chance",
        lambda evidence: bool(evidence.degraded) and evidence.prevalence and evidence.correctable,
    ),
    Rule(
        "none",
        "prior",
        "the same, and there is nothing to be gained: a metric such as precision falls where positives get rarer",
        lambda evidence: bool(evidence.degraded) and evidence.prevalence,
    ),
    _cause("retrain", "covariate", "inputs moved to where the model is worse"),
    Rule(
        "retrain",
        "drift",
        "performance is degraded and features drifted, though the ledger cannot say how much of it they did",
        lambda evidence: bool(evidence.degraded and evidence.drifted),
        lambda evidence: evidence.drifted[0],
    ),
    Rule(
        "rebuild",
        "unexplained",
        "performance is degraded, and nothing that is seen explains it",
        lambda evidence: bool(evidence.degraded),
    ),
    Rule(
        "wait_for_labels",
        "labels_late",
        "labels that should be there are not",
        lambda evidence: evidence.late,
    ),
    Rule(
        "none",
        "over",
        "what was wrong is over, and the window still holds it",
        lambda evidence: bool(evidence.over),
        lambda evidence: evidence.over[0],
    ),
    Rule(
        "none",
        "recurring",
        "performance falls at the same hours as yesterday or last week, and recovers by itself",
        lambda evidence: evidence.recurring,
    ),
    Rule(
        "retrain",
        "estimated",
        "performance is estimated to be degraded, and no measured metric says otherwise",
        lambda evidence: bool(evidence.expected) and not evidence.measured,
        lambda evidence: evidence.drifted[0] if evidence.drifted else "",
    ),
    Rule(
        "review_slice",
        "slice",
        "the model as a whole is well, and a slice does worse than it used to",
        lambda evidence: bool(evidence.worst),
        _slice,
    ),
    Rule(
        "wait_for_labels",
        "drift",
        "features drifted, and too few labels say whether it matters",
        lambda evidence: bool(evidence.drifted) and not evidence.measured,
        lambda evidence: evidence.drifted[0],
    ),
    *(_damage(reason, what) for reason, what in _DAMAGES.items()),
    Rule(
        "scale_in",
        "idle",
        "every latency objective is kept with three quarters of its budget to spare, and in a window of a day or more "
        "less than 30 % of the machines was used, 50 % at most (until 40 % or 65 % are)",
        lambda evidence: evidence.idle,
    ),
    Rule(
        "none",
        "drift_without_harm",
        "features drifted, and measured performance is what it was",
        lambda evidence: bool(evidence.drifted),
        lambda evidence: evidence.drifted[0],
    ),
    Rule("none", "well", "measured performance is what it was", lambda evidence: evidence.measured),
)


def advise(evidence: Evidence) -> Advice | None:
    """The first rule that applies; None where nothing at all is known."""
    for rule in RULES:
        if rule.applies(evidence):
            return Advice(rule.action, rule.reason, rule.subject(evidence))
    return None
