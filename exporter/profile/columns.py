"""Which column of a log plays which role."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

SECONDS_OF_UNIT: Mapping[str, float] = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
DurationUnit = Literal["s", "ms", "us", "ns"]


@dataclass(frozen=True, slots=True)
class Columns:
    """Roles of a prediction log's columns, by name in the log. A dot reaches into nested objects (`input.age`).

    Attributes:
        time: event time: a timestamp, ISO 8601 text, or a Unix time in seconds, milliseconds, microseconds or
            nanoseconds (told apart by its size).
        id: joins a prediction with its label; without one nothing is de-duplicated or joined.
        prediction: predicted class or number. Binary models may leave it out and give a score.
        score: binary: probability of the positive class.
        scores: multiclass: class → column of its probability.
        latency: duration of the prediction, in `latency_unit`.
        error: not null and not empty where the prediction failed: the class of error.
        label, label_time: the truth, where it stands in the prediction's own row or in the label log.
        slices: dimension → column, or columns whose combinations are its values.
        features: feature → column; None = all that the reference has, under their own names.
        run: the batch run that made the prediction.
        weight: how many predictions a sampled row stands for.
        timezone: IANA name; where times have no offset they are taken to be of this zone.
    """

    time: str | None = None
    id: str | None = None
    prediction: str | None = None
    score: str | None = None
    scores: Mapping[str, str] = field(default_factory=dict)
    latency: str | None = None
    latency_unit: DurationUnit = "s"
    error: str | None = None
    version: str | None = None
    replica: str | None = None
    run: str | None = None
    weight: str | None = None
    label: str | None = None
    label_time: str | None = None
    slices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    features: Mapping[str, str] | None = None
    timezone: str = "UTC"
