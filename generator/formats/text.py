"""Plain text, as loggers write it to a console; or by a template of Python's `logging`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from generator.formats.moments import iso_times
from generator.log import Log, Made
from logmill.errors import ConfigError


def on_one_line(text: str) -> str:
    r"""The text with `\n` in place of line feeds."""
    return text.replace("\n", "\\n") if "\n" in text else text


class TextFormat:
    """See `Format`.

    Args:
        template: as `logging` takes it, with `%(asctime)s`, `%(levelname)s`, `%(message)s`, `%(name)s` (the service)
            and the like; "" for our own form.
        custom: the names of the custom fields, which our own form shows at the end.

    Raises:
        ConfigError: the template names what there is none of.
    """

    content_type = "text/plain"
    header = b""
    only_requests = False

    def __init__(self, template: str = "", custom: Sequence[str] = ()) -> None:
        self._template = template
        self._custom = {f"custom_{place}": name for place, name in enumerate(custom)}
        if template:
            try:
                on_one_line(template) % _facts(Log("", "INFO", "", ""), 0, "")
            except (KeyError, TypeError, ValueError) as error:
                names = ", ".join(_facts(Log("", "INFO", "", ""), 0, ""))
                raise ConfigError(f"--format: {template!r} cannot be filled: {error}; there are {names}") from None

    def encode(self, made: Made) -> bytes:
        """See `Format`."""
        line = self._by_template if self._template else self._line
        parts = [
            on_one_line(line(log, time_us, text))
            for log, time_us, text in zip(made.logs, made.times_us, iso_times(made.times_us), strict=True)
        ]
        parts.append("")
        return "\n".join(parts).encode()

    def _line(self, log: Log, _time_us: int, time: str) -> str:
        known = log.metadata
        tail = f" [{known.request_id}]" if known.request_id else ""
        for attribute, name in self._custom.items():
            tail += f" {name}={getattr(known, attribute)}"
        return f"{time} {log.level:8} {log.service}: {log.message}{tail}"

    def _by_template(self, log: Log, time_us: int, time: str) -> str:
        return self._template % _facts(log, time_us, time)


def _facts(log: Log, time_us: int, time: str) -> dict[str, Any]:
    return {
        "asctime": time,
        "created": time_us / 1e6,
        "msecs": time_us % 1_000_000 / 1e3,
        "levelname": log.level,
        "levelno": logging.getLevelNamesMapping()[log.level],
        "message": log.message,
        "name": log.service,
        "hostname": log.host,
        "process": 1,
        "thread": 1,
        "threadName": "MainThread",
        "processName": "MainProcess",
        "module": log.service,
        "filename": f"{log.service}.py",
        "funcName": "main",
        "lineno": 1,
    }
