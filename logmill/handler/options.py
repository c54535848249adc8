"""What a handler can be told: checked once, with an error that names the option."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from logmill.handler import segments
from logmill.handler.places import DEFAULT

MIB = 1024 * 1024
_MAX_LABEL_BYTES = 256
# Least and most of each number; more lines than the producer takes in a request make no batch.
_BOUNDS: dict[str, tuple[float, float]] = {
    "batch_records": (1, 50_000),
    "batch_bytes": (1024, 32 * MIB),
    "interval_s": (0.01, 3600),
    "queue_records": (100, 100_000_000),
    "queue_bytes": (4 * MIB, 1 << 50),
    "spill_max_bytes": (MIB, 1 << 50),
    "spill_after_s": (0, 86_400),
    "timeout_s": (0.1, 600),
    "exit_timeout_s": (0, 3600),
}
_WHOLE = frozenset({"batch_records", "batch_bytes", "queue_records", "queue_bytes", "spill_max_bytes"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """See `LogmillHandler`, which has all of these as parameters.

    Raises:
        ValueError: names the option that cannot be what it is.
    """

    url: str
    service: str
    api_key: str = field(default="", repr=False)
    host: str = ""
    batch_records: int = 2000
    batch_bytes: int = MIB
    interval_s: float = 1.0
    queue_records: int = 100_000
    queue_bytes: int = 64 * MIB
    spill_dir: str | os.PathLike[str] | None = DEFAULT
    spill_max_bytes: int = 256 * MIB
    spill_after_s: float = 5.0
    durable: bool = False
    timeout_s: float = 10.0
    exit_timeout_s: float = 5.0
    context: Mapping[str, ContextVar[Any]] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "host", self.host or socket.gethostname()[:64] or "unknown")
        _check_url(self.url)
        for name in ("service", "host"):
            _check_label(name, getattr(self, name))
        _check_key(self.api_key)
        for name, bounds in _BOUNDS.items():
            _check_number(name, getattr(self, name), *bounds)
        _check_context(self.context)
        if self.durable and self.spill_dir is None:
            raise ValueError("durable needs a spill_dir")
        if self.spill_dir is not None and not segments.is_supported():
            if self.durable or self.spill_dir != DEFAULT:
                raise ValueError("spill_dir needs file locks that this system does not have; set it to None")
            object.__setattr__(self, "spill_dir", None)


def _check_url(url: object) -> None:
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        is_good = parts is not None and parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, is_good = None, False
    if parts is not None and (parts.username or parts.password):
        raise ValueError("url must hold no user and password; give the key as api_key")
    if parts is None or not is_good or parts.query or parts.fragment:
        raise ValueError(f"url must be that of a producer, as in http://localhost:5000; it is {url!r:.200}")


def _check_label(name: str, text: object) -> None:
    if not isinstance(text, str) or not 0 < len(text.encode(errors="replace")) <= _MAX_LABEL_BYTES:
        raise ValueError(f"{name} must be text of 1 to {_MAX_LABEL_BYTES} bytes; it is {text!r:.100}")


def _check_key(key: object) -> None:
    if not isinstance(key, str) or not (key.isascii() and key.isprintable()) or key != key.strip():
        raise ValueError("api_key must be text of visible ASCII characters")


def _check_number(name: str, value: object, least: float, most: float) -> None:
    is_number = isinstance(value, int if name in _WHOLE else int | float) and not isinstance(value, bool)
    if not isinstance(value, int | float) or not is_number or not least <= value <= most:
        what = "a whole number" if name in _WHOLE else "a number"
        raise ValueError(f"{name} must be {what} from {least:,} to {most:,}; it is {value!r:.100}")


def _check_context(context: object) -> None:
    if context is None:
        return
    members = context.items() if isinstance(context, Mapping) else [(None, None)]
    if not all(isinstance(name, str) and isinstance(variable, ContextVar) for name, variable in members):
        raise ValueError("context must be a mapping of names to context variables")
