"""Variables and links that the dashboards share, under the same names, so that a choice travels with a click."""

from grafana_foundation_sdk.models import dashboard

from grafana.source import knobs
from grafana.source.layout import Timing, link, variable

FLEET, MODEL, DRIFT, WHY = "ml-fleet", "ml-model", "ml-drift-quality", "ml-why"
SERVING, INFRASTRUCTURE = "ml-serving", "ml-infrastructure"

ANY = ".*"
"""*All* as a regular expression, where values that come or go within the time range belong to it."""


def model(*, many: bool) -> dashboard.VariableModel:
    return variable(
        "model",
        "Model",
        'label_values(ml_model_info{owner=~"$owner"}, model)' if many else "label_values(ml_model_info, model)",
        "Models of the exporter's configuration.",
        multi=many,
        everything="" if many else None,
    )


def served_model() -> dashboard.VariableModel:
    return variable(
        "model",
        "Model",
        "label_values(ml:served_model_info, model)",
        "Models of the exporter's configuration, and those that only a serving stack tells of.",
    )


def model_of_machine() -> dashboard.VariableModel:
    return variable(
        "model",
        "Model",
        "label_values(ml:served_model_info, model)",
        "Machines and processes that serve these models; all, to see those that serve none, too.",
        multi=True,
        everything=ANY,
    )


def host() -> dashboard.VariableModel:
    told = " or ".join(
        f"ml:{name}"
        for name in ("host_info", "host_cpu_utilization:ratio", "gpu_utilization:ratio", "process_memory:bytes")
    )
    # The second part is there where *All* models are chosen: an expression that matches what has no model.
    every = 'and on (every) label_replace(vector(1), "every", "1", "", "")'
    return variable(
        "host",
        "Machine",
        f"query_result(group by (host) (ml:model_host{{{knobs.MODEL}}})"
        f' or group by (host) (label_replace({told}, "every", "1", "", "$model") {every}))',
        "Machines that serve the chosen models, by their part of `instance`.",
        regex='/host="([^"]+)"/',
        multi=True,
        everything="",
    )


def owner() -> dashboard.VariableModel:
    return variable(
        "owner",
        "Owner",
        "label_values(ml_model_info, owner)",
        "Who is responsible, as configured.",
        multi=True,
        everything=ANY,
    )


def version() -> dashboard.VariableModel:
    return variable(
        "version",
        "Version",
        f"label_values(ml_window_predictions{{{knobs.MODEL}}}, version)",
        "Versions with traffic. What can be added up is, over the chosen ones; distances and metrics are shown for"
        " each.",
        multi=True,
        everything=ANY,
    )


def window(timing: Timing) -> dashboard.VariableModel:
    return variable(
        "window",
        "Window",
        # The longer, the more predictions: their order is the windows'.
        f"query_result(sort(max by (window) (ml_window_predictions{{{knobs.MODEL}}})))",
        "Stretch of event time that verdicts, drift and performance speak of. Short sees sooner, long sees smaller"
        " changes.",
        regex='/window="([^"]+)"/',
        sort=dashboard.VariableSort.DISABLED,
        current=timing.window,
    )


def metric() -> dashboard.VariableModel:
    return variable(
        "metric",
        "Metric",
        # Where labels are late, nothing but estimates may be there.
        f"query_result(max by (metric) (ml_performance{{{knobs.MODEL}}} or ml_performance_estimated{{{knobs.MODEL}}}))",
        "Performance metrics shown over time.",
        regex='/metric="([^"]+)"/',
        multi=True,
        everything="",
        current=knobs.FIRST_METRICS,
    )


def slice_metric() -> dashboard.VariableModel:
    name = "ml_slice_performance"
    return variable(
        "slice_metric",
        "Slice metric",
        f'query_result(sort_desc(max by (metric) ({name}{{{knobs.MODEL},metric=~"{knobs.HEADLINE}"}}) * 0 + 1'
        f" or max by (metric) ({name}{{{knobs.MODEL}}}) * 0))",
        "The metric by which slices are compared.",
        regex='/metric="([^"]+)"/',
        sort=dashboard.VariableSort.DISABLED,
    )


