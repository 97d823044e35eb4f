"""How right a model is, when its labels are there, and where it is wrong."""

from grafana.source import knobs
from grafana.source.knobs import WINDOW_OF
from grafana.source.signal import Query, Signal, columns, lines, values

HEADLINE = Signal(
    title="Headline",
    unit="none",
    description="The metric that stands for the task (accuracy; mean absolute error for regression) beside its"
    " threshold, the mean of the chosen versions; where labels are too few, what is estimated without them. All metrics"
    " with their intervals are in the table below.",
    queries=values(
        ("{{metric}}", f'avg by (metric) (ml_performance{{{WINDOW_OF},metric=~"{knobs.HEADLINE}"}})'),
        (
            "{{metric}} estimated",
            (
                f'avg by (metric) (ml_performance_estimated{{{WINDOW_OF},metric=~"{knobs.HEADLINE}"}})'
                f' unless on (metric) avg by (metric) (ml_performance{{{WINDOW_OF},metric=~"{knobs.HEADLINE}"}})'
            ),
        ),
        (
            "threshold",
            (
                f'max by (bound) (ml_performance_threshold{{{WINDOW_OF},metric=~"{knobs.HEADLINE}"}})'
                f' or max by (bound) (ml_performance_estimated_threshold{{{WINDOW_OF},metric=~"{knobs.HEADLINE}"}})'
            ),
        ),
    ),
    decimals=3,
    unknown="unknown: too few labels",
)

ONE = "max by (version, metric)"
"""One value a metric and version, whatever else the scrape labels."""

METRIC = f'{knobs.WINDOW_OF},metric=~"$metric"'

OVER_TIME = Signal(
    title="$metric",
    unit="none",
    description="The metric over the window, with its 95 % interval (band), the reference's value (dotted) and the"
    " threshold (red, dashed): learned from windows of the reference, or configured. Harm is certain where the whole"
    " band is beyond the threshold. A gap: too few labels. Purple, dashed: what inputs and scores alone let"
    " expect, with what 95 % of measured values keep within. Both fall: inputs became harder. Measured falls out of"
    " the purple band: the concept changed, retrain. With bad data: repair. Purple, dotted (accuracy, log loss): what"
    " features say of it beside the score; far from the dashed line, scores do not mean here what they meant.",
    queries=lines(
        ("{{version}}", f"ml_performance{{{METRIC}}}"),
        ("upper", f'ml_performance_bound{{{METRIC},bound="upper"}}'),
        ("lower", f'ml_performance_bound{{{METRIC},bound="lower"}}'),
        ("reference", f"max by (model, metric) (ml_performance_reference{{{METRIC}}})"),
        (
            "threshold ({{bound}})",
            (
                f"max by (model, metric, bound) (ml_performance_threshold{{{METRIC}}})"
                f" or max by (model, metric, bound) (ml_performance_estimated_threshold{{{METRIC}}})"
            ),
        ),
        ("estimated", f"max by (version, metric) (ml_performance_estimated{{{METRIC}}})"),
        ("estimated, upper", f'ml_performance_estimated_bound{{{METRIC},bound="upper"}}'),
        ("estimated, lower", f'ml_performance_estimated_bound{{{METRIC},bound="lower"}}'),
        ("second opinion", f"max by (version, metric) (ml_performance_estimated_second_opinion{{{METRIC}}})"),
    ),
    unknown="Unknown: too few labels in this window, and no estimate. Choose a longer window.",
)

ALL_METRICS = Signal(
    title="All metrics",
    unit="none",
    description="Every metric of the window beside its 95 % interval, the reference's value, and the least and most"
    " allowed; degraded ones first. Sees: the smallest fall that these labels would show in four windows of five;"
    " blind: that is too much. Unknown: too few labels, or no threshold can be learned from so short a"
    " reference. Est. is what inputs and scores alone let expect of all predictions, labelled or not, beside its"
    " verdict.",
    queries=columns(
        ("Value", f"{ONE} (ml_performance{{{WINDOW_OF}}})"),
        (
            "Verdict",
            (
                f"{ONE} (ml_performance_degraded{{{WINDOW_OF}}}) > 0"
                f" or {knobs.VERDICT_BLIND} * ({ONE} (ml_performance_blind{{{WINDOW_OF}}}) > 0)"
                f" or {ONE} (ml_performance_degraded{{{WINDOW_OF}}})"
            ),
        ),
        ("Sees", f"{ONE} (ml_performance_min_detectable_change{{{WINDOW_OF}}})"),
        ("From", f'{ONE} (ml_performance_bound{{{WINDOW_OF},bound="lower"}})'),
        ("To", f'{ONE} (ml_performance_bound{{{WINDOW_OF},bound="upper"}})'),
        ("Ref.", f"{ONE} (ml_performance_reference{{{WINDOW_OF}}})"),
        ("Least", f'{ONE} (ml_performance_threshold{{{WINDOW_OF},bound="lower"}})'),
        ("Most", f'{ONE} (ml_performance_threshold{{{WINDOW_OF},bound="upper"}})'),
        ("Est.", f"{ONE} (ml_performance_estimated{{{WINDOW_OF}}})"),
        ("Est. verdict", f"{ONE} (ml_performance_estimated_degraded{{{WINDOW_OF}}})"),
    ),
    unknown="Unknown: too few labels in this window.",
)

