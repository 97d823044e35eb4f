"""Whether features arrive as they should."""

from grafana.source import knobs
from grafana.source.knobs import WINDOW_OF
from grafana.source.signal import Query, Signal, columns, lines, values
from grafana.source.signals.drift import CHOSEN

ONE = "max by (version, feature, check)"

FOUND = f"sum(max by (feature, check) (ml_feature_quality_detected{{{WINDOW_OF}}}))"

PROBLEMS = Signal(
    title="Problems",
    unit="none",
    description="Checks of features that found something: missing, invalid, out of range, unseen, constant or a"
    " changed unit.",
    queries=values(("problems", FOUND)),
    decimals=0,
    unknown="unknown",
)

UNITS = Signal(
    title="Problems",
    unit="none",
    description=PROBLEMS.description
    + " Changed units are features whose values look like the reference's in another unit (miles as kilometres, °C"
    " as °F): the factor is in the table of features. Repair the pipeline: retraining would learn the error.",
    queries=values(
        ("problems", FOUND),
        ("changed units", f'sum(max by (feature) (ml_feature_quality_detected{{{WINDOW_OF},check="unit_change"}}))'),
    ),
    decimals=0,
    unknown="unknown",
)

TIMELINE = Signal(
    title="Data quality of each feature over time",
    unit="none",
    description="The worst of the chosen versions. Warning while any check of the feature finds more bad values"
    " than the reference's own variation explains. Features that turn together come from one broken source.",
    queries=(
        Query(
            f"{int(knobs.State.WARNING)} * max by (feature) (ml_feature_quality_detected{{{CHOSEN}}})",
            "{{feature}}",
        ),
    ),
)


def _shares() -> str:
    """The share of bad values of each check that has one."""
    return " or ".join(
        f'label_replace(ml_feature_{check}_ratio{{{CHOSEN}}}, "check", "{check}", "", "")'
        for check in ("missing", "invalid", "out_of_range", "unseen")
    )


CHECKS = Signal(
    title="Checks, worst first",
    unit="none",
    description="Every check of every feature: what the reference has, how sure the difference is. *Detected* needs"
    " a rise that is both large enough and not chance.",
    queries=columns(
        ("Verdict", f"{ONE} (ml_feature_quality_detected{{{CHOSEN}}})"),
        ("Now", f"{ONE} ({_shares()})"),
        ("p-value", f"{ONE} (ml_feature_quality_pvalue{{{CHOSEN}}})"),
        ("Reference", f"{ONE} (ml_feature_quality_reference_ratio{{{CHOSEN}}})"),
    ),
    unknown="Unknown: too few rows in this window.",
)


def rate(title: str, name: str, description: str) -> Signal:
    """The share of one kind of bad values, by feature, over time."""
    return Signal(
        title=title,
        unit="percentunit",
        description=description,
        queries=lines(("{{feature}} {{version}}", f"{name}{{{CHOSEN}}}")),
        unknown="No feature of this kind.",
    )


MISSING = rate(
    "Missing", "ml_feature_missing_ratio", "Share of rows without the feature. A step: a join or a client broke."
)
INVALID = rate(
    "Invalid",
    "ml_feature_invalid_ratio",
    "Share of values that are not of the feature's type. A step: a format changed.",
)
RANGE = rate(
    "Out of range",
    "ml_feature_out_of_range_ratio",
    "Share of values beyond the range allowed or seen in the reference. With a factor for all: a unit changed.",
)
UNSEEN = rate(
    "Unseen categories",
    "ml_feature_unseen_ratio",
    "Share of values that the reference never had. New business, or a renamed code: the model has learned nothing"
    " of them.",
)


def arriving(name: str) -> str:
    """The counter's share of the predictions that arrive, over versions."""
    counted = f'sum(rate({name}{{{knobs.VERSION},feature=~"$focus"}}[{knobs.RATE}]))'
    return f"{counted} / sum(rate(ml_predictions_total{{{knobs.VERSION}}}[{knobs.RATE}]))"


FOCUS_QUALITY = Signal(
    title="$focus: bad values",
    unit="percentunit",
    description="Shares of missing, invalid, out-of-range and unseen values among the rows that arrive, not smoothed by"
    " the window: the moment a pipeline broke, or was repaired.",
    queries=lines(
        ("missing", arriving("ml_feature_missing_total")),
        ("invalid", arriving("ml_feature_invalid_total")),
        ("out of range", arriving("ml_feature_out_of_range_total")),
        ("unseen", arriving("ml_feature_unseen_total")),
    ),
    unknown="Unknown: no rows in this time.",
)
