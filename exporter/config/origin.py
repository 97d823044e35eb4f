"""The `source:` of a log, made ready for the source's own configuration class."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, SecretStr, ValidationInfo

from exporter.config.values import resolved
from exporter.sources.registry import SourceConfig

_PATH_KEYS = ("path", "paths")
_FILE_SUFFIX = "_file"


def source_classes() -> dict[str, type[BaseModel]]:
    """The configuration class of every `type` of source."""
    classes: dict[str, type[BaseModel]] = {}
    for each in _members(SourceConfig):
        kinds = get_args(each.model_fields["type"].annotation)
        classes.update({str(kind): each for kind in kinds})
    return classes


def _members(kind: Any) -> list[type[BaseModel]]:
    if isinstance(kind, type):
        return [kind] if issubclass(kind, BaseModel) else []
    arguments = get_args(kind)
    if get_origin(kind) is Annotated:
        arguments = arguments[:1]
    return [member for each in arguments for member in _members(each)]


def _prepare(value: Any, info: ValidationInfo) -> Any:
    """`value` with paths that start at the configuration's directory, and secrets read from their files.

    Raises:
        ValueError: a secret's file cannot be read.
    """
    if not isinstance(value, Mapping):
        return value
    directory: Path = (info.context or {}).get("directory", Path())
    kind = source_classes().get(str(value.get("type")))
    fields = kind.model_fields if kind is not None else {}
    ready: dict[str, Any] = {}
    for key, given in value.items():
        secret = key.removesuffix(_FILE_SUFFIX)
        if key != secret and key not in fields and secret in fields and _is_secret(fields[secret].annotation):
            ready[secret] = _secret(key, given, secret, value, directory)
        elif key in _PATH_KEYS or key.endswith(_FILE_SUFFIX):
            ready[key] = _resolve(given, directory)
        else:
            ready[key] = given
    return ready


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or SecretStr in get_args(annotation)


def _secret(key: str, given: Any, secret: str, section: Mapping[str, Any], directory: Path) -> Any:
    if section.get(secret) is not None:
        raise ValueError(f"`{secret}` and `{key}` are both given; keep one of them")
    path = _resolve(given, directory)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError, TypeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "cannot be read as text"
        # The path is not shown: a secret itself is easily put where its file is to be named.
        raise ValueError(f"the file of `{key}` cannot be read: {reason}; check the path and its permissions") from None


def _resolve(given: Any, directory: Path) -> Any:
    if isinstance(given, list):
        return [_resolve(each, directory) for each in given]
    if isinstance(given, str) and given.strip() and "://" not in given:
        return str(resolved(directory, given))
    return given


PreparedSource = Annotated[SourceConfig, BeforeValidator(_prepare)]
