"""A trained model as the demo serves it: rows of features in, answers out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from demo.data import CATEGORY_FEATURES, NUMERIC_FEATURES, floats

ModelName = Literal["flight_delay", "arrival_delay"]
MODELS: tuple[ModelName, ...] = ("flight_delay", "arrival_delay")
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Encoder:
    """Turns features into the matrix that the estimators read.

    Attributes:
        categories: category feature → values known when the model was trained; others become missing.
    """

    categories: Mapping[str, tuple[str, ...]]

    def encode(self, features: pa.Table) -> Floats:
        """(n, 16): NUMERIC_FEATURES, then codes of CATEGORY_FEATURES; NaN where missing or never seen."""
        columns = [floats(features[name]) for name in NUMERIC_FEATURES]
        for name in CATEGORY_FEATURES:
            codes = {value: float(code) for code, value in enumerate(self.categories[name])}
            columns.append(np.array([codes.get(value, np.nan) for value in features[name].to_pylist()], dtype=float))
        return np.column_stack(columns)


def fit_encoder(features: pa.Table) -> Encoder:
    """An encoder that knows the categories of these rows."""
    return Encoder({name: tuple(sorted(set(features[name].to_pylist()) - {None})) for name in CATEGORY_FEATURES})


@dataclass(frozen=True, slots=True)
class Model:
    """One version of a model.

    Attributes:
        estimator: scikit-learn's: a calibrated classifier for flight_delay, a regressor for arrival_delay.
    """

    name: ModelName
    version: str
    encoder: Encoder
    estimator: Any

    def answer(self, features: pa.Table) -> Floats:
        """(n,) flight_delay: probability of being late; arrival_delay: minutes. Rounded as the logs hold them."""
        if len(features) == 0:
            return np.empty(0)
        matrix = self.encoder.encode(features)
        answer: Floats
        if self.name == "flight_delay":
            answer = np.round(self.estimator.predict_proba(matrix)[:, 1], 5)
        else:
            answer = np.round(self.estimator.predict(matrix), 2)
        return answer
