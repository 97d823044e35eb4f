"""A whole model guessed from samples of its logs: every choice with its reason."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from exporter.config.class_columns import likeliest_class, true_class
from exporter.config.consistency import RESERVED_DIMENSIONS
from exporter.config.guesses import Guess, evidence, guess_role, guess_scores, guess_unit
from exporter.config.logs import Join, Log, find_join, times_by_id
from exporter.config.sample import numbers_of
from exporter.config.traits import Traits
from exporter.errors import ConfigError, Problem
from exporter.profile.cells import read_names
from exporter.profile.class_names import class_table

_SLICE_VALUES = 20
_SLICES = 3
_FEW = 20
_CLASSES = 50
_FREE_TEXT = 0.5
_TWO = 2


@dataclass(frozen=True, slots=True)
class Choice:
    """A value for a key, why, and whether a person should look at it."""

    value: str
    because: str
    sure: bool = True


@dataclass(slots=True)
class Proposal:
    """What a model's configuration may say.

    Attributes:
        roles: role → column of the prediction log.
        scores: multiclass: class → column.
        classes: as logged; binary: the negative one first; empty where the usual words are used.
        positive: the positive class, where it is not one of the usual words.
        features, left_out: column → reason.
        label_roles: role → column of the label log.
        default: the label assumed where none comes.
        notes: what else a person should look at.
    """

    predictions: Log
    labels: Log | None
    join: Join | None
    roles: dict[str, Guess] = field(default_factory=dict)
    scores: dict[str, str] = field(default_factory=dict)
    task: Choice = field(default_factory=lambda: Choice("binary", ""))
    unit: Choice | None = None
    classes: tuple[str, ...] = ()
    positive: Choice | None = None
    slices: dict[str, str] = field(default_factory=dict)
    features: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    label_roles: dict[str, Guess] = field(default_factory=dict)
    default: Choice | None = None
    notes: list[str] = field(default_factory=list)


_TRUTH = "; unsure: has the predicted classes; if it is the truth, take it out here and make it `label` in `columns`"


def propose(predictions: Log, labels: Log | None) -> Proposal:
    """The likeliest configuration for these logs.

    Raises:
        ConfigError: there is no time, or nothing that could be a prediction.
    """
    join = find_join(predictions, labels) if labels is not None else None
    if labels is not None and join is None and not (_has_id(predictions) and _has_id(labels)):
        found = propose(predictions, None)
        names = ", ".join(str(path) for path in labels.paths)
        found.notes.append(f"labels in {names} are left out: no column of ids joins them with the predictions")
        return found
    found = Proposal(predictions, labels, join)
    if labels is not None:
        _label_log(found, labels)
    _roles(found)
    _outputs(found)
    _task(found)
    _classes(found)
    _rest(found)
    return found


def _has_id(log: Log) -> bool:
    return guess_role("id", log.columns, set()) is not None


def _label_log(found: Proposal, labels: Log) -> None:
    taken: set[str] = set()
    if found.join is not None:
        because = f"{found.join.share:.0%} of the labels seen find a prediction by it"
        found.label_roles["id"] = Guess(found.join.label_id, because)
        found.roles["id"] = Guess(
            found.join.prediction_id, f"{because}; {evidence(found.predictions.columns[found.join.prediction_id])}"
        )
    elif (guess := guess_role("id", labels.columns, taken)) is not None:
        found.label_roles["id"] = Guess(
            guess.column, f"{guess.because}; but none of the labels seen finds a prediction", sure=False
        )
    taken |= {each.column for each in found.label_roles.values()}
    when = guess_role("label_time", labels.columns, taken) or guess_role("time", labels.columns, taken)
    if when is not None:
        found.label_roles["time"] = when
        taken.add(when.column)
    same = [name for name in labels.columns if name not in taken and name in found.predictions.columns]
    label = guess_role("label", labels.columns, taken)
    if label is None:
        rest = [each for each in labels.columns.values() if each.name not in taken and each.distinct > 0]
        if not rest:
            raise ConfigError(
                [Problem(str(labels.paths[0]), "holds no column that could be the label; has it the right columns?")]
            )
        name = next((each for each in same), min(rest, key=lambda each: each.distinct).name)
        only = len(rest) == 1
        because = "the only column left" if only else f"of {len(rest)} columns left the one with the fewest values"
        label = Guess(name, f"{because}; {evidence(labels.columns[name])}", sure=only)
    found.label_roles["label"] = label


def _roles(found: Proposal) -> None:
    columns = found.predictions.columns
    taken = {guess.column for guess in found.roles.values()}
    wanted = ["time", "id", "latency", "version", "replica", "error", "weight", "run"]
    if found.labels is None:
        wanted.insert(2, "label")
    for role in wanted:
        if role in found.roles:
            continue
        guess = guess_role(role, columns, taken)
        if guess is not None:
            found.roles[role] = guess
            taken.add(guess.column)
    if "time" not in found.roles:
        seen = ", ".join(columns)
        fix = "log when each prediction was made: ISO 8601 text or Unix time"
        raise ConfigError([Problem(str(found.predictions.paths[0]), f"no column holds times (columns: {seen}); {fix}")])
    if "label" in found.roles:
        when = guess_role("label_time", columns, taken)
        # By content alone any second time could be one.
        if when is not None and when.sure:
            found.roles["label_time"] = when
    if "latency" in found.roles:
        found.unit = Choice(*guess_unit(columns[found.roles["latency"].column]))


def _outputs(found: Proposal) -> None:
    columns = found.predictions.columns
    taken = {guess.column for guess in found.roles.values()}
    found.scores = guess_scores(columns, taken)
    taken |= set(found.scores.values())
    if not found.scores and (score := guess_role("score", columns, taken)) is not None:
        found.roles["score"] = score
        taken.add(score.column)
    prediction = guess_role("prediction", columns, taken)
    if len(found.scores) > _TWO:
        prediction = prediction or likeliest_class(found.predictions, found.scores, taken)
        taken |= set() if prediction is None else {prediction.column}
        if found.labels is None and "label" not in found.roles and (truth := true_class(columns, found.scores, taken)):
            found.roles["label"] = truth
    label = found.label_roles.get("label") or found.roles.get("label")
    if prediction is None and "score" in found.roles:
        prediction = _cut_of_score(found, found.roles["score"].column, taken)
    if prediction is None and label is not None and label.column in columns and label.column not in taken:
        prediction = Guess(label.column, "it has the name of the label log's label")
    if prediction is not None:
        found.roles["prediction"] = prediction
    elif not found.scores and "score" not in found.roles:
        _last_resort(found, taken)


def _cut_of_score(found: Proposal, score: str, taken: set[str]) -> Guess | None:
    """A column of two values that is the score cut at a threshold; None where there is none."""
    values = found.predictions.sample.column(score)
    if values is None:
        return None
    numbers = numbers_of(values)[0]
    for each in found.predictions.columns.values():
        column = found.predictions.sample.column(each.name)
        if each.name in taken or each.distinct != _TWO or column is None:
            continue
        codes = read_names(column).codes
        if len(numbers) != len(codes) or (codes < 0).any():
            continue
        first, second = (numbers[codes == code] for code in np.unique(codes))
        low, high = (first, second) if first.mean() < second.mean() else (second, first)
        if low.max() <= high.min():
            return Guess(each.name, f"two values, told apart by `{score}` at {high.min():.3g}; {evidence(each)}")
    return None


def _last_resort(found: Proposal, taken: set[str]) -> None:
    columns = [each for each in found.predictions.columns.values() if each.name not in taken]
    likely = [each for each in columns if each.shape == "bool" or each.distinct == _TWO] or [
        each for each in columns if each.numeric
    ]
    if not likely:
        seen = ", ".join(found.predictions.columns)
        fix = "log what was predicted, in a column such as `prediction`"
        raise ConfigError(
            [Problem(str(found.predictions.paths[0]), f"no column could be a prediction (columns: {seen}); {fix}")]
        )
    last = likely[-1]
    found.roles["prediction"] = Guess(
        last.name, f"no name says so; the last column that could be one: {evidence(last)}", sure=False
    )


def _task(found: Proposal) -> None:
    columns = found.predictions.columns
    label = _label_traits(found)
    if len(found.scores) == _TWO:
        # Two probabilities say the same: one of them is the score.
        name, column = list(found.scores.items())[-1]
        found.roles["score"] = Guess(
            column,
            f"of two columns of probabilities that of `{name}`",
            sure=class_table(("0", "1")).get(name.lower()) == 1,
        )
        found.left_out |= {each: "probability of the other class" for each in found.scores.values() if each != column}
        found.scores = {}
    if found.scores:
        found.task = Choice("multiclass", f"{len(found.scores)} columns of probabilities")
        return
    prediction = found.roles.get("prediction")
    traits = columns[prediction.column] if prediction is not None else None
    found.task = _task_of(traits, label, scored="score" in found.roles)
    if traits is not None and traits.unit_interval and found.task.value == "binary" and "score" not in found.roles:
        # What is called the prediction is the probability.
        found.roles["score"] = Guess(
            traits.name, f"it holds numbers between 0 and 1: a probability, no class; {evidence(traits)}", sure=False
        )
        del found.roles["prediction"]
    if found.task.value != "binary" and "score" in found.roles:
        moved = found.roles.pop("score")
        found.left_out[moved.column] = f"a number between 0 and 1, but the task is {found.task.value}"


def _label_traits(found: Proposal) -> Traits | None:
    if found.labels is not None:
        return found.labels.columns[found.label_roles["label"].column]
    return found.predictions.columns[found.roles["label"].column] if "label" in found.roles else None


def _task_of(prediction: Traits | None, label: Traits | None, *, scored: bool) -> Choice:
    if prediction is None:
        return Choice("binary", "there is one probability and no class")
    what = f"`{prediction.name}` holds {evidence(prediction)}"
    if prediction.shape == "bool" or (prediction.distinct <= _TWO and prediction.shape != "number"):
        return Choice("binary", what, sure=prediction.distinct > 1)
    if prediction.shape == "text":
        return Choice("multiclass", what)
    if prediction.unit_interval and label is not None and label.distinct <= _TWO:
        return Choice("binary", f"{what}, and the label has {label.distinct} values")
    if prediction.shape == "number":
        sure = not prediction.unit_interval
        return Choice("regression", what, sure)
    few = prediction.distinct <= _FEW and (label is None or label.distinct <= _FEW)
    if few:
        return Choice("multiclass", f"{what}: few whole numbers, likely classes", sure=False)
    return Choice("regression", what, sure=not scored)


def _classes(found: Proposal) -> None:
    if found.task.value == "regression":
        return
    names: Counter[str] = Counter()
    for log, role in (
        (found.predictions, found.roles.get("prediction")),
        (found.predictions, found.roles.get("label")),
        (found.labels, found.label_roles.get("label")),
    ):
        column = log.sample.column(role.column) if log is not None and role is not None else None
        if column is not None:
            read = read_names(column)
            names.update(
                {
                    read.names[code]: int(n)
                    for code, n in zip(*np.unique(read.codes[read.codes >= 0], return_counts=True), strict=True)
                }
            )
    if found.task.value == "multiclass":
        found.classes = tuple(sorted(set(names) | set(found.scores))) if len(names) <= _CLASSES else ()
        return
    unusual = [name for name in names if name.lower() not in class_table(("0", "1"))]
    if len(names) == 1:
        seen = next(iter(names))
        fix = f"add `classes: [<the other>, {seen}]` and `positive_class`" if unusual else "a longer sample tells more"
        found.notes.append(f"`{seen}` is the only class seen: {fix}")
    if unusual and len(names) == _TWO:
        found.positive = _positive(found, names)
        found.classes = (next(name for name in names if name != found.positive.value), found.positive.value)
    _only_positives(found)


def _positive(found: Proposal, names: Counter[str]) -> Choice:
    score, prediction = found.roles.get("score"), found.roles.get("prediction")
    if score is not None and prediction is not None:
        values = found.predictions.sample.column(score.column)
        read = read_names(found.predictions.sample.column(prediction.column))
        numbers = numbers_of(values)[0]
        if len(numbers) == len(read.codes):
            means = {
                name: float(numbers[read.codes == code].mean())
                for code, name in enumerate(read.names)
                if (read.codes == code).any()
            }
            if len(means) == _TWO:
                return Choice(max(means, key=lambda name: means[name]), f"its rows have the higher `{score.column}`")
    rarer = min(names, key=lambda name: names[name])
    return Choice(rarer, "the rarer of the two", sure=False)


def _only_positives(found: Proposal) -> None:
    label = found.label_roles.get("label")
    if found.labels is None or label is None:
        return
    traits = found.labels.columns[label.column]
    if traits.distinct == 1 and traits.filled == 1:
        value = traits.values[0]
        usual = "0" if class_table(("0", "1")).get(value.lower()) == 1 else None
        other = next((each for each in found.classes if each != value), None) if value in found.classes else usual
        if found.classes and other not in found.classes:
            return
        if other is not None:
            found.default = Choice(
                other, "every label seen is the same class: perhaps only positives are logged", sure=False
            )


def _rest(found: Proposal) -> None:
    """Slices and features from what has no role."""
    taken = {guess.column for guess in found.roles.values()} | set(found.scores.values()) | set(found.left_out)
    slices: list[Traits] = []
    for each in found.predictions.columns.values():
        if each.name in taken:
            continue
        reason = _no_feature(each)
        if reason is not None:
            found.left_out[each.name] = reason
            continue
        found.features[each.name] = evidence(each) + (_TRUTH if _may_be_truth(found, each) else "")
        if (
            each.shape in ("text", "bool")
            and _TWO <= each.distinct <= _SLICE_VALUES
            and each.distinct < each.rows / _TWO
        ):
            slices.append(each)
    slices = [each for each in slices if each.name.rsplit(".", 1)[-1] not in RESERVED_DIMENSIONS]
    for each in sorted(slices, key=lambda each: each.distinct)[:_SLICES]:
        found.slices[each.name] = f"{each.distinct} values"


def _may_be_truth(found: Proposal, column: Traits) -> bool:
    """Whether it holds the predicted classes, in a log without labels: a truth that is counted as an input is worse."""
    prediction = found.roles.get("prediction")
    if _label_traits(found) is not None or prediction is None or found.task.value == "regression":
        return False
    classes = found.predictions.columns[prediction.column].values
    return len(classes) > 1 and set(classes) == set(column.values)


def _no_feature(column: Traits) -> str | None:
    if column.shape in ("empty", "nested", "time"):
        return {"empty": "always empty", "nested": "a list", "time": "a time"}[column.shape]
    if column.times is not None:
        return "looks like a time"
    if column.distinct == 1 and column.filled == 1:
        return "the same in all rows"
    if column.shape == "text" and column.distinct > max(_FEW, _FREE_TEXT * column.rows * column.filled):
        return "nearly every text is different: an id or free text"
    if column.words and column.words[-1] in ("id", "uuid", "index") and column.distinct > _FEW:
        return "by its name an id"
    return None


def label_delay(found: Proposal) -> float | None:
    """Longest delay in seconds of the labels seen that find their prediction; None where it cannot be known."""
    when = found.label_roles.get("time")
    if found.labels is None or found.join is None or when is None:
        return None
    started = times_by_id(found.predictions, found.join.prediction_id, found.roles["time"].column)
    ended = times_by_id(found.labels, found.join.label_id, when.column)
    delays = [ended[each] - started[each] for each in ended if each in started]
    return max(delays) if delays else None