OUTSIDE = Signal(
    title="Where estimates do not hold",
    unit="percentunit",
    description="Share of the window's rows of a kind that the reference hardly knows (ten times as frequent as there),"
    " of the feature with the most: missing, invalid, unseen, or beyond its range. Above a tenth estimated performance"
    " is shown and not judged. Look at data quality; fit the reference again where the new values are right.",
    queries=lines(("{{version}}", f"ml_performance_estimated_outside_ratio{{{WINDOW_OF}}}")),
    unknown="No estimate: too few predictions with scores, or a reference without labels.",
)

COVERAGE = Signal(
    title="Labels: there and expected",
    unit="percentunit",
    description="Share of the window's predictions whose truth is known, beside the share expected at this age from"
    " the reference's delays. Below what is expected: the labels' source is late or loses some, and performance may"
    " be biased.",
    queries=lines(
        ("expected", f"max by (model) (ml_label_coverage_expected_ratio{{{WINDOW_OF}}})"),
        ("there, {{version}}", f"ml_label_coverage_ratio{{{WINDOW_OF}}}"),
    ),
    decimals=0,
    unknown="Unknown: no predictions in this window.",
)

COVERAGE_NOW = Signal(
    title="Labels",
    unit="percentunit",
    description="Share of the window's predictions whose truth is known, beside the share expected at this age.",
    queries=values(
        ("there", f"sum(ml_window_labels{{{WINDOW_OF}}}) / (sum(ml_window_predictions{{{WINDOW_OF}}}) > 0)"),
        ("expected", f"max(ml_label_coverage_expected_ratio{{{WINDOW_OF}}})"),
    ),
    decimals=0,
    unknown="unknown",
)


def delay(quantile: float) -> str:
    return (
        f"histogram_quantile({quantile}, sum by (le)"
        f" (rate(ml_label_delay_seconds_bucket{{{knobs.VERSION}}}[{knobs.RATE}])))"
    )


MATURITY = Signal(
    title="Labels by age of the prediction",
    unit="percentunit",
    description="Of the window's predictions of each age (up to so much, over the one before), the share whose truth is"
    " known, beside the share expected from the reference's delays. Nothing up to some age: labels have stopped for so"
    " long. Less up to some age: they come later. Less at all ages: a part is lost, look whether ids still match.",
    queries=columns(
        ("There", f"avg by (age) (ml_label_maturity_ratio{{{WINDOW_OF}}})"),
        ("Expected", f"avg by (age) (ml_label_maturity_expected_ratio{{{WINDOW_OF}}})"),
    ),
    decimals=0,
    unknown="Unknown: nobody sends labels, or too few predictions.",
)

DELAY = Signal(
    title="Label delay",
    unit="s",
    description="How long after its prediction a label arrives, for labels arriving now. Longer delays: choose a longer"
    " window for performance, and ask whoever makes the labels.",
    queries=lines(("half", delay(0.5)), ("9 of 10", delay(0.9)), ("99 of 100", delay(0.99))),
    decimals=0,
    unknown="No label arrived in this time.",
)

ARRIVING = Signal(
    title="Labels a second",
    unit="cps",
    description="Labels that were joined to their prediction, a second. None while predictions flow: the labels' source"
    " stopped, or the ids no longer match.",
    queries=lines(("{{version}}", f"sum by (version) (rate(ml_labels_total{{{knobs.VERSION}}}[{knobs.RATE}]))")),
    unknown="No label was ever joined.",
)


def as_labels_arrive(total: str) -> str:
    """A sum of errors over the labels that arrive."""
    return (
        f"sum by (version) (rate({total}{{{knobs.VERSION}}}[{knobs.RATE}]))"
        f" / (sum by (version) (rate(ml_labels_total{{{knobs.VERSION}}}[{knobs.RATE}])) > 0)"
    )


def right_outcomes() -> str:
    """Rates of outcomes on the diagonal: what was predicted is what came true."""
    rates = f"(rate(ml_outcomes_total{{{knobs.VERSION}}}[{knobs.RATE}]))"
    diagonal = f'label_replace(sum by (version, actual) {rates}, "predicted", "$1", "actual", "(.*)")'
    on = "and on (version, predicted, actual)"
    return f"sum by (version) (sum by (version, predicted, actual) {rates} {on} {diagonal})"


