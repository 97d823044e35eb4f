"""Columns that hold nothing but the classes of a multiclass model: what was predicted, and what came true."""

from collections.abc import Mapping

import numpy as np

from exporter.config.guesses import Guess, evidence, is_input
from exporter.config.logs import Log
from exporter.config.sample import numbers_of
from exporter.config.traits import Traits
from exporter.profile.cells import read_names

_NEARLY_ALL = 0.95


def likeliest_class(log: Log, scores: Mapping[str, str], taken: set[str]) -> Guess | None:
    """The column that names the class of the highest of `scores` (class → column); None where there is none."""
    names = list(scores)
    numbers = [numbers_of(log.sample.column(column))[0] for column in scores.values()]
    for each in _of_classes(log.columns, scores, taken):
        read = read_names(log.sample.column(each.name))
        if all(len(values) == len(read.codes) for values in numbers):
            said = [read.names[code] if code >= 0 else None for code in read.codes]
            same = [names[highest] == name for highest, name in zip(np.argmax(numbers, axis=0), said, strict=True)]
            if np.mean(same) >= _NEARLY_ALL:
                return Guess(each.name, f"it names the class of the highest probability; {evidence(each)}")
    return None


def true_class(columns: Mapping[str, Traits], scores: Mapping[str, str], taken: set[str]) -> Guess | None:
    """The only column left that holds just the classes; None where there is none, or more than one."""
    left = _of_classes(columns, scores, taken)
    if len(left) != 1:
        return None
    return Guess(left[0].name, f"its values are the classes; is it the truth? {evidence(left[0])}", sure=False)


def _of_classes(columns: Mapping[str, Traits], scores: Mapping[str, str], taken: set[str]) -> list[Traits]:
    return [
        each
        for each in columns.values()
        if each.name not in taken and not is_input(each) and len(each.values) > 1 and set(each.values) <= set(scores)
    ]
