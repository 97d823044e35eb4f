"""Why performance is not what it was, since when, for whom, and what to do."""

from grafana.source import knobs
from grafana.source.knobs import WINDOW_OF
from grafana.source.signal import Signal, columns, lines, otherwise, values

ONE = "max by (version, feature)"
CHANGE = f'{WINDOW_OF},metric="$change_metric"'
CAUSES = ("quality", "prior", "covariate", "concept", "unexplained")
"""In the order in which the ledger tells them apart."""

DO = f"max by (version, action, reason, subject) (ml_recommended_action{{{WINDOW_OF}}})"


def _beside(timestamp: str) -> str:
    """A time that belongs to what is recommended, in milliseconds, with the recommendation's labels."""
    return f"{DO} * on (version) group_left () max by (version) ({timestamp}{{{WINDOW_OF}}}) * 1000"


ADVICE = Signal(
    title="What to do",
    unit="none",
    description="The one thing to do about each version over the window: the first rule that applies, in the order of"
    " docs/advice.md. Data that are bad come first: while they are, nothing else is believed. Nothing here: nothing is"
    " known. Since: when what it is about began. Train from: rows from then on show what is to be learned (to rebuild:"
    " these alone).",
    queries=columns(
        ("Value", DO),
        ("Since", _beside("ml_recommended_action_since_timestamp_seconds")),
        ("Train from", _beside("ml_recommended_training_start_timestamp_seconds")),
    ),
    unknown="Unknown: neither a reference nor labels say anything of this window.",
)

POSSIBLE = "max by (version, action, subject, metric)"

GAINS = Signal(
    title="What it would gain",
    unit="none",
    description="By how much a metric would be better on new rows like those of the window, were the action taken on"
    " what the window's labels teach; above 0 is better. From and to: the 95 % interval; one that holds 0 is no gain"
    " that could be seen. Threshold: the score above which to call rows positive, where that is better beyond chance."
    " Only while a measured metric is degraded. Formulas, and when not to trust them: docs/gains.md.",
    queries=columns(
        (
            "Gain",
            otherwise(
                f"{POSSIBLE} (ml_action_gain{{{WINDOW_OF}}})",
                "metric",
                "none: nothing is degraded",
            ),
        ),
        ("From", f'{POSSIBLE} (ml_action_gain_bound{{{WINDOW_OF},bound="lower"}})'),
        ("To", f'{POSSIBLE} (ml_action_gain_bound{{{WINDOW_OF},bound="upper"}})'),
        (
            "Threshold",
            (
                f'{POSSIBLE} (ml_action_gain{{{WINDOW_OF},action="adjust_threshold"}}) * 0'
                " + on (version, metric) group_left ()"
                f" max by (version, metric) (ml_recommended_threshold{{{WINDOW_OF}}})"
            ),
        ),
    ),
    unknown="No measured metric is degraded, or counts do not tell what anything would gain.",
)

SINCE = Signal(
    title="Since",
    unit="dateTimeAsIso",
    description="When performance began to fall, and when the first of the drifted features, or of the features with"
    " bad values, began to change: the likeliest places in the counts by pane. What began first is the likelier cause."
    " At the latest: it began before all that is kept.",
    queries=values(
        ("performance", f"min(ml_performance_onset_timestamp_seconds{{{WINDOW_OF}}}) * 1000"),
        (
            "performance, at the latest",
            (
                f'min(ml_performance_onset_bound_timestamp_seconds{{{WINDOW_OF},bound="upper"}}) * 1000'
                f" unless min(ml_performance_onset_timestamp_seconds{{{WINDOW_OF}}})"
            ),
        ),
        ("drift", f"min(ml_drift_onset_timestamp_seconds{{{WINDOW_OF}}}) * 1000"),
        ("bad values", f"min(ml_feature_quality_onset_timestamp_seconds{{{WINDOW_OF}}}) * 1000"),
    ),
    unknown="–",
)

LEDGER = Signal(
    title="$change_metric: change from the reference, by cause",
    unit="none",
    description="The ledger of the metric: causes add up to the whole change. Quality: rows with bad values."
    " Prior: positives are more or less frequent. Covariate: inputs lie where the model always was worse or better."
    " Concept: the same inputs lead to other outcomes. Unexplained: what is left, and noise. Without labels there is"
    " no concept. A convention: see docs/shift-ledger.md.",
    queries=lines(
        *((cause, f'avg(ml_performance_change{{{CHANGE},cause="{cause}"}})') for cause in CAUSES),
    ),
    decimals=3,
    unknown="Unknown: no reference with labels, or too few rows in this window.",
)

CAUSE = "avg by (cause)"

