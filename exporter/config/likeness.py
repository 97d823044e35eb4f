"""What a person may have meant by a name that is not known."""

import difflib
from collections.abc import Iterable

_LIST_LIMIT = 15


def likely(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`; None where none is like it."""
    by_folded = {each.casefold(): each for each in sorted(known)}
    folded = name.casefold()
    close = difflib.get_close_matches(folded, by_folded, n=1, cutoff=0.6)
    if not close:
        # A longer or shorter form of the same name: `timestamp_column` for `timestamp`.
        close = [each for each in by_folded if len(each) > 2 and (each in folded or folded in each)][:1]  # noqa: PLR2004 - very short names are in everything
    return by_folded[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question with the known name most like `name`; empty where none is like it."""
    close = likely(name, known)
    return f"did you mean `{close}`?" if close else ""


def suggest(name: str, known: Iterable[str]) -> str:
    """A hint for an unknown name: the likely one, else the list of what is known."""
    known = list(known)
    if hint := did_you_mean(name, known):
        return hint
    shown = ", ".join(known[:_LIST_LIMIT]) + (", …" if len(known) > _LIST_LIMIT else "")
    return f"known here: {shown}" if shown else "take it out"