def change_metric() -> dashboard.VariableModel:
    name = "ml_performance_change"
    return variable(
        "change_metric",
        "Metric",
        f'query_result(sort_desc(max by (metric) ({name}{{{knobs.MODEL},metric=~"{knobs.HEADLINE}"}}) * 0 + 1'
        f" or max by (metric) ({name}{{{knobs.MODEL}}}) * 0))",
        "The metric whose change is told apart by cause.",
        regex='/metric="([^"]+)"/',
        sort=dashboard.VariableSort.DISABLED,
    )


def dimension() -> dashboard.VariableModel:
    return variable(
        "dimension",
        "Slice by",
        f"label_values(ml_window_slice_predictions{{{knobs.MODEL}}}, dimension)",
        "Configured slice dimensions.",
        multi=True,
        everything=ANY,
    )


def feature() -> dashboard.VariableModel:
    return variable(
        "feature",
        "Features",
        f"label_values(ml_feature_missing_ratio{{{knobs.MODEL}}}, feature)",
        "Features in the maps, tables and charts.",
        multi=True,
        everything=ANY,
    )


def focus() -> dashboard.VariableModel:
    ratio = (
        f"ml_feature_drift_effect{{{knobs.WINDOW_OF}}} / ignoring (window) group_left ()"
        f" ml_feature_drift_threshold{{{knobs.VERSION}}}"
    )
    return variable(
        "focus",
        "Look closer at",
        # What is detected comes before what only looks far.
        f"query_result(sort_desc(max by (feature) ({ratio} + 1000 * ml_feature_drift_detected{{{knobs.WINDOW_OF}}}"
        f" or {ratio})"
        f" or max by (feature) (ml_feature_missing_ratio{{{knobs.WINDOW_OF}}}) * 0 - 1))",
        "Features looked at one by one, most drifted first.",
        regex='/feature="([^"]+)"/',
        sort=dashboard.VariableSort.DISABLED,
        multi=True,
    )


def to_fleet() -> dashboard.DashboardLink:
    return link("Fleet", FLEET, "All models, worst first.")


def to_model() -> dashboard.DashboardLink:
    return link("Model", MODEL, "Performance, labels, scores, traffic and slices of the chosen model.")


def to_drift() -> dashboard.DashboardLink:
    return link("Drift", DRIFT, "Features of the chosen model, now and in the reference.")


def to_why() -> dashboard.DashboardLink:
    return link("Why", WHY, "What to do, which cause, which feature, which slice, since when.")


def to_serving() -> dashboard.DashboardLink:
    return link("Serving", SERVING, "Objectives, latency, errors, load, slices and batch runs of the chosen model.")


def to_infrastructure() -> dashboard.DashboardLink:
    return link(
        "Infrastructure", INFRASTRUCTURE, "Machines, processes and GPUs under the chosen model, and their cost."
    )


def drill(uid: str, *, model_field: str = "Model", version_field: str = "") -> str:
    """A link of a table's row to a dashboard, for the row's model and version and this dashboard's window and time."""
    version_of = f"&var-version=${{__data.fields[{version_field}]}}" if version_field else ""
    return (
        f"/d/{uid}?var-datasource=${{datasource}}&var-model=${{__data.fields[{model_field}]}}{version_of}"
        "&var-window=${window}&${__url_time_range}"
    )


def onward(uid: str, *names: str) -> str:
    """A link to a dashboard with this one's variables of these names, and its time."""
    kept = "&".join(f"${{{name}:queryparam}}" for name in ("datasource", *names))
    return f"/d/{uid}?{kept}&${{__url_time_range}}"


def to_machine(field: str = "Machine") -> str:
    """A link of a table's row to the machine that it names."""
    return (
        f"/d/{INFRASTRUCTURE}?var-datasource=${{datasource}}&var-host=${{__data.fields[{field}]}}&${{__url_time_range}}"
    )


def to_model_named(uid: str, field: str = "Model") -> str:
    """A link of a table's row to the model that it names, where this dashboard has no window."""
    return f"/d/{uid}?var-datasource=${{datasource}}&var-model=${{__data.fields[{field}]}}&${{__url_time_range}}"
