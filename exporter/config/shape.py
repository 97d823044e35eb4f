"""The shape of the configuration, found by walking its models: what may stand where."""

import types
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

Location = tuple[str | int, ...]


def members(annotation: Any) -> tuple[Any, ...]:
    """The kinds that `annotation` allows, without None and without the marks of Annotated."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return members(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return tuple(member for each in get_args(annotation) if each is not type(None) for member in members(each))
    return (annotation,)


def sections(annotation: Any) -> tuple[type[BaseModel], ...]:
    """The models among the kinds that `annotation` allows."""
    return tuple(each for each in members(annotation) if isinstance(each, type) and issubclass(each, BaseModel))


def field_at(root: type[BaseModel], location: Location) -> FieldInfo | None:
    """The field that `location` (keys, indexes, tags of unions) leads to; None where it leads to no field."""
    return _walk(root, location)[1]


def keys_at(root: type[BaseModel], location: Location) -> tuple[str, ...]:
    """Keys that the mapping at `location` knows; empty where any key goes."""
    found = sections(_walk(root, location)[0])
    return tuple(found[0].model_fields) if len(found) == 1 else ()


def _walk(root: type[BaseModel], location: Location) -> tuple[Any, FieldInfo | None]:
    kind: Any = root
    field: FieldInfo | None = None
    for part in location:
        models = sections(kind)
        if len(models) > 1:
            tagged = [each for each in models if part in get_args(each.model_fields["type"].annotation)]
            kind, field = (tagged[0] if tagged else None), None
        elif models and part in models[0].model_fields:
            field = models[0].model_fields[str(part)]
            kind = field.annotation
        elif inner := _inner(kind):
            kind, field = inner, None
        elif not (models and _is_tag(models[0], part)):
            return None, None
    return kind, field


def _is_tag(model: type[BaseModel], part: str | int) -> bool:
    """True where `part` is what pydantic puts in for a union of which only this member is there."""
    kind = model.model_fields.get("type")
    return kind is not None and part in get_args(kind.annotation)


def _inner(kind: Any) -> Any:
    """What a dict's values or a list's items are."""
    for each in members(kind):
        arguments = get_args(each)
        if get_origin(each) is dict:
            return arguments[1]
        if get_origin(each) in (list, tuple):
            return arguments[0]
    return None
