"""Logs as lines for people, one line each, or as NDJSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import click
import msgspec

from logmill.parts import first, pick, tree_of, ways_to
from logmill.record import LEVELS
from logmill.terminal import ascii_json, printable

DEFAULT_FIELDS = ("timestamp", "level", "service", "message")
_LEVEL_CHARS = max(map(len, LEVELS))
_SERVICE_CHARS = 12
_COLORS = {"DEBUG": "bright_black", "INFO": "green", "WARNING": "yellow", "ERROR": "red", "CRITICAL": "bright_red"}
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode


@dataclass(frozen=True, slots=True)
class Form:
    """How logs are shown.

    Attributes:
        fields: those that are shown, or parts of them, in this order; none: the usual ones, and of JSON all.
        is_json: NDJSON instead of lines for people.
        is_utc: times in UTC instead of this machine's zone.
        has_color: with colours.
    """

    fields: Sequence[str] = ()
    is_json: bool = False
    is_utc: bool = False
    has_color: bool = False

    def line(self, log: bytes) -> str:
        """One log, given as its JSON, with the line end."""
        if self.is_json:
            return ascii_json(self._json(log)) + "\n"
        values = _decode(log)
        found = ((name, values.get(name) or first(log, ways_to(name))) for name in self.fields or DEFAULT_FIELDS)
        shown = (self._shown(name, value) for name, value in found)
        return "  ".join(text for text in shown if text).rstrip() + "\n"

    def _json(self, log: bytes) -> str:
        if self.fields:
            log = msgspec.json.encode(pick(log, tree_of(self.fields)))
        return log.decode("utf-8", "replace")

    def _shown(self, name: str, value: msgspec.Raw | None) -> str:
        """A field as it stands in a line; empty where the log has none."""
        if value is None:
            return ""
        text = _text(value)
        if name == "timestamp":
            return self._styled(self._time(text), fg="bright_black")
        # All that is shown of a log is on its line: else a message could pass for another log.
        text = printable(text, keep="")
        if name == "level":
            return self._styled(text.ljust(_LEVEL_CHARS), fg=_COLORS.get(text), bold=text == "CRITICAL")
        if name == "service":
            return self._styled(text.ljust(_SERVICE_CHARS), fg="cyan")
        return text if name == "message" else f"{name}={text}"

    def _time(self, text: str) -> str:
        try:
            time = datetime.fromisoformat(text)
            time = time.astimezone(UTC if self.is_utc else None)
        except (ValueError, OverflowError):
            return printable(text, keep="")
        return time.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + ("Z" if self.is_utc else "")

    def _styled(self, text: str, *, fg: str | None, bold: bool = False) -> str:
        return click.style(text, fg=fg, bold=bold or None) if self.has_color else text


def _text(value: msgspec.Raw) -> str:
    """A text as it is, anything else as its JSON."""
    raw = bytes(value)
    try:
        return _decode_text(raw)
    except msgspec.DecodeError:
        return raw.decode("utf-8", "replace")