ERROR_NOW = Signal(
    title="Error as labels arrive",
    unit="none",
    description="Of the labels that arrive now, not of a window: the share of wrong predictions (classifier), or"
    " the mean absolute and root mean squared error (regression). Sooner than any window, and noisier.",
    queries=lines(
        (
            "wrong {{version}}",
            (
                f"1 - {right_outcomes()}"
                f" / (sum by (version) (rate(ml_outcomes_total{{{knobs.VERSION}}}[{knobs.RATE}])) > 0)"
            ),
        ),
        ("absolute {{version}}", as_labels_arrive("ml_absolute_error_total")),
        ("squared, root {{version}}", f"sqrt({as_labels_arrive('ml_squared_error_total')})"),
    ),
    unknown="No label arrived in this time.",
)

DELAY_HEAT = Signal(
    title="Label delay, all labels",
    unit="s",
    description="Labels that arrived, by their delay. A dark gap: none arrived; a second band: another source, or a"
    " backlog.",
    queries=(
        Query(
            f"sum by (le) (increase(ml_label_delay_seconds_bucket{{{knobs.VERSION}}}[{knobs.RATE}]))",
            "{{le}}",
            format="heatmap",
        ),
    ),
    decimals=0,
    unknown="No label arrived in this time.",
)

PART = "max by (version, dimension, value)"
SLICE = f'{knobs.WINDOW_OF},dimension=~"$dimension",metric="$slice_metric"'
WHOLE = f'{knobs.WINDOW_OF},metric="$slice_metric"'


def slice_harm() -> str:
    """How much worse a slice is than the whole, relative to the whole; the metric's polarity is minded."""
    lower = f'metric=~"{knobs.LOWER_IS_BETTER}"'
    higher = f'metric!~"{knobs.LOWER_IS_BETTER}"'
    part, whole = f"ml_slice_performance{{{SLICE}", f"ml_performance{{{WHOLE}"
    on = "on (model, version, window, metric) group_left ()"
    worse = f"({part},{lower}}} - {on} {whole},{lower}}})"
    less = f"-({part},{higher}}} - {on} {whole},{higher}}})"
    return f"({worse} or {less}) / {on} abs({whole}}})"


SLICES = Signal(
    title="Slices, worst first",
    unit="none",
    description="The chosen metric on each part of the traffic; *worse* compares with the whole, relative. Small"
    " slices jump by chance: mind the rows. One slice bad alone: its data or its concept changed; review it first.",
    queries=columns(
        ("Worse", f"{PART} ({slice_harm()})"),
        ("Value", f"{PART} (ml_slice_performance{{{SLICE}}})"),
        (
            "Rows",
            (
                f'{PART} (ml_window_slice_predictions{{{knobs.WINDOW_OF},dimension=~"$dimension"}})'
                f" and {PART} (ml_slice_performance{{{SLICE}}})"
            ),
        ),
    ),
    unknown="No slices: none are configured, or each has too few labels to be shown.",
)

SLICES_OVER_TIME = Signal(
    title="Slices over time",
    unit="none",
    description="Whether each slice is worse than the whole in the chosen metric: warning from"
    f" {knobs.SLICE_WARNING:.0%} on, bad from {knobs.SLICE_BAD:.0%}. Unknown: too few labels. A slice that turns"
    f" while others do not: something changed for it alone.",
    queries=(
        Query(
            f"max by (dimension, value) ({int(knobs.State.WARNING)} * ({slice_harm()} > bool {knobs.SLICE_WARNING})"
            f" + ({slice_harm()} > bool {knobs.SLICE_BAD}))",
            "{{value}} ({{dimension}})",
        ),
    ),
    decimals=0,
    unknown="No slices: none are configured, or each has too few labels to be shown.",
)

SLICE_TRAFFIC = Signal(
    title="Traffic of slices",
    unit="reqps",
    description="Predictions a second of each slice. A slice that grows or vanishes shifts every number of the whole.",
    queries=lines(
        (
            "{{value}} ({{dimension}})",
            (
                "sum by (dimension, value)"
                f' (rate(ml_slice_predictions_total{{{knobs.VERSION},dimension=~"$dimension"}}[{knobs.RATE}]))'
            ),
        )
    ),
    unknown="No slices: none are configured, or each is too small to be shown.",
)

OUTCOMES = Signal(
    title="How it errs",
    unit="percentunit",
    description="Classification: share of the labelled predictions by what was said (line) and what came true (column);"
    " off the diagonal it was wrong. Regression: size and bias of the errors. Which error grew says which cost grows.",
    queries=columns(
        (
            "Value",
            f"sum by (predicted, actual) (ml_window_outcomes{{{WINDOW_OF}}})"
            f" / scalar(sum(ml_window_outcomes{{{WINDOW_OF}}}))"
            " or max by (metric) (ml_performance{"
            + WINDOW_OF
            + ',metric=~"mean_error|median_absolute_error|absolute_error_p.*"})',
        ),
    ),
    unknown="Unknown: no labels in this window.",
)
