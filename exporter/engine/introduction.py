"""What the configuration says of a model, as gauges that rules join."""

from exporter.engine.plan import ModelPlan
from exporter.health import Health


def introduce(plan: ModelPlan, reference: str, health: Health) -> None:
    """Health tells who owns the model, what it promises, and how long its labels may take; `reference`: its bins id."""
    health.set("ml_model_info", (plan.name, plan.owner, plan.task, plan.tier, reference), 1.0)
    for objective in plan.objectives:
        health.set("ml_slo_info", (plan.name, objective.name, objective.kind), 1.0)
        health.set("ml_slo_objective_ratio", (plan.name, objective.name), objective.objective)
    for replica, host in plan.replicas.items():
        health.set("ml_replica_info", (plan.name, replica, host), 1.0)
    if plan.labels is not None and plan.labels.stream is not None:
        health.set("ml_label_wait_seconds", (plan.name,), float(plan.labels.wait))
