"""Which features are distributed otherwise than in the reference, how sure that is, and how they look."""

from grafana.source import knobs
from grafana.source.knobs import VERSION, WINDOW_OF
from grafana.source.signal import Query, Signal, columns, lines, values
from grafana.source.signals.outputs import in_order

CHOSEN = f'{WINDOW_OF},feature=~"$feature"'
ONE = "max by (version, feature)"
FOCUS = f'{WINDOW_OF},feature=~"$focus"'
FOCUS_OF_ALL = f'{VERSION},feature=~"$focus"'


def over_threshold(selector: str, output: str = "feature") -> str:
    """How many times the threshold the effect is; thresholds are those of all windows."""
    of_all = selector.replace(WINDOW_OF, VERSION)
    threshold = f"ml_{output}_drift_threshold{{{of_all}}}"
    return f"ml_{output}_drift_effect{{{selector}}} / ignoring (window) group_left () {threshold}"


def with_outputs(suffix: str, labels: str = "", of: str = WINDOW_OF) -> str:
    """`ml_feature_drift{suffix}` of the chosen features, and of predictions and labels as if they were features."""
    outputs = " or ".join(
        f'label_replace(ml_{name}_drift{suffix}{{{of}{labels}}}, "feature", "({name}s)", "", "")'
        for name in ("prediction", "label")
    )
    return f"{ONE} (ml_feature_drift{suffix}{{{CHOSEN.replace(WINDOW_OF, of)}{labels}}} or {outputs})"


OUTPUTS_HAVE_NONE = " or ".join(
    f'label_replace(ml_{name}_drift_effect{{{WINDOW_OF}}} * 0 - 1, "feature", "({name}s)", "", "")'
    for name in ("prediction", "label")
)
"""-1, *not asked*, for the quality of predictions and labels: nobody checks it, which is not the same as unknown."""

DRIFTED = Signal(
    title="Drifted",
    unit="none",
    description="Features whose drift exceeds its threshold and is not chance (false discoveries held at 1 %),"
    " beside the number that could be tested. Untested features are unknown, not ok.",
    queries=values(
        ("drifted", f"sum(max by (feature) (ml_feature_drift_detected{{{WINDOW_OF}}}))"),
        ("of tested", f"max(ml_tested_features{{{WINDOW_OF}}})"),
    ),
    decimals=0,
    unknown="unknown",
)

_SHAPE_OF_ALL, _ONSET_OF_ALL = (f"ml_drift_{name}{{{WINDOW_OF}}}" for name in ("shape", "onset_timestamp_seconds"))

SINCE = Signal(
    title="Since",
    unit="dateTimeAsIso",
    description="When the first of the drifted features began to, those that only recur aside: the likeliest place of a"
    " change in the counts by pane of four weeks, and how it came. Recurring: the same at this hour yesterday, or last"
    " week: a season that the reference is too short to know. Temporary: over already.",
    queries=values(
        (
            "{{shape}}",
            f"min by (shape) ({_SHAPE_OF_ALL} * ignoring (shape) group_left {_ONSET_OF_ALL}) * 1000",
        ),
    ),
    unknown="–",
)

OUTPUTS = Signal(
    title="Outputs",
    unit="none",
    description="Drift of predictions and of labels, as multiples of the threshold: from 1 on it counts.",
    queries=values(
        (
            "predictions",
            f"max({over_threshold(WINDOW_OF, 'prediction')})",
        ),
        ("labels", f"max({over_threshold(WINDOW_OF, 'label')})"),
    ),
    decimals=2,
    unknown="unknown",
)

ROWS = Signal(
    title="Rows",
    unit="short",
    description="Predictions that the window speaks of, beside what windows of this length had in the reference."
    " Much fewer: volume fell, and small drifts can no longer be seen.",
    queries=values(
        ("now", f"sum(ml_window_predictions{{{WINDOW_OF}}})"),
        ("reference", f"max(ml_window_reference_predictions{{{WINDOW_OF}}})"),
    ),
    unknown="unknown",
)


def level(selector: str, output: str = "feature") -> str:
    """A place in knobs.DRIFT_LEVELS where there is a verdict: 0 small, 1 large by chance, 2 detected, 3 far."""
    ratio = f"({over_threshold(selector, output)})"
    detected = f"ml_{output}_drift_detected{{{selector}}}"
    return f"({ratio} >= bool 1) * (1 + {detected}) + {detected} * ({ratio} >= bool {knobs.DRIFT_FAR:g})"


