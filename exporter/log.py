"""Structured logs: an event in lower-case words, facts as keys, on standard error."""

import logging
import sys
from typing import Literal

import structlog

from exporter.visible import visible

Logger = structlog.stdlib.BoundLogger
LogFormat = Literal["logfmt", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]


def configure(level: LogLevel = "info", fmt: LogFormat = "logfmt") -> Logger:
    """Sets up logging for the process and returns its root logger."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if fmt == "json"
        else structlog.processors.LogfmtRenderer(key_order=["ts", "level", "event"], drop_missing=True)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            structlog.processors.format_exc_info,
            _harmless,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    logger: Logger = structlog.get_logger()
    return logger


def _harmless(
    _logger: structlog.typing.WrappedLogger, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Texts that came with a log, a file's name or a request forge no line and move no cursor."""
    # Line feeds are left: both renderers escape them.
    return {key: visible(value) if isinstance(value, str) else value for key, value in event.items()}
