"""Which features are watched: what the configuration says now, not what it said when the reference was fitted."""

import numpy as np
import pytest

from exporter.engine.plan import ModelPlan, StreamPlan
from exporter.engine.references import runtime_layout
from exporter.profile.bins import NumericBins
from exporter.profile.columns import Columns
from exporter.profile.layout import Layout


def never():
    raise AssertionError


@pytest.mark.parametrize(
    ("included", "excluded", "watched"),
    [(None, (), ["a", "b", "c"]), ({"a": "a", "c": "x.c"}, (), ["a", "c"]), ({"a": "a", "b": "b"}, ("b",), ["a"])],
)
def test_a_feature_left_out_after_the_fit_is_not_watched(included, excluded, watched):
    """Nobody reads its column any more: watched, it would be missing in every row."""
    fitted = Layout(
        task="regression",
        classes=(),
        features={name: NumericBins(np.linspace(0.0, 1.0, 9), 2.0**-30) for name in ("a", "b", "c")},
    )
    plan = ModelPlan(
        name="m",
        task="regression",
        predictions=StreamPlan(never, Columns(features=included), ""),
        excluded_features=excluded,
    )
    assert list(runtime_layout(plan, fitted).features) == watched
