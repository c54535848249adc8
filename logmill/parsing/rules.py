"""Forms of messages of an operator's own: expressions with named groups, or grok."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import polars as pl

from logmill.parsing.found import Format, Found, free_name
from logmill.parsing.grok import Expanded, GrokError, expand
from logmill.parsing.lifting import lift
from logmill.parsing.values import whole_number
from logmill.rules.conditions import check_pattern
from logmill.rules.ruleset import Placed
from logmill.rules.sections import ParsingRule

# A rule says what it means, so its groups need no guessing.
MESSAGE_NAMES = ("message",)


def format_of(rule: Placed[ParsingRule]) -> Format:
    """The rule as a format.

    Raises:
        ConfigError: it has no expression or two, one that does not compile or names no group; with the rule's place.
    """
    pattern, grok = rule.rule.pattern, rule.rule.grok
    if (pattern is None) == (grok is None):
        raise rule.error("give either a pattern or grok")
    kind = "pattern" if grok is None else "grok"
    try:
        expanded = Expanded(pattern or "") if grok is None else expand(grok)
    except GrokError as error:
        raise rule.error(f"grok: {error}") from None
    check_pattern(expanded.pattern, rule, kind)
    try:
        groups = pl.Series([""]).str.extract_groups(expanded.pattern).struct.fields
    except pl.exceptions.PolarsError as error:
        raise rule.error(f"{kind}: {error}") from None
    # Groups without a name are called by their number.
    fields = {group: expanded.fields.get(group, (group, "")) for group in groups if not group.isdigit()}
    if not fields:
        raise rule.error(f"{kind}: name at least one group" + ("" if grok is None else ", as in %{WORD:user}"))
    read = partial(_read, pattern=expanded.pattern, fields=fields)
    return Format(rule.rule.name, expanded.pattern, read, is_anchored=False)


def _read(
    messages: pl.Series, received: pl.Series, *, pattern: str, fields: Mapping[str, tuple[str, str]]
) -> list[Found | None]:
    groups = messages.str.extract_groups(pattern).struct.unnest().select(list(fields))
    names = list(fields.values())
    return [_found(names, row, received_us) for row, received_us in zip(groups.rows(), received, strict=True)]


def _found(names: list[tuple[str, str]], row: tuple[str | None, ...], received_us: int) -> Found | None:
    values: dict[str, Any] = {}
    for (name, kind), text in zip(names, row, strict=True):
        if text:
            values[free_name(values, name)] = _typed(text, kind)
    return lift(values, received_us, MESSAGE_NAMES, is_sure=True) if values else None


def _typed(text: str, kind: str) -> Any:
    """The text as this type, or as it is where it is none of it."""
    if kind == "int":
        sign, digits = ("-", text[1:]) if text[:1] == "-" else ("", text.removeprefix("+"))
        number = whole_number(digits)
        return text if isinstance(number, str) else -number if sign else number
    if kind == "float":
        try:
            value = float(text)
        except ValueError:
            return text
        return value if math.isfinite(value) else text
    return text
