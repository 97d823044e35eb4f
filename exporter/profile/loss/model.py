"""A fitted loss model as plain values: tables to look a code's part of the expected loss up in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from exporter.profile.bins import Floats
from exporter.profile.loss.pair_terms import Variable

_DIGITS = 6


@dataclass(frozen=True)
class LossModel:
    """E[loss | row] = base + Σ_v tables[v][code of v] + Σ_p pair term p, for L losses at once.

    Variables are features by name and, as None, the output (see output.py). Every table has mean 0 over the rows it was
    fitted to, so that a window's mean of a term is the change of the loss that the term brings. What of a pair depends
    on the row is in the layout (`Pairs`), as it is counted.

    Attributes:
        losses: names, L of them.
        base: (L,) mean losses of the fitted rows.
        tables: (width, L) a variable.
        pair_units: (L,) what one unit of a pair's counted sums is; (0,) without pairs.
        pair_means: (P, L) mean of each pair's term over the fitted rows, in units.
        carried: (width, L) a variable, of mean 0: what features do through the output (see carried.py); 0 for the
            output itself, none at all without features.
        residual: (L,) variance of what the model leaves of one row's loss, on held-out rows.
        between: (L,) variance of what chunks of time are off by beyond chance.
        doubt: (L,) variance of the model's own error for each unit of shift, see doubt.py.
        pair_doubt: (L,) the same for each unit of what pairs do beyond their variables, see dependence.py.
        pair_rows: (A, B) fitted rows by both codes of each pair.
        rows: how many it was fitted to.
    """

    losses: tuple[str, ...]
    base: Floats
    tables: Mapping[Variable, Floats]
    pair_units: Floats
    pair_means: Floats
    carried: Mapping[Variable, Floats]
    residual: Floats
    between: Floats
    doubt: Floats
    pair_doubt: Floats
    pair_rows: tuple[Floats, ...]
    rows: int

    def place(self, loss: str) -> int | None:
        """Which of the losses it is; None if the model does not tell it."""
        return self.losses.index(loss) if loss in self.losses else None

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` builds an equal model, to six digits."""
        return {
            "losses": list(self.losses),
            "base": _rounded(self.base),
            "tables": [[variable, _rounded(table)] for variable, table in self.tables.items()],
            "pair_units": self.pair_units.tolist(),
            "pair_means": _rounded(self.pair_means),
            "carried": [[variable, _rounded(table)] for variable, table in self.carried.items()],
            "residual": _rounded(self.residual),
            "between": _rounded(self.between),
            "doubt": _rounded(self.doubt),
            "pair_doubt": _rounded(self.pair_doubt),
            "pair_rows": [each.astype(int).tolist() for each in self.pair_rows],
            "rows": self.rows,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "LossModel":
        """The model that `to_json` described.

        Raises:
            ValueError: not a loss model.
        """
        losses = tuple(data["losses"])
        model = cls(
            losses=losses,
            base=_floats(data["base"], -1),
            tables={variable: _floats(table, -1, len(losses)) for variable, table in data["tables"]},
            pair_units=_floats(data["pair_units"], -1),
            pair_means=_floats(data["pair_means"], len(data["pair_means"]), len(data["pair_units"])),
            carried={variable: _floats(table, -1, len(losses)) for variable, table in data["carried"]},
            residual=_floats(data["residual"], -1),
            between=_floats(data["between"], -1),
            doubt=_floats(data["doubt"], -1),
            # References that were fitted before do not know how their pairs went together.
            pair_doubt=_floats(data.get("pair_doubt", [0.0] * len(losses)), -1),
            pair_rows=tuple(_floats(each, len(each), -1) for each in data.get("pair_rows", ())),
            rows=int(data["rows"]),
        )
        by_loss = (model.base, model.residual, model.between, model.doubt, model.pair_doubt)
        if {len(each) for each in by_loss} != {len(losses)} or len(model.pair_rows) not in {0, len(model.pair_means)}:
            msg = "the loss model's parts do not fit together"
            raise ValueError(msg)
        return model


def _rounded(values: Floats) -> list[Any]:
    """Values to six digits, as nested lists."""
    with np.errstate(divide="ignore"):
        magnitude = np.where(values == 0, 0.0, np.floor(np.log10(np.abs(values))))
    scale = 10.0 ** (_DIGITS - 1 - magnitude)
    return (np.round(values * scale) / scale).tolist()  # type: ignore[no-any-return] # numpy says Any


def _floats(values: Any, *shape: int) -> Floats:
    found = np.array(values, dtype=np.float64).reshape(shape)
    if not np.isfinite(found).all():
        msg = "the loss model holds what is no number"
        raise ValueError(msg)
    return found
