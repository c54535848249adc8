"""What a format reads out of a message, and what a format is."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl

# A number as JSON writes it, which goes into metadata as it stands.
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})(?:\.[0-9]{1,17})?")
# What is as long as the number of a card stays text, which redaction looks at whatever its name is.
_MOST_CHARS = 12


class Found(msgspec.Struct, gc=False):
    """What was read out of one message.

    Attributes:
        fields: members for the metadata, by name; values are JSON's, or `msgspec.Raw`.
        message: the text that takes the message's place; None where it stays.
        level: one of LEVELS, or "".
        level_field: name and value of the level for the metadata where it does not become the record's.
        time_us: microseconds since 1970-01-01 UTC, or None where no time with a zone was read.
        time_field: the same for the time.
        host: where the log was written, or "".
        host_field: the same for the host.
        inner: text in which a further format is looked for, or None.
        is_quoted: whether that is a part of what one logger wrote: then only a stack trace is looked for in it, and it
            says nothing of level and time where the logger did.
    """

    fields: dict[str, Any]
    message: str | None = None
    level: str = ""
    level_field: tuple[str, Any] | None = None
    time_us: int | None = None
    time_field: tuple[str, Any] | None = None
    host: str = ""
    host_field: tuple[str, Any] | None = None
    inner: str | None = None
    is_quoted: bool = False

    def within(self, envelope: Found) -> Found:
        """The same with what its envelope said; of two times or levels the inner one holds, and both are kept.

        But what a logger quotes is older than its log, and says nothing of its level.
        """
        joined = dict(envelope.fields)
        for name, value in self.fields.items():
            joined[free_name(joined, name)] = value
        has_time = self.time_us is not None and not (envelope.is_quoted and envelope.time_us is not None)
        has_level = bool(self.level) and not (envelope.is_quoted and envelope.level)
        has_host = not envelope.host
        lost = (
            envelope.time_field if has_time and envelope.time_us not in {None, self.time_us} else None,
            envelope.level_field if has_level and envelope.level not in {"", self.level} else None,
            self.host_field if not has_host and self.host not in {"", envelope.host} else None,
        )
        for name, value in filter(None, lost):
            joined[free_name(joined, name)] = value
        return Found(
            fields=joined,
            message=envelope.message if self.message is None else self.message,
            level=self.level if has_level else envelope.level,
            level_field=self.level_field if has_level else envelope.level_field,
            time_us=self.time_us if has_time else envelope.time_us,
            time_field=self.time_field if has_time else envelope.time_field,
            host=self.host if has_host else envelope.host,
            host_field=self.host_field if has_host else envelope.host_field,
            inner=self.inner if self.is_quoted else None,
            is_quoted=self.is_quoted,
        )


# Of messages, and of when they arrived in microseconds since 1970-01-01 UTC.
Reader = Callable[[pl.Series, pl.Series], Sequence[Found | None]]


@dataclass(frozen=True, slots=True)
class Format:
    """One format of messages.

    Attributes:
        name: what it is called, in metrics.
        gate: an expression of Rust's regex crate that each message of the format matches; it is tried on every row.
        read: what is in each message of a column, None where the message is of another format after all. Never raises.
        is_anchored: whether the gate begins at the start of the message, so that most rows fail it at once.
        has_lines: whether only messages of several lines can be of the format.
        is_envelope: whether it is only looked for in messages as they came, not within others.
    """

    name: str
    gate: str
    read: Reader
    is_anchored: bool = True
    has_lines: bool = False
    is_envelope: bool = False


def free_name(taken: object, name: str) -> str:
    """The name, or `name_2` and so on where it is taken, as in intake.

    Args:
        taken: whatever knows by `in` which names are.
        name: the one that is wanted.
    """
    free, number = name, 1
    while free in taken:  # type: ignore[operator]
        number += 1
        free = f"{name}_{number}"
    return free


def number_or_text(text: str, *, is_time: bool = False) -> Any:
    """A number in its own spelling, where JSON has the same one, else the text; times may be long numbers."""
    is_short = len(text) <= _MOST_CHARS or "." in text or is_time
    return msgspec.Raw(text.encode()) if is_short and _NUMBER.fullmatch(text) else text
