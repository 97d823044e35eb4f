"""`thresholds:`, `slo:`, `slices:`, `features:`, `retention:`: what is looked at and what is called bad."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from exporter.config.section import Section
from exporter.config.values import Dimension, Duration, FineDuration, Name, Names, Ratio, Text


class SliceSection(Section):
    column: Names = Field(
        description="Column of the prediction log that holds the value; two or three of them, `[carrier, origin]`: "
        "each combination of theirs is a value.",
        min_length=1,
        max_length=3,
        examples=["origin"],
    )
    max_values: int = Field(
        default=20, ge=2, le=200, description="How many values are told apart; the rest is `other`.", examples=[20]
    )


def normal_slices(value: Any) -> Any:
    """`[a, b]`, `[a, [a, b]]`, `{a: column}`, `{a: [a, b]}` and `{a: {column: …}}` all in the last form."""
    if isinstance(value, str):
        return {value: {"column": value}}
    if isinstance(value, list):
        return {"_".join(map(str, each)) if isinstance(each, list) else str(each): {"column": each} for each in value}
    if isinstance(value, dict):
        return {key: each if isinstance(each, dict) else {"column": each} for key, each in value.items()}
    return value


Slices = Annotated[dict[Dimension, SliceSection], BeforeValidator(normal_slices)]


class FeatureOverrideSection(Section):
    type: Literal["numeric", "category"] | None = Field(
        default=None, description="How the feature is counted, where the reference guesses wrong.", examples=["numeric"]
    )
    range: tuple[float, float] | None = Field(
        default=None,
        description="Numeric: lowest and highest value that makes sense; beyond is *out of range*. "
        "Default: the reference's.",
        examples=[[0, 6000]],
    )
    edges: Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=2, max_length=250)] | None = (
        Field(
            default=None,
            description="Numeric: edges of the bins, rising, from the lowest to the highest value in range; "
            "a bin holds its upper edge. Default: 64 bins of equal share in the reference.",
            examples=[[0, 500, 1000, 2500, 6000]],
        )
    )
    categories: list[Text] | None = Field(
        default=None,
        description="Category: the values that are told apart. Default: the frequent ones of the reference.",
        examples=[["AA", "UA"]],
    )


class FeaturesSection(Section):
    include: Names | None = Field(
        default=None,
        description="Features that are watched. Default: all of the reference.",
        examples=[["distance", "carrier"]],
    )
    exclude: Names = Field(
        default_factory=list, description="Features that are not watched.", examples=[["flight_number"]]
    )
    columns: dict[Text, Text] = Field(
        default_factory=dict, description="Feature → column, where they differ.", examples=[{"temp": "inputs.temp"}]
    )
    overrides: dict[Text, FeatureOverrideSection] = Field(
        default_factory=dict,
        description="Feature → what is set by hand. Frozen at `ml-exporter reference fit`: "
        "a change takes effect when the reference is fitted again.",
        examples=[{"distance": {"type": "numeric", "range": [0, 6000]}}],
    )


class RetentionSection(Section):
    fine: Duration = Field(default=2 * 86400, description="How long counts are kept pane by pane.", examples=["2d"])
    hourly: Duration = Field(default=14 * 86400, description="How long they are kept by the hour.", examples=["14d"])
    daily: Duration = Field(
        default=120 * 86400, description="How long they are kept by the day; then they go.", examples=["120d"]
    )


class BoundsSection(Section):
    lower: float | None = Field(default=None, description="Below is bad.", examples=[0.8])
    upper: float | None = Field(default=None, description="Above is bad.", examples=[20])


class ThresholdsSection(Section):
    drift_effect: float = Field(
        default=0.04,
        gt=0,
        le=1,
        description="Least bias-corrected Jensen-Shannon distance (0 to 1) that counts as drift.",
        examples=[0.04],
    )
    features: dict[Text, Annotated[float, Field(gt=0, le=1)]] = Field(
        default_factory=dict, description="The same for single features.", examples=[{"distance": 0.1}]
    )
    false_discovery_rate: Ratio = Field(
        default=0.01,
        description="Share of false alarms that is accepted among drift alarms "
        "(Benjamini-Hochberg over all features of a window).",
        examples=[0.01],
    )
    min_rows: int = Field(
        default=50,
        ge=1,
        description="Predictions a window needs before anything is said of its distributions.",
        examples=[50],
    )
    min_labels: int = Field(
        default=50, ge=1, description="Labels a window needs before anything is said of performance.", examples=[50]
    )
    min_slice: int = Field(
        default=30,
        ge=1,
        description="Predictions below which a slice value is not shown (privacy and noise).",
        examples=[30],
    )
    min_blocks: int = Field(
        default=20,
        ge=2,
        description="Windows the reference must hold before there is a verdict on drift.",
        examples=[20],
    )
    quality_ratio: Ratio = Field(
        default=0.01, description="Least rise of the share of bad values that counts.", examples=[0.01]
    )
    blind_change: Ratio = Field(
        default=0.1,
        description="Share of a performance metric's reference value: where the labels cannot show a fall by so much, "
        "it is called blind.",
        examples=[0.1],
    )
    performance: dict[str, BoundsSection] = Field(
        default_factory=dict,
        description="Metric → bounds set by hand; without them they are learned from the reference.",
        examples=[{"accuracy": {"lower": 0.8}}],
    )
    methods: Names = Field(
        default_factory=lambda: ["jensen_shannon"],
        description="Drift distances that are shown beside the effect.",
        examples=[["jensen_shannon"]],
    )


class ObjectiveSection(Section):
    """One promise. Without `latency`, `freshness` or `quality` it is that predictions do not fail."""

    name: Name = Field(description="Name of the objective, unique in the model.", examples=["availability"])
    objective: Ratio = Field(
        description="Share that must be good: of predictions; with `freshness`, of the time.", examples=[0.999]
    )
    latency: FineDuration | None = Field(
        default=None,
        description="Good = no error and answered within this time; without it good = no error.",
        examples=["250ms"],
        json_schema_extra={"kind": "duration"},
    )
    freshness: Duration | None = Field(
        default=None,
        description="Good = time in which the newest prediction was made no longer ago than this.",
        examples=["1h"],
    )
    quality: bool = Field(
        default=False,
        description="Good = a prediction that came true, as far as labels have come.",
        examples=[True],
    )
    tolerance: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        default=None,
        description="Regression, with `quality`: good = off by no more than this, in the target's unit.",
        examples=[15],
    )
