"""What happened, drawn over everything that has a time axis: pages, tickets, new versions."""

from grafana_foundation_sdk.models import dashboard, prometheus

from grafana.source import knobs
from grafana.source.panels import SOURCE

FIRST = "ml_version_first_prediction_timestamp_seconds"


def annotations(selector: str, step: str) -> list[dashboard.AnnotationQuery]:
    """Alerts while they fire, and versions when their series begin.

    A version's first prediction is told in event time, which a replay has long behind it: the mark is set when the
    series appears, which is right on either clock.
    """
    firing = "max by (alertname, model) (ALERTS{" + selector + ',alertstate="firing",severity="%s"})'
    new = (
        f"max by (model, version) ({FIRST}{{{selector}}} unless max_over_time({FIRST}{{{selector}}}[1d] offset {step}))"
    )
    return [
        _annotation("Pages", firing % "critical", knobs.BAD, title="{{alertname}}", text="{{model}}", step=step),
        _annotation(
            "Tickets",
            firing % "warning",
            knobs.WARNING,
            title="{{alertname}}",
            text="{{model}}",
            step=step,
            shown=False,
        ),
        _annotation(
            "New versions",
            new,
            knobs.NOW,
            title="{{model}}: first prediction of {{version}}",
            text="Compare it with the version before: performance, scores, latency.",
            step=step,
        ),
    ]


def _annotation(
    name: str, expr: str, colour: str, *, title: str, text: str, step: str, shown: bool = True
) -> dashboard.AnnotationQuery:
    """Marks over time; those not shown at first get a switch above the dashboard."""
    return dashboard.AnnotationQuery(
        name=name,
        datasource=SOURCE,
        enable=shown,
        hide=shown,
        icon_color=colour,
        expr=expr,
        title_format=title,
        text_format=text,
        tag_keys="model",
        step=step,
        target=prometheus.Dataquery(expr=expr, ref_id="Anno", interval=step, datasource=SOURCE),
    )
