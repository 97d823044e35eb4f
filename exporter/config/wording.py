"""pydantic's errors in words for a person: where, what is wrong, what to do."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from exporter.config.flow import flow
from exporter.config.likeness import did_you_mean, likely, suggest
from exporter.config.shape import field_at, keys_at, sections
from exporter.config.tree import Entry, Path, dotted, locate
from exporter.errors import Problem

_BOUNDS = {
    "greater_than": "greater than {gt:g}",
    "greater_than_equal": "{ge:g} or more",
    "less_than": "less than {lt:g}",
    "less_than_equal": "{le:g} or less",
}


def problems_of(error: ValidationError, model: type[BaseModel], root: Entry, file: str) -> Iterator[Problem]:
    """A problem for each of pydantic's errors on `root`, save those that follow from one told before."""
    seen: set[tuple[Path, str]] = set()
    errors = error.errors(include_url=False, include_input=False)
    misspelt = {
        (each["loc"][:-1], likely(str(each["loc"][-1]), keys_at(model, each["loc"][:-1])))
        for each in errors
        if each["type"] == "extra_forbidden"
    }
    for details in errors:
        location = details["loc"]
        entry, rest = locate(root, location)
        if details["type"] == "union_tag_invalid":
            entry = entry.get("type") or entry
        missing = details["type"] == "missing"
        # A key that is there under a wrong name is told by that name.
        if entry.told or (missing and (location[:-1], location[-1]) in misspelt):
            continue
        path = (*entry.path, *rest[-1:]) if missing and isinstance(location[-1], str) else entry.path
        message = _message(details, model, entry)
        # Members of a union each complain of the same value: the first word is enough.
        if (path, message) not in seen:
            seen.add((path, message))
            where = f"{file}:{entry.line}: {dotted(path)}" if path else f"{file}:{entry.line}"
            yield Problem(where, message)


def _message(details: ErrorDetails, model: type[BaseModel], entry: Entry) -> str:
    kind, context, location = details["type"], details.get("ctx") or {}, details["loc"]
    if kind == "missing" and isinstance(location[-1], int):
        return f"has too few entries{_such_as(location[:-1], model)}"
    if kind == "missing":
        field = field_at(model, location)
        text = f"is missing; add `{_example(location[-1], field)}`" if field else "is missing; add it"
        return f"{text}. {_first_sentence(field.description)}" if field and field.description else text
    if kind == "extra_forbidden":
        return f"unknown key; {suggest(str(location[-1]), keys_at(model, location[:-1]))}"
    if kind == "value_error":
        what = str(context.get("error", ""))
        return f"{_shown(entry)}{what}" if what.startswith(("is ", "must ")) else what
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _tag(kind, context, entry)
    if kind == "literal_error" and (hint := did_you_mean(entry.written, _literals(context))):
        return f"{_expected(details, context, model, entry)}; {hint}"
    return f"{_expected(details, context, model, entry)}{_such_as(location, model)}"


def _expected(details: ErrorDetails, context: dict[str, Any], model: type[BaseModel], entry: Entry) -> str:
    kind = details["type"]
    if kind == "literal_error":
        known = _literals(context)
        one_of = known[0] if len(known) == 1 else f"one of {', '.join(known)}"
        return f"must be {one_of}{_not(entry)}"
    if kind in _BOUNDS:
        return f"must be {_BOUNDS[kind].format(**context)}{_not(entry)}"
    if kind.startswith("int"):
        return f"must be a whole number{_not(entry)}"
    if kind.startswith("float") or kind == "finite_number":
        return f"must be a number{_not(entry)}"
    if kind.startswith("bool"):
        return f"must be true or false{_not(entry)}"
    if kind.startswith("string"):
        return f"must be text{_not(entry)}"
    if kind in ("list_type", "tuple_type"):
        return f"must be a list{_not(entry)}"
    if kind in ("dict_type", "model_type", "model_attributes_type", "dataclass_type", "mapping_type"):
        keys = keys_at(model, details["loc"])
        such = f" with keys such as {', '.join(keys[:4])}" if keys else ""
        return f"must be a mapping{such}{_not(entry)}"
    if kind.startswith("path"):
        return f"must be a path{_not(entry)}"
    if kind == "too_short":
        return f"has too few entries; give at least {context.get('min_length', 1)}"
    if kind == "too_long":
        return f"has too many entries; give at most {context.get('max_length')}"
    text = details["msg"]
    return text[0].lower() + text[1:]


def _literals(context: dict[str, Any]) -> list[str]:
    return [each.strip().strip("'") for each in str(context["expected"]).replace(" or ", ", ").split(", ")]


def _tag(kind: str, context: dict[str, Any], entry: Entry) -> str:
    known = [each.strip().strip("'") for each in str(context.get("expected_tags", "")).split(",") if each.strip()]
    if kind == "union_tag_invalid":
        return f"unknown type {_quoted(entry.written)}; {suggest(entry.written, known)}"
    first = known[0] if known else "files"
    others = f" (or {', '.join(known[1:])})" if known[1:] else ""
    return f"`type` is missing; add `type: {first}`{others}"


def _such_as(location: tuple[str | int, ...], model: type[BaseModel]) -> str:
    field = field_at(model, location)
    if field is None or not field.examples:
        return ""
    return f"; for example `{_example(location[-1], field)}`"


def _example(key: str | int, field: Any) -> str:
    """`key: example` on one line."""
    if field is None or not field.examples:
        return f"{key}: …"
    example = field.examples[0]
    if isinstance(example, dict) and not example and sections(field.annotation):
        return f"{key}: {{…}}"
    return f"{key}: {flow(example)}"


def _not(entry: Entry) -> str:
    if isinstance(entry.value, dict):
        return ", not a mapping"
    if isinstance(entry.value, list):
        return ", not a list"
    return f", not {_quoted(entry.written)}" if entry.written else ", not empty"


def _shown(entry: Entry) -> str:
    if isinstance(entry.value, (dict, list)) or not entry.written:
        return ""
    return f"{_quoted(entry.written)} "


def _quoted(text: str) -> str:
    limit = 60
    cut = text if len(text) <= limit else text[:limit] + "…"
    return "`" + " ".join(cut.split()) + "`"


def _first_sentence(text: str) -> str:
    return text.split(". ", maxsplit=1)[0].rstrip(".") + "."
