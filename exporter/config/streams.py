"""`predictions:`, `labels:` and `reference_data:`: which logs are read and what their columns mean."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from exporter.config.origin import PreparedSource
from exporter.config.section import Section
from exporter.config.values import Duration, Text, Timezone


class LatencyColumn(Section):
    column: Text = Field(description="Column that holds how long the prediction took.", examples=["latency_ms"])
    unit: Literal["s", "ms", "us", "ns"] = Field(default="s", description="Unit of that column.", examples=["ms"])


def _column_alone(value: Any) -> Any:
    return value if isinstance(value, dict) or value is None else {"column": value}


class PredictionColumns(Section):
    """Roles of the columns. A dot reaches into nested objects (`input.age`)."""

    time: Text | None = Field(
        default=None,
        description="When the prediction was made: a timestamp, ISO 8601 text, or Unix time in s, ms, us or ns "
        "(told by its size). "
        "Needed in `predictions`.",
        examples=["ts"],
    )
    id: Text | None = Field(
        default=None,
        description="Identifies the prediction: joins its label and lets a second copy be told. "
        "Needed for a label log.",
        examples=["request_id"],
    )
    prediction: Text | None = Field(
        default=None,
        description="What was predicted: the class or the number. "
        "Binary models may give `score` alone, multiclass models `scores`.",
        examples=["late"],
    )
    score: Text | None = Field(
        default=None, description="Binary: probability of the positive class.", examples=["probability"]
    )
    scores: dict[Text, Text] = Field(
        default_factory=dict,
        description="Multiclass: class → column of its probability.",
        examples=[{"a": "p_a", "b": "p_b"}],
    )
    latency: Annotated[LatencyColumn | None, BeforeValidator(_column_alone)] = Field(
        default=None,
        description="How long the prediction took: a column in seconds, or `{column, unit}`.",
        json_schema_extra={"kind": "text or section"},
        examples=[{"column": "latency_ms", "unit": "ms"}],
    )
    error: Text | None = Field(
        default=None,
        description="Class of error where the prediction failed; null or empty where it did not.",
        examples=["error"],
    )
    version: Text | None = Field(
        default=None,
        description="Version of the model that answered; without it all rows have the version `unversioned`.",
        examples=["model_version"],
    )
    replica: Text | None = Field(
        default=None,
        description="Which copy of the service answered: named so that it is taken for no feature. It is shown where "
        "`replicas` names their machines. Replicas of the exporter itself are told apart by Prometheus' `instance`.",
        examples=["host"],
    )
    weight: Text | None = Field(
        default=None, description="How many predictions a sampled row stands for.", examples=["sampling_weight"]
    )
    label: Text | None = Field(
        default=None, description="The truth, where it stands in the prediction's own row.", examples=["y"]
    )
    label_time: Text | None = Field(
        default=None,
        description="When the truth became known, where it stands in the prediction's own row.",
        examples=["landed_at"],
    )


class LabelColumns(Section):
    """Roles of the label log's columns."""

    id: Text = Field(description="Id of the prediction that the label belongs to.", examples=["request_id"])
    label: Text = Field(description="The truth: the class or the number.", examples=["late"])
    time: Text | None = Field(
        default=None,
        description="When the truth became known; without it no label delay is shown.",
        examples=["landed_at"],
    )


class PredictionsSection(Section):
    source: PreparedSource = Field(
        description="Where the log of predictions is read.", examples=[{"type": "files", "path": "logs/*.jsonl"}]
    )
    timezone: Timezone = Field(
        default="UTC", description="IANA name; times without an offset are of this zone.", examples=["Europe/Vienna"]
    )
    columns: PredictionColumns = Field(
        description="Which column plays which role.", examples=[{"time": "ts", "prediction": "late"}]
    )


class LabelsSection(Section):
    source: PreparedSource | None = Field(
        default=None,
        description="Where the log of labels is read. Leave it out where the label stands in the prediction's own row.",
        examples=[{"type": "files", "path": "labels/*.jsonl"}],
    )
    timezone: Timezone = Field(
        default="UTC", description="IANA name; times without an offset are of this zone.", examples=["Europe/Vienna"]
    )
    columns: LabelColumns | None = Field(
        default=None,
        description="Which column plays which role; needed with `source`.",
        examples=[{"id": "request_id", "label": "late", "time": "landed_at"}],
    )
    wait: Duration = Field(
        default=30 * 86400,
        description="How long a prediction waits for its label from the label log.",
        examples=["30d"],
    )
    default: Text | None = Field(
        default=None,
        description="Label assumed when `wait` is over, where only positives are ever logged; "
        "null: it stays unlabelled.",
        examples=["0"],
    )
    conflict: Literal["first", "last"] = Field(
        default="last", description="Which of two different labels of one prediction holds.", examples=["last"]
    )
    by_feature: bool = Field(
        default=True,
        description="Count labels by the bins of every feature too, which causes are told from: a prediction that "
        "waits takes a byte more a feature, and joining labels a tenth more time. false: no causes by feature.",
        examples=[True],
    )


class ReferenceDataSection(Section):
    source: PreparedSource = Field(
        description="What `ml-exporter reference fit` reads: training or validation data with predictions.",
        examples=[{"type": "files", "path": "validation.parquet"}],
    )
    timezone: Timezone | None = Field(
        default=None, description="As in `predictions`; default: the predictions' own.", examples=["UTC"]
    )
    columns: PredictionColumns = Field(
        default_factory=PredictionColumns,
        description="Roles that differ from the predictions' (null: not there). "
        "The label's column is that of the label log by default; where the data have no such column, "
        "their labels are looked up in the label log by `id`. Keys as in `predictions.columns`.",
        examples=[{"label": "y"}],
    )
