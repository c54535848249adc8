"""Makes fields of messages that have a format of their own; `logmill.parsing` has how, for the collector too."""

from __future__ import annotations

from logmill.parsing.applying import NO_ROOM, parse

__all__ = ["NO_ROOM", "parse"]
