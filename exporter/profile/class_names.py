"""Classes as logs name them."""

from exporter.profile.layout import Layout

_YES = frozenset({"1", "true", "yes", "y", "t", "positive"})
_NO = frozenset({"0", "false", "no", "n", "f", "negative", "-1"})


def class_table(classes: tuple[str, ...]) -> dict[str, int]:
    """Name as logged → class code. The usual words for yes and no, however capitalised, stand for two classes."""
    table = {name: code for code, name in enumerate(classes)}
    if len(classes) == 2:  # noqa: PLR2004 - negative and positive
        for words in (_NO, _YES):
            owner = next((code for code, name in enumerate(classes) if name.lower() in words), None)
            if owner is not None:
                for word in words:
                    for written in (word, word.capitalize(), word.upper()):
                        table.setdefault(written, owner)
    return table


def class_code(name: str, layout: Layout) -> int:
    """Code of a class as logged."""
    return class_table(layout.classes).get(name, other_class(layout))


def other_class(layout: Layout) -> int:
    """Code of names that are no class: *other*; where a binary model names its positive class alone, negative."""
    one_named = layout.task == "binary" and layout.classes[1].lower() not in _YES
    return 0 if one_named else len(layout.classes)
