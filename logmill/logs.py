"""Logmill's own logs: JSON lines on standard output, one a batch and never one a record."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

import structlog

from logmill.settings import Settings


def configure_logs(service: str, settings: Settings, clean: Callable[[str], str] | None = None) -> None:
    """Write this process's logs, structlog's and those of libraries, as JSON lines that name the service.

    Args:
        service: its name.
        settings: those in force.
        clean: what every text of them goes through, such as redaction.
    """
    level = logging.getLevelNamesMapping()[settings.log_level]
    shared: list[structlog.typing.Processor] = [
        _with_service(service),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
        structlog.processors.format_exc_info,
        *([] if clean is None else [_with_clean_texts(clean)]),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.EventRenamer("message"), structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # One write a line, so that lines of several processes do not mix.
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.EventRenamer("message"),
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(level, logging.WARNING))


def _with_clean_texts(clean: Callable[[str], str]) -> structlog.typing.Processor:
    def apply(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {name: clean(value) if isinstance(value, str) else value for name, value in event.items()}

    return apply


def _with_service(service: str) -> structlog.typing.Processor:
    def add(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event.setdefault("service", service)
        return event

    return add
