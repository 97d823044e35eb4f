"""What docs/advice.md says beside the tables of rules and actions."""

INTRODUCTION = (
    "`ml_recommended_action{action, reason, subject}` is 1 for the one thing to do about a model, version and "
    "window. The first rule that applies wins, so what spoils other evidence stands first: where data are bad, "
    "nothing else is believed. `subject` names the feature, slice, version, objective or machine. Where no rule "
    "applies nothing is known, and there is no series. Beside it stand since when, from when on to train, and what "
    "each thing that could be done would gain: [gains.md](gains.md)."
)
LIMITS = (
    "- It says what usually helps, from counts alone: it has seen neither your code nor your calendar.\n"
    "- *Performance is degraded* means beyond the band of the reference with the whole interval. Parts of a "
    "change are those of the [shift ledger](shift-ledger.md), a convention: two causes that work together are "
    "told apart only as far as it can. Where the headline metric is not degraded itself, but another is, the "
    "cause is what moved the headline metric most.\n"
    "- What is degraded for no other reason than that positives are rarer is told by weighting labelled rows such that "
    "the classes come as often as in the reference. Log loss and Brier score are not counted by class: they are never "
    "excused so. Whether positives are rarer because the rows are other ones, or because the world is, it does not "
    "say.\n"
    "- A number out of range is a fault unless the feature moved as a whole, more than twice as much within the "
    "reference's range as out of it: then it is drift. A sensor that reads too high by a little looks like that.\n"
    "- A slice is news from four standard errors over its gap in the reference on; that gap is taken as known.\n"
    "- A version is compared with older ones each on its own traffic: an unequal split between them looks like a "
    "difference."
)
