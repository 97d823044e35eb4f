"""Whether the columns' roles fit the task, the labels and each other."""

from collections.abc import Iterator
from typing import Any

from exporter.config.flow import flow
from exporter.config.model import ModelSection
from exporter.config.streams import PredictionColumns
from exporter.config.tree import Path
from exporter.profile.class_names import class_table
from exporter.sources.sql_config import SqlConfig

Fault = tuple[Path, str]

_COLUMNS: Path = ("predictions", "columns")


def task_faults(model: ModelSection) -> Iterator[Fault]:
    """What the task needs and what it has no use for."""
    columns = model.predictions.columns
    if columns.time is None:
        yield _COLUMNS, "`time` is missing; name the column that says when the prediction was made, such as `time: ts`"
    check = {"binary": _binary, "multiclass": _multiclass, "regression": _regression}[model.task]
    yield from check(model, columns)
    if model.task != "binary" and model.positive_class is not None:
        yield ("positive_class",), f"only binary models have a positive class, this one is {model.task}; take it out"
    if model.task != "binary" and "decision_threshold" in model.model_fields_set:
        yield (
            ("decision_threshold",),
            f"only binary models have a decision threshold, this one is {model.task}; take it out",
        )


def _binary(model: ModelSection, columns: PredictionColumns) -> Iterator[Fault]:
    if columns.prediction is None and columns.score is None:
        yield _COLUMNS, "a binary model needs `prediction` or `score`; name the column of one of them"
    if columns.scores:
        yield (
            (*_COLUMNS, "scores"),
            "is for multiclass models; a binary one has `score: <column of the positive class's probability>`",
        )
    if model.classes and len(set(model.classes)) != 2:  # noqa: PLR2004 - binary
        yield ("classes",), "a binary model has two classes; give both, or change `task` to multiclass"
    if not model.classes and model.positive_class is not None and not _is_yes(model.positive_class):
        positive = flow(model.positive_class)
        yield (
            ("positive_class",),
            f"the name of the other class is not known; add `classes: [<the other>, {positive}]`",
        )
    if model.classes and model.positive_class is not None and model.positive_class not in model.classes:
        yield (
            ("positive_class",),
            f"`{model.positive_class}` is none of `classes` ({', '.join(model.classes)}); use one of them",
        )


def _is_yes(name: str) -> bool:
    return class_table(("0", "1")).get(name.lower()) == 1


def _multiclass(model: ModelSection, columns: PredictionColumns) -> Iterator[Fault]:
    if columns.prediction is None and not columns.scores:
        yield _COLUMNS, "a multiclass model needs `prediction` or `scores`; name the column of the predicted class"
    if columns.score is not None:
        yield (*_COLUMNS, "score"), "is for binary models; a multiclass one has `scores: {class: column}`"
    classes = model.classes
    repeated = sorted({each for each in classes if classes.count(each) > 1})
    if repeated:
        yield ("classes",), f"{', '.join(repeated)} stands twice; keep one"
    if len(set(classes)) == 1:
        yield ("classes",), "has one class only; give all of them, or leave `classes` out"
    if "other" in classes:
        yield (
            ("classes", classes.index("other")),
            "`other` is what ml-exporter calls all classes not listed; leave it out",
        )
    if classes and columns.scores and set(classes) != set(columns.scores):
        differing = [f"{each} has no score" for each in classes if each not in columns.scores]
        differing += [f"{each} is no class" for each in columns.scores if each not in classes]
        yield (*_COLUMNS, "scores"), f"does not match `classes`: {', '.join(differing)}; name every class once in both"


def _regression(model: ModelSection, columns: PredictionColumns) -> Iterator[Fault]:
    if columns.prediction is None:
        yield _COLUMNS, "a regression model needs `prediction`; name the column of the predicted number"
    for role, given in (("score", columns.score), ("scores", columns.scores)):
        if given:
            yield (
                (*_COLUMNS, role),
                "a regression model has no probabilities; name the number as `prediction`, or change `task`",
            )
    if model.classes:
        yield ("classes",), "a regression model has no classes; take it out, or change `task`"


def role_faults(model: ModelSection) -> Iterator[Fault]:
    """Columns that play two roles which exclude each other."""
    yield from _doubles(model.predictions.columns, _COLUMNS)
    if model.reference_data is not None:
        yield from _reference_faults(model)
    labels = model.labels.columns if model.labels else None
    if labels is not None:
        given = {"id": labels.id, "label": labels.label, "time": labels.time}
        yield from shared_columns(given, ("labels", "columns"))


def _reference_faults(model: ModelSection) -> Iterator[Fault]:
    at: Path = ("reference_data", "columns")
    roles = reference_roles(model)
    if roles.label is not None and roles.label in (roles.prediction, roles.score):
        yield (
            at,
            (
                f"the label log's column `{roles.label}` has the name of the prediction's; "
                f"say what the label is called in the reference data, such as `label: {roles.label}_true`"
            ),
        )
        return
    yield from _doubles(roles, at)


