"""What happened, drawn over everything that has a time axis: pages, tickets, new versions, and when changes began."""

from grafana_foundation_sdk.models import dashboard, prometheus

from grafana.source import knobs
from grafana.source.panels import SOURCE

FIRST = "ml_version_first_prediction_timestamp_seconds"


ONSETS = {"drift": "ml_drift", "performance": "ml_performance", "bad values": "ml_feature_quality"}
"""What can begin → the beginning of the name of the metric that tells when."""


def onsets(step: str) -> dashboard.AnnotationQuery:
    """A mark where drift, a loss of performance or bad values of the window began, each version's earliest.

    The value of a series is the time of its mark, in event time: a replay's lie as long ago as its events.
    """
    first = " or ".join(
        f"label_replace(min by (model, version) ({name}_onset_timestamp_seconds{{{knobs.WINDOW_OF}}}),"
        f' "change", "{change}", "", "")'
        for change, name in ONSETS.items()
    )
    return _annotation(
        "Changes began",
        f"({first}) * 1000",
        knobs.FAR,
        title="{{change}} began: {{model}} {{version}}",
        text="The likeliest place of the change that the window shows; its interval stands on Why.",
        step=step,
        at_value=True,
    )


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
    name: str,
    expr: str,
    colour: str,
    *,
    title: str,
    text: str,
    step: str,
    shown: bool = True,
    at_value: bool = False,
) -> dashboard.AnnotationQuery:
    """Marks over time; those not shown at first get a switch above the dashboard.

    With `at_value` a mark stands at the time that its series has for a value, in milliseconds.
    """
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
        use_value_for_time=at_value or None,
        target=prometheus.Dataquery(expr=expr, ref_id="Anno", interval=step, datasource=SOURCE),
    )