CAUSES_NOW = Signal(
    title="Causes now",
    unit="none",
    description="The same now, with 95 % intervals: a cause whose interval holds 0 may be chance.",
    queries=columns(
        ("Change", f"{CAUSE} (ml_performance_change{{{CHANGE}}})"),
        ("From", f'{CAUSE} (ml_performance_change_bound{{{CHANGE},bound="lower"}})'),
        ("To", f'{CAUSE} (ml_performance_change_bound{{{CHANGE},bound="upper"}})'),
    ),
    unknown="Unknown: no reference with labels, or too few rows in this window.",
)

FEATURES = Signal(
    title="Features by what they did to $change_metric",
    unit="none",
    description="What each feature did to the metric, by its values going bad and by lying elsewhere; its drift,"
    " since when. Ranked by the size of both: a feature that drifted far and did nothing can wait. Concept: its values"
    " lead to other outcomes than they did, by so much (effect; p before correction).",
    queries=columns(
        (
            "Impact",
            f"sum by (version, feature) (abs(ml_performance_change_by_feature{{{CHANGE}}}))",
        ),
        ("Bad values", f'{ONE} (ml_performance_change_by_feature{{{CHANGE},cause="quality"}})'),
        ("Moved", f'{ONE} (ml_performance_change_by_feature{{{CHANGE},cause="covariate"}})'),
        ("Concept", f"{ONE} (ml_feature_concept_drift_detected{{{WINDOW_OF}}})"),
        ("Effect", f"{ONE} (ml_feature_concept_drift_effect{{{WINDOW_OF}}})"),
        ("p", f"{ONE} (ml_feature_concept_drift_pvalue{{{WINDOW_OF}}})"),
        ("Drift", f"{ONE} (ml_feature_drift_detected{{{WINDOW_OF}}})"),
        ("Quality", f"{ONE} (ml_feature_quality_detected{{{WINDOW_OF}}})"),
        ("Since", f"{ONE} (ml_feature_drift_onset_timestamp_seconds{{{WINDOW_OF}}}) * 1000"),
    ),
    unknown="Unknown: no reference with a loss model. Fit the reference from data with labels.",
)

SLICE = "max by (version, dimension, value)"

SLICES = Signal(
    title="Slices that do worse than the rest",
    unit="none",
    description="Values of the configured dimensions and bins of features: how much more often they are wrong (or how"
    " much further off) than all other predictions, with the 95 % interval, beside the same in the reference. The five"
    " that cost the most, none by chance. A gap that was there in the reference is no news. Since: when it became more"
    " than that; empty where it did not, or before all that is kept.",
    queries=columns(
        (
            "Costs",
            otherwise(
                f"{SLICE} (ml_worst_slice_gap{{{WINDOW_OF}}} * on (model, version, window, dimension, value)"
                f" ml_worst_slice_labels_ratio{{{WINDOW_OF}}})",
                "value",
                "none beyond chance",
            ),
        ),
        ("Gap", f"{SLICE} (ml_worst_slice_gap{{{WINDOW_OF}}})"),
        ("From", f'{SLICE} (ml_worst_slice_gap_bound{{{WINDOW_OF},bound="lower"}})'),
        ("To", f'{SLICE} (ml_worst_slice_gap_bound{{{WINDOW_OF},bound="upper"}})'),
        ("Reference", f"{SLICE} (ml_worst_slice_reference_gap{{{WINDOW_OF}}})"),
        ("Share", f"{SLICE} (ml_worst_slice_labels_ratio{{{WINDOW_OF}}})"),
        ("Since", f"{SLICE} (ml_worst_slice_onset_timestamp_seconds{{{WINDOW_OF}}}) * 1000"),
    ),
    unknown="No slice does worse than the rest, or too few labels tell.",
)

SLICES_OVER_TIME = Signal(
    title="Their gaps over time",
    unit="none",
    description="The gaps of slices that are or were among the five. One that rises alone: something changed for it.",
    queries=lines(("{{value}} ({{dimension}})", f"max by (dimension, value) (ml_worst_slice_gap{{{WINDOW_OF}}})")),
    decimals=2,
    unknown="No slice did worse than the rest in this time.",
)

HEADLINE = Signal(
    title="Now and in the reference",
    unit="none",
    description="The metric over the window, measured where labels are there and estimated where they are not, beside"
    " the reference's.",
    queries=values(
        ("measured", f"avg(ml_performance{{{CHANGE}}})"),
        ("estimated", f"avg(ml_performance_estimated{{{CHANGE}}})"),
        ("reference", f"max(ml_performance_reference{{{CHANGE}}})"),
    ),
    decimals=3,
    unknown="–",
)
CAUSE_COLOURS = dict(
    zip(CAUSES, (knobs.SERIES[1], knobs.SERIES[2], knobs.SERIES[0], knobs.SERIES[3], knobs.UNKNOWN), strict=True)
)