def reference_roles(model: ModelSection) -> PredictionColumns:
    """Roles of the reference data's columns: the predictions', the label log's label, and over them what is written."""
    roles = model.predictions.columns
    if roles.label is None and model.labels is not None and model.labels.columns is not None:
        labels = model.labels.columns
        # Both logs may call their time `ts`: in the reference data it is the prediction's.
        learned = labels.time if labels.time != roles.time else None
        roles = roles.model_copy(update={"label": labels.label, "label_time": learned})
    data = model.reference_data
    given = {role: getattr(data.columns, role) for role in data.columns.model_fields_set} if data else {}
    return roles.model_copy(update=given)


def _doubles(columns: PredictionColumns, at: Path) -> Iterator[Fault]:
    given: dict[str, str | None] = {
        role: getattr(columns, role)
        for role in (
            "time",
            "id",
            "prediction",
            "score",
            "error",
            "version",
            "replica",
            "weight",
            "label",
            "label_time",
        )
    }
    given["latency"] = columns.latency.column if columns.latency else None
    given |= {f"scores.{name}": column for name, column in columns.scores.items()}
    yield from shared_columns(given, at)


def shared_columns(given: dict[str, str | None], at: Path) -> Iterator[Fault]:
    """Roles that have the same column."""
    first: dict[str, str] = {}
    for role, column in given.items():
        if column is None:
            continue
        if column in first:
            fix = "each needs a column of its own"
            if {role, first[column]} == {"prediction", "score"}:
                fix = "leave `prediction` out: it follows from `score` and `decision_threshold`"
            if {role, first[column]} == {"label", "prediction"}:
                fix = "the model would always be right; name the column of the truth"
            yield (*at, *role.split(".", 1)), f"column `{column}` is already `{first[column]}`; {fix}"
        first.setdefault(column, role)


def label_faults(model: ModelSection) -> Iterator[Fault]:
    """Labels that could not be found or joined."""
    columns, labels = model.predictions.columns, model.labels
    if columns.label_time is not None and columns.label is None:
        yield (*_COLUMNS, "label_time"), "there is no `label` in the row; name its column, or take `label_time` out"
    if labels is None:
        return
    if labels.source is None and labels.columns is not None:
        yield (
            ("labels", "columns"),
            "there is no `source` to read them from; add one, or name `label` in `predictions.columns`",
        )
    elif labels.source is None and columns.label is None:
        yield (
            ("labels",),
            "nothing says where labels are; add `source` and `columns`, or name `label` in `predictions.columns`",
        )
    if labels.source is not None:
        if labels.columns is None:
            yield ("labels",), "`columns` is missing; add `columns: {id: request_id, label: y, time: labelled_at}`"
        if columns.id is None:
            yield (
                _COLUMNS,
                "`id` is missing: without it no label can be joined; name the column that the label log repeats",
            )
        if columns.label is not None:
            yield (*_COLUMNS, "label"), "the label log gives labels too; keep one of the two"
    elif columns.label is not None:
        yield from _idle_faults(model)
    yield from _default_faults(model)


def sql_faults(model: ModelSection) -> Iterator[Fault]:
    """Keys that a table needs where it is read again and again."""
    logs: list[tuple[str, Any, str | None]] = [
        ("predictions", model.predictions.source, model.predictions.columns.id),
    ]
    if model.labels is not None and model.labels.columns is not None:
        logs.append(("labels", model.labels.source, model.labels.columns.id))
    for log, source, id_column in logs:
        if isinstance(source, SqlConfig):
            for key, message in source.faults(id_column):
                yield (log, "source", key), message


def _idle_faults(model: ModelSection) -> Iterator[Fault]:
    """Keys that rule how a label log is joined, where there is none."""
    given = model.labels.model_fields_set if model.labels else set()
    fix = "take it out, or give the label log's `source` and `columns` and take `label` out of `predictions.columns`"
    for key in ("wait", "default", "conflict", "by_feature", "timezone"):
        if key in given:
            yield ("labels", key), f"does nothing where the label stands in the prediction's own row; {fix}"


def _default_faults(model: ModelSection) -> Iterator[Fault]:
    default = model.labels.default if model.labels else None
    if default is None:
        return
    if model.task == "regression":
        try:
            float(default)
        except ValueError:
            yield ("labels", "default"), f"`{default}` is no number, but the task is regression; give a number or null"
    elif model.classes and default not in model.classes:
        yield (
            ("labels", "default"),
            f"`{default}` is none of `classes` ({', '.join(model.classes)}); use one of them or null",
        )
