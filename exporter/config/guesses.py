"""Which column plays which role: guessed from names first and from content where names say nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from exporter.config.traits import Traits, words_of

_NAMES: Mapping[str, str] = {
    "time": (
        "ts timestamp event_time event_timestamp prediction_time prediction_timestamp request_time inference_time time "
        "timestamp_ms datetime created_at logged_at occurrence_time requested_at predicted_at served_at date_time date"
    ),
    "id": (
        "request_id prediction_id inference_id event_id id uuid correlation_id transaction_id databricks_request_id "
        "client_request_id trace_id row_id record_id key"
    ),
    "label": (
        "label y_true ground_truth true_label actual truth target y outcome actual_value observed true_value "
        "actual_label"
    ),
    "label_time": (
        "label_time label_timestamp labelled_at labeled_at label_ts resolved_at landed_at actual_time outcome_time "
        "feedback_time observed_at confirmed_at"
    ),
    "score": (
        "score probability proba prob y_score y_proba y_prob prediction_score prediction_probability "
        "predicted_probability predict_proba positive_probability risk_score confidence p"
    ),
    "prediction": (
        "prediction y_pred predicted yhat y_hat pred predicted_class predicted_label predicted_value prediction_value "
        "prediction_class output result decision forecast estimate predictions"
    ),
    "latency": (
        "latency duration response_time inference_time execution_time execution_duration elapsed processing_time "
        "runtime took time_taken elapsed_time request_duration prediction_time"
    ),
    "error": "error error_class error_type error_code exception failure err logging_error_codes error_message",
    "version": (
        "model_version version model_revision revision bento_version served_entity_id model_tag deployment model_id"
    ),
    "replica": "replica host hostname pod pod_name instance worker node server",
    "weight": "sampling_weight sample_weight row_weight",
    "run": "run_id batch_id batch_run_id job_run_id scoring_run_id scoring_batch_id dag_run_id run_key batch_run",
}
"""Role → names that people give such a column, the likeliest first."""

UNITS: Mapping[str, str] = {
    "ms": "ms", "msec": "ms", "millis": "ms", "milliseconds": "ms", "us": "us", "micros": "us", "microseconds": "us",
    "ns": "ns", "nanos": "ns", "nanoseconds": "ns", "s": "s", "sec": "s", "secs": "s", "seconds": "s",
}  # fmt: skip
"""Last word of a latency's name → its unit."""

_FEW_CLASSES = 50
_INPUT_WORDS = frozenset({"features", "feature", "inputs", "input", "instance", "instances", "x"})
_SCORE_WORDS = frozenset({"score", "probability", "proba", "prob", "confidence"})


@dataclass(frozen=True, slots=True)
class Guess:
    """A role's column, why, and whether a person should look at it."""

    column: str
    because: str
    sure: bool = True


def guess_role(role: str, columns: Mapping[str, Traits], taken: set[str]) -> Guess | None:
    """The likeliest column for `role` among those not `taken`; None where none could play it."""
    fits = _FITS[role]
    free = [each for each in columns.values() if each.name not in taken and not is_input(each) and fits(each)]
    names = _NAMES[role].split()
    best: tuple[int, Traits] | None = None
    for each in free:
        rank = _rank(role, each, names)
        if rank is not None and (best is None or rank < best[0]):
            best = (rank, each)
    if best is not None:
        rank, each = best
        sure = rank < len(names)
        return Guess(each.name, f"{'by' if sure else 'by a part of'} its name; {evidence(each)}", sure=sure)
    return _by_content(role, free)


def _rank(role: str, column: Traits, names: list[str]) -> int | None:
    """Place among the known names; beyond them for names that merely contain one; None for others."""
    words = column.words
    plain = (
        "_".join(words[:-1]) if len(words) > 1 and words[-1] in UNITS and role in ("latency", "time") else column.joined
    )
    for candidate in (column.joined, plain):
        if candidate in names:
            return names.index(candidate)
    if role == "score" and _SCORE_WORDS & set(words):
        return len(names)
    if role in ("prediction", "label", "latency", "error") and names[0] in words:
        return len(names)
    if role == "latency" and "duration" in words and words[-1] in UNITS:
        return len(names) + 1
    if role == "id" and words[-1:] == ("id",) and column.unique:
        return len(names)
    return None


