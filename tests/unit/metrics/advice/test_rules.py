"""One action, the first whose rule applies, with its reason and what it is about."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.metrics.advice.evidence import Evidence, Problem
from exporter.metrics.advice.rules import ACTIONS, RULES, TROUBLES, Advice, advise
from exporter.metrics.performance.registry import BY_TASK
from exporter.metrics.performance.results import Result
from exporter.metrics.replicas.suspects import DAMAGING, Suspect
from exporter.metrics.slices.worst import WorstSlice

METRICS = {metric.name: metric for metric in BY_TASK["binary"]}
BAD_SLICE = WorstSlice(("carrier", "UA"), 0.3, 0.2, 0.4, 0.5, 0.0)


def bad(name: str) -> Result:
    return Result(METRICS[name], 0.5, 0.45, 0.55, 0.8, (0.75, np.nan), True)


DEGRADED = Evidence(degraded=(bad("accuracy"),), measured=True)

CASES = [
    (Evidence(), None),
    (Evidence(measured=True), Advice("none", "well", "")),
    (Evidence(measured=True, drifted=("x",)), Advice("none", "drift_without_harm", "x")),
    (Evidence(drifted=("x",)), Advice("wait_for_labels", "drift", "x")),
    (Evidence(drifted=("x",), expected=(bad("accuracy"),)), Advice("retrain", "estimated", "x")),
    (Evidence(measured=True, expected=(bad("accuracy"),)), Advice("none", "well", "")),
    (Evidence(late=True, measured=True), Advice("wait_for_labels", "labels_late", "")),
    (Evidence(measured=True, worst=(BAD_SLICE,)), Advice("review_slice", "slice", "carrier=UA")),
    (
        Evidence(problems=(Problem("x", "missing"), Problem("y", "missing"))),
        Advice("fix_data_pipeline", "missing", "x"),
    ),
    (
        Evidence(problems=(Problem("x", "out_of_range"), Problem("y", "unit_change"))),
        Advice("fix_data_pipeline", "unit_change", "y"),
    ),
    (replace(DEGRADED, problems=(Problem("x", "unseen"),)), Advice("fix_data_pipeline", "unseen", "x")),
    *(
        (
            replace(DEGRADED, troubles=(Suspect(reason, "GPU 2"), Suspect(reason, "GPU 3")), slow=("latency",)),
            Advice("fix_infrastructure", reason, "GPU 2"),
        )
        for reason in (*TROUBLES, "timeouts")
    ),
    (
        Evidence(troubles=(Suspect("disk_slow", "sda", "h"), Suspect("out_of_memory", host="h", replica="replica-1"))),
        Advice("fix_infrastructure", "out_of_memory", "replica-1"),
    ),
    (
        Evidence(troubles=(Suspect("out_of_memory"),), problems=(Problem("x", "missing"),)),
        Advice("fix_data_pipeline", "missing", "x"),
    ),
    (
        Evidence(troubles=(Suspect("disk_slow", "sda", "10.0.0.5"),)),
        Advice("fix_infrastructure", "disk_slow", "10.0.0.5 sda"),
    ),
    *(
        (Evidence(damages=(Suspect(reason, "GPU 2"),), measured=True), Advice("fix_infrastructure", reason, "GPU 2"))
        for reason in sorted(DAMAGING)
    ),
    (replace(DEGRADED, damages=(Suspect("disk_full"),)), Advice("rebuild", "unexplained", "")),
    (Evidence(idle=True, measured=True, drifted=("x",)), Advice("scale_in", "idle", "")),
    (Evidence(idle=True), Advice("scale_in", "idle", "")),
    (replace(DEGRADED, idle=True), Advice("rebuild", "unexplained", "")),
    (Evidence(over=("x",), measured=True, drifted=("x",)), Advice("none", "over", "x")),
    (Evidence(over=("x", ""), recurring=True), Advice("none", "over", "x")),
    (replace(DEGRADED, over=("x",)), Advice("rebuild", "unexplained", "")),
    (Evidence(recurring=True, measured=True), Advice("none", "recurring", "")),
    (Evidence(recurring=True, late=True), Advice("wait_for_labels", "labels_late", "")),
    (
        replace(DEGRADED, better_before="v1", causes={"concept": 0.2}),
        Advice("roll_back_version", "earlier_version", "v1"),
    ),
    (replace(DEGRADED, better_before="v1", causes={"covariate": 0.2}), Advice("retrain", "covariate", "")),
    (replace(DEGRADED, better_before="v1", better="v0"), Advice("roll_back_version", "version", "v0")),
    (Evidence(measured=True, better_before="v1"), Advice("none", "well", "")),
    (Evidence(failing=("availability",), slow=("latency",)), Advice("fix_serving", "errors", "availability")),
    (Evidence(slow=("latency",), measured=True), Advice("scale_out", "latency", "latency")),
    (replace(DEGRADED, better="v1", drifted=("x",)), Advice("roll_back_version", "version", "v1")),
    (
        Evidence(degraded=(bad("log_loss"), bad("calibration_error")), measured=True, drifted=("x",)),
        Advice("recalibrate", "calibration", ""),
    ),
    (DEGRADED, Advice("rebuild", "unexplained", "")),
    (replace(DEGRADED, drifted=("x",)), Advice("retrain", "drift", "x")),
    (replace(DEGRADED, worst=(BAD_SLICE,)), Advice("review_slice", "slice", "carrier=UA")),
    (
        replace(DEGRADED, worst=(BAD_SLICE,), causes={"concept": 0.18, "covariate": 0.01}),
        Advice("review_slice", "slice", "carrier=UA"),
    ),
    (
        replace(DEGRADED, worst=(BAD_SLICE,), causes={"concept": 0.4}, guilty={"concept": "x"}),
        Advice("rebuild", "concept", "x"),
    ),
    # Half of it, but perhaps by chance.
    (
        replace(DEGRADED, worst=(BAD_SLICE,), causes={"concept": 0.25}, guilty={"concept": "x"}),
        Advice("rebuild", "concept", "x"),
    ),
    (replace(DEGRADED, causes={"prior": 0.2, "concept": -0.3}), Advice("adjust_threshold", "prior", "")),
    (replace(DEGRADED, prevalence=True, correctable=True), Advice("adjust_threshold", "prior", "")),
    (replace(DEGRADED, prevalence=True, causes={"covariate": 0.2}), Advice("none", "prior", "")),
    (replace(DEGRADED, prevalence=True, causes={"concept": 0.2}), Advice("rebuild", "concept", "")),
    (replace(DEGRADED, causes={"covariate": 0.2}, guilty={"covariate": "x"}), Advice("retrain", "covariate", "x")),
    (
        replace(DEGRADED, causes={"quality": 0.2, "covariate": 0.1}, guilty={"quality": "y"}),
        Advice("fix_data_pipeline", "quality", "y"),
    ),
]


@pytest.mark.parametrize(("evidence", "advice"), CASES)
def test_advice(evidence: Evidence, advice: Advice | None) -> None:
    assert advise(evidence) == advice


def test_every_rule_gives_advice_in_some_case() -> None:
    given = {(each.action, each.reason) for evidence, _ in CASES if (each := advise(evidence)) is not None}
    checks = {("fix_data_pipeline", check) for check in ("invalid", "constant", "out_of_range")}
    assert {(rule.action, rule.reason) for rule in RULES} - given == checks


def test_every_action_is_some_rule_s() -> None:
    assert {rule.action for rule in RULES} == set(ACTIONS)
