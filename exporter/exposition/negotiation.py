"""Which format and encoding a client wants, by its Accept and Accept-Encoding headers."""

from functools import lru_cache

TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_CACHED_HEADERS = 64
_OPENMETRICS_VERSIONS = ("1.0.0", "")


@lru_cache(maxsize=_CACHED_HEADERS)
def wants_openmetrics(accept: str) -> bool:
    """True where OpenMetrics 1.0 is named and nothing else that we speak is wanted more."""
    openmetrics = text = 0.0
    for media, parameters in _items(accept):
        if media == "application/openmetrics-text" and parameters.get("version", "") in _OPENMETRICS_VERSIONS:
            openmetrics = max(openmetrics, _quality(parameters))
        elif media in ("text/plain", "text/*"):
            text = max(text, _quality(parameters))
    return openmetrics > 0 and openmetrics >= text


@lru_cache(maxsize=_CACHED_HEADERS)
def wants_gzip(accept_encoding: str) -> bool:
    """True where gzip, or any encoding, is accepted."""
    accepted = {coding: _quality(parameters) for coding, parameters in _items(accept_encoding)}
    return accepted.get("gzip", accepted.get("*", 0.0)) > 0


def _items(header: str) -> list[tuple[str, dict[str, str]]]:
    """The comma-separated items of a header: name in lower case, parameters by name in lower case."""
    items = []
    for item in header.split(","):
        name, *pairs = (part.strip() for part in item.split(";"))
        parameters = {}
        for pair in pairs:
            key, _, value = pair.partition("=")
            parameters[key.strip().lower()] = value.strip().strip('"')
        items.append((name.lower(), parameters))
    return items


def _quality(parameters: dict[str, str]) -> float:
    try:
        return float(parameters.get("q", "1"))
    except ValueError:
        return 0.0