def _by_content(role: str, free: list[Traits]) -> Guess | None:
    if role == "time":
        found = [each for each in free if each.shape == "time"] or free
        return Guess(found[0].name, f"the first column of times; {evidence(found[0])}", sure=False) if found else None
    if role == "id":
        # Fractions are measured, not given out.
        found = [each for each in free if "text" in each.kind and each.shape != "number"]
        return Guess(found[0].name, f"no value repeats; {evidence(found[0])}", sure=False) if found else None
    if role == "score":
        found = [each for each in free if each.unit_interval and each.distinct > _FEW_CLASSES]
        # More than one such column is more likely a set of scaled inputs.
        return Guess(found[0].name, evidence(found[0]), sure=False) if len(found) == 1 else None
    return None


def is_input(column: Traits) -> bool:
    """Stands in an object of the model's inputs, where names mean what they mean to the model."""
    return bool({word for part in column.name.split(".")[:-1] for word in words_of(part)} & _INPUT_WORDS)


def _is_time(column: Traits) -> bool:
    return column.times is not None and column.shape in ("time", "integer", "number")


def _is_class(column: Traits) -> bool:
    return column.shape in ("bool", "text", "integer") and 0 < column.distinct <= _FEW_CLASSES


_FITS: Mapping[str, Callable[[Traits], bool]] = {
    "time": _is_time,
    "label_time": _is_time,
    "id": lambda each: (each.shape == "integer" or "text" in each.kind) and each.unique and each.times is None,
    "label": lambda each: each.numeric or _is_class(each),
    "prediction": lambda each: each.numeric or _is_class(each),
    "score": lambda each: (
        each.unit_interval or (each.numeric and each.low >= 0 and each.high <= 1 and each.distinct > 1)
    ),
    "latency": lambda each: each.numeric and each.low >= 0 and each.times is None,
    "error": lambda each: each.shape in ("text", "empty"),
    "version": lambda each: each.shape in ("text", "integer", "number") and each.distinct <= _FEW_CLASSES,
    "replica": lambda each: each.shape in ("text", "integer"),
    "weight": lambda each: each.numeric and each.low >= 0,
    "run": lambda each: (each.shape == "integer" or "text" in each.kind) and 0 < each.distinct <= each.rows / 2,
}


def evidence(column: Traits) -> str:
    """What is seen in a column, for a comment; no value of it."""
    if column.shape in ("empty", "nested"):
        return column.kind
    parts = [column.kind]
    if column.times is not None:
        parts.append("all readable as times" + ("" if column.offset else ", without offset"))
    elif column.numeric:
        parts.append(f"{column.low:.4g} to {column.high:.4g}")
    if column.distinct > 1:
        parts.append(f"{column.distinct} different in {column.rows} rows")
    elif column.distinct == 1:
        parts.append("the same in all rows")
    if column.filled < 1:
        parts.append(f"{1 - column.filled:.1%} missing")
    return ", ".join(parts)


def guess_unit(column: Traits) -> tuple[str, str, bool]:
    """Unit of a latency column, why, and whether it is sure."""
    last = column.words[-1]
    if last in UNITS and len(column.words) > 1:
        return UNITS[last], f"its name ends in `{last}`", True
    if column.median >= 1_000_000:  # noqa: PLR2004 - a second in microseconds
        return "ns", f"the median is {column.median:.4g}: too large for any other unit", False
    if column.median >= 5:  # noqa: PLR2004 - seconds are rarely that many
        return "ms", f"the median is {column.median:.4g}: too slow for seconds", False
    return "s", f"the median is {column.median:.4g}", False


def guess_scores(columns: Mapping[str, Traits], taken: set[str]) -> dict[str, str]:
    """Class → column where several columns hold a probability each: `proba_a`, `proba_b`; else empty."""
    families: dict[str, dict[str, str]] = {}
    for each in columns.values():
        first, rest = (each.words[0], "_".join(each.words[1:])) if each.words else ("", "")
        if each.name in taken or not rest or not (each.numeric and each.low >= 0 and each.high <= 1):
            continue
        if first in _SCORE_WORDS | {"p", "scores"}:
            # The class as it is written, not in lower-case words.
            families.setdefault(first, {})[each.name.rsplit(".", 1)[-1][len(first) :].lstrip("_-")] = each.name
    largest = max(families.values(), key=len, default={})
    return largest if len(largest) > 1 else {}