HEAT = Signal(
    title="Drift of each feature over time",
    unit="none",
    description="The verdict on each feature, on predictions and on labels, the worst of the chosen versions."
    " Drifted: over the threshold and not by chance. Dark: over the threshold, but windows of the reference swing"
    " as far (weather does). Unknown: too few rows, or too short a reference for this window. Several that turn"
    " together: one upstream cause. Click a feature in the table below to look closer.",
    queries=(
        Query(f"max by (feature) ({level(CHOSEN)})", "{{feature}}"),
        *(Query(f"max({level(WINDOW_OF, name)})", f"({name}s)") for name in ("prediction", "label")),
    ),
    decimals=2,
    unknown="Unknown: too few rows in this window.",
)

SHAPES = ("sudden", "gradual", "recurring", "temporary")
"""In the order of the numbers that stand for them in the table."""
_SHAPE = " or ".join(
    with_outputs("_shape", f',shape="{shape}"') + f" * {number}" for number, shape in enumerate(SHAPES, 1)
)

_LIMIT = with_outputs("_threshold", of=VERSION)

RANKED = Signal(
    title="Features, most drifted first",
    unit="none",
    description="Detected: the effect is over its limit (the threshold) and the p-value survives the correction for the"
    " number of features. Of the plain Jensen-Shannon distance, which 99 of 100"
    " calm windows keep below the noise, the effect is what is left without chance. Since: where the counts by"
    " pane most likely changed, and how; recurring is a season, temporary is over; nothing where it was there before"
    " all that is kept. Range: share of values out of range. Unit: the factor of a recognised change of unit. Unknown:"
    " too few rows or too short a reference. Click a feature to see its distribution below.",
    queries=columns(
        ("× limit", f"{with_outputs('_effect')} / {_LIMIT}"),
        ("Drift", with_outputs("_detected")),
        ("Effect", with_outputs("_effect")),
        ("Limit", _LIMIT),
        ("Plain", with_outputs("", ',method="jensen_shannon"')),
        ("Noise", with_outputs("_noise_floor")),
        ("Since", with_outputs("_onset_timestamp_seconds") + " * 1000"),
        ("Shape", _SHAPE),
        ("p", with_outputs("_pvalue")),
        ("Quality", f"{ONE} (ml_feature_quality_detected{{{CHOSEN}}} or {OUTPUTS_HAVE_NONE})"),
        ("Missing", f"{ONE} (ml_feature_missing_ratio{{{CHOSEN}}})"),
        ("Range", f"{ONE} (ml_feature_out_of_range_ratio{{{CHOSEN}}})"),
        ("Unseen", f"{ONE} (ml_feature_unseen_ratio{{{CHOSEN}}})"),
        ("Unit", f"{ONE} (ml_feature_unit_change_factor{{{CHOSEN}}})"),
    ),
    unknown="Unknown: too few rows in this window.",
)

DISTRIBUTION = Signal(
    title="$focus: now and reference",
    unit="percentunit",
    description="Share of the window's valid values in each bin (named by its upper edge) or category, beside the"
    " reference. All moved by a factor: a unit changed; one bin grew: a default value; a category grew: traffic"
    " shifted.",
    queries=columns(
        (
            "now",
            in_order(
                f"sum by (bin) (ml_window_feature_observations{{{FOCUS}}})"
                f" / scalar(sum(ml_window_feature_observations{{{FOCUS}}}))"
            ),
        ),
        ("reference", in_order(f'avg by (bin) (ml_feature_reference_ratio{{{knobs.VERSION},feature=~"$focus"}})')),
    ),
    decimals=1,
    unknown="Unknown: no valid value in this window, or the feature is not among those shown (series budget).",
)

DISTANCE = Signal(
    title="$focus: drift",
    unit="none",
    description="Effect (Jensen-Shannon distance without what chance adds) over time beside its threshold (dashed),"
    " and the plain distance beside the noise floor (dotted), which 99 of 100 calm windows of the reference keep"
    " below. Smallest seen: an effect that so many rows would show in four windows of five.",
    queries=lines(
        ("effect {{version}}", f"ml_feature_drift_effect{{{FOCUS}}}"),
        ("threshold", f"min by (feature) (ml_feature_drift_threshold{{{FOCUS_OF_ALL}}})"),
        ("plain distance {{version}}", f'ml_feature_drift{{{FOCUS},method="jensen_shannon"}}'),
        ("noise floor", f"max by (feature) (ml_feature_drift_noise_floor{{{FOCUS}}})"),
        ("smallest effect seen", f"max by (feature) (ml_feature_drift_min_detectable_effect{{{FOCUS}}})"),
    ),
    decimals=3,
    unknown="Unknown: too few rows in this window.",
)
