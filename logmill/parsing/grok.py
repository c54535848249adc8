"""Grok expressions to those of Rust's regex crate: `%{NAME:field:type}` becomes a group, in bounded depth and size."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from logmill.parsing.grok_patterns import PATTERNS

MOST_DEPTH = 8
MOST_CHARS = 64 * 1024
TYPES = ("int", "float")
_REFERENCE = re.compile(r"%\{([^{}]*)\}")
_FIELD = re.compile(r"[A-Za-z_@][A-Za-z0-9_.@-]{0,63}")
# Names of groups in Rust are narrower than those of fields, so groups have names of our own.
_GROUP = "grok_{}"


class GrokError(Exception):
    """An expression that cannot be used; says why."""


@dataclass(slots=True)
class Expanded:
    """An expression for Rust's regex crate.

    Attributes:
        pattern: the expression.
        fields: the field and type ("" is text) of each group that came of grok, by the group's name.
    """

    pattern: str = ""
    fields: dict[str, tuple[str, str]] = field(default_factory=dict)


def expand(expression: str) -> Expanded:
    """The expression with all `%{…}` replaced.

    Raises:
        GrokError: a pattern or type is unknown, a field has no usable name, or it becomes too long.
    """
    expanded = Expanded()
    expanded.pattern = _expand(expression, expanded.fields, 0)
    return expanded


def _expand(expression: str, fields: dict[str, tuple[str, str]], depth: int) -> str:
    if depth > MOST_DEPTH:
        raise GrokError(f"patterns are nested deeper than {MOST_DEPTH}")
    parts: list[str] = []
    end = size = 0
    for match in _REFERENCE.finditer(expression):
        parts += [
            expression[end : match.start()],
            _group(match[1], fields, lambda text: _expand(text, fields, depth + 1)),
        ]
        end = match.end()
        size += len(parts[-1]) + len(parts[-2])
        if size > MOST_CHARS:
            raise GrokError(f"it becomes longer than {MOST_CHARS} characters")
    return "".join([*parts, expression[end:]])


def _group(reference: str, fields: dict[str, tuple[str, str]], expanded: Callable[[str], str]) -> str:
    name, *rest = reference.split(":")
    if name not in PATTERNS:
        raise GrokError(f"unknown pattern %{{{name}}}")
    if not rest:
        return f"(?:{expanded(PATTERNS[name])})"
    field_name, *types = rest
    if not _FIELD.fullmatch(field_name):
        raise GrokError(f"{field_name!r} is no name of a field")
    if types and (len(types) > 1 or types[0] not in TYPES):
        raise GrokError(f"unknown type {':'.join(types)!r}; there are {' and '.join(TYPES)}")
    group = _GROUP.format(len(fields))
    fields[group] = (field_name, types[0] if types else "")
    return f"(?P<{group}>{expanded(PATTERNS[name])})"
