"""What is common to the stack traces of Python, Java and Go: exceptions, frames, and the fields they become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from logmill.parsing.found import Found
from logmill.parsing.secrets import Secrets

# A longer message than this is no trace that anybody reads; reading it would hold up the others.
MOST_LINES = 20_000
# Of a long trace the frames nearest to the error are kept, and those at the other end.
INNER_FRAMES, OUTER_FRAMES = 20, 10
MOST_CAUSES = 20
MOST_TEXT_CHARS = 2000


class Frame(msgspec.Struct, omit_defaults=True, gc=False):
    """One call: the function, and where in which file it was; what is missing is left out in metadata."""

    function: str = ""
    file: str = ""
    line: int = 0


@dataclass(slots=True)
class Problem:
    """An exception: its type and message, and its frames, the innermost first."""

    type: str
    message: str = ""
    frames: list[Frame] = field(default_factory=list)

    def json(self, secrets: Secrets) -> dict[str, str]:
        """Type and message as they stand in metadata."""
        message = f"{self.type}: {self.message}" if secrets.names(self.type) else self.message
        parts = {"type": self.type, "message": message}
        return {name: text for name, whole in parts.items() if (text := _beginning(whole))}


def _beginning(text: str) -> str:
    """As many whole lines as have room: half of an address would not be known as one, and not be redacted."""
    if len(text) <= MOST_TEXT_CHARS:
        return text
    return text[: max(0, text.rfind("\n", 0, MOST_TEXT_CHARS + 1))]


def lines_of(message: str) -> list[str] | None:
    """The lines of a message; None where there are too many."""
    if message.count("\n") >= MOST_LINES:
        return None
    return [line.removesuffix("\r") for line in message.split("\n")]


def _ends(frames: Sequence[Frame]) -> dict[str, Any]:
    """The innermost and the outermost frame, each part by its whole name, as a search wants it."""
    ends = {"innermost": frames[0], "outermost": frames[-1]} if frames else {}
    return {f"{end}.{name}": getattr(frame, name) for end, frame in ends.items() for name in Frame.__struct_fields__}


def number(text: str) -> int:
    """The line number that this text is, else 0."""
    return int(text) if 0 < len(text) <= 9 and text.isascii() and text.isdigit() else 0  # noqa: PLR2004 - fits any int


def found_of(
    language: str,
    problem: Problem,
    others: dict[str, Sequence[Problem]],
    secrets: Secrets,
    level: str = "ERROR",
    **more: Any,
) -> Found:
    """The fields of a trace.

    Args:
        language: python, java or go.
        problem: the exception that was not caught.
        others: further ones, by what they are to it.
        secrets: what must not be taken apart.
        level: one of LEVELS, or "" where the trace tells of no error.
        more: further fields of `exception`.
    """
    frames = problem.frames
    shown = frames if len(frames) <= INNER_FRAMES + OUTER_FRAMES else [*frames[:INNER_FRAMES], *frames[-OUTER_FRAMES:]]
    parts: dict[str, Any] = {
        "language": language,
        **problem.json(secrets),
        **_ends(frames),
        "frame_count": len(frames) or None,
        "frames": shown,
        **{name: [one.json(secrets) for one in some[:MOST_CAUSES]] for name, some in others.items()},
        **more,
    }
    return Found({f"exception.{name}": value for name, value in parts.items() if value}, level=level)
