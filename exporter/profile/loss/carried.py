"""What features do through the output: the output's terms, told by features.

A model that is wrong where its scores are near ½ has most of its expected loss in the term of the score, and a feature
that moves does harm by moving scores. So the terms of the output are fitted once more, by the features alone: what each
of them carries. What no feature carries (a model that answers otherwise than it did) stays the output's own.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from exporter.profile.bins import Floats
from exporter.profile.loss.boost import Sums, Term, boost, offsets

_ROUNDS = 40


def carry(
    terms: Sequence[Term], known: Sums, tables: Sequence[Floats], outputs: Sequence[int], features: Sequence[int]
) -> list[Floats]:
    """(width, L) tables of the terms `features` whose sum is nearest to that of the terms `outputs`.

    `tables` are those of all terms; what rows the fit needs to know of is in `known`.
    """
    starts = offsets(terms)
    spans = [np.arange(start, stop) for start, stop in pairwise(starts)]
    if not outputs or not features:
        return [np.zeros_like(tables[place]) for place in features]
    columns = np.concatenate([spans[place] for place in features])
    wanted = np.zeros((len(columns), tables[0].shape[1]))
    for place in outputs:
        wanted += known.gram[np.ix_(columns, spans[place])].astype(np.float64) @ tables[place]
    rows = known.gram[columns, columns].astype(np.float64)
    own = len(spans[features[0]])
    # Codes of one feature are all rows, once.
    mean = wanted[:own].sum(axis=0) / rows[:own].sum()
    left = Sums(known.gram[np.ix_(columns, columns)], wanted - rows[:, None] * mean)
    (found,) = boost([terms[place] for place in features], left, (_ROUNDS,))
    return found
