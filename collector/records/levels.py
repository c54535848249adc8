"""Finds the level of each event, which decides its lane, without taking the event apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from collector.records.objects import told
from logmill.parsing.error_logs import APACHE_LEVEL, ERROR
from logmill.parsing.found import Format
from logmill.parsing.json_objects import JSON
from logmill.parsing.reading import is_candidate
from logmill.parsing.syslog import LONE_PRIORITY, MOST_PRIORITY, SEVERITIES
from logmill.parsing.syslog import NAME as SYSLOG_NAME
from logmill.record import LEVEL_SYNONYMS
from logmill.text_levels import LEVEL_SEARCH_CHARS, RUST_PATTERN

_BY_NAME = {name.lower(): level for name, level in LEVEL_SYNONYMS.items() if not name.isdigit()}
_BY_PRIORITY = {str(number): LEVEL_SYNONYMS[str(number % len(SEVERITIES))] for number in range(MOST_PRIORITY + 1)}
_NAMES, _LEVELS = list(LEVEL_SYNONYMS), list(LEVEL_SYNONYMS.values())
_TEXT = pl.col("text")
_IS_OBJECT = _TEXT.str.contains(rf"\A{JSON.gate}")


def looked_at(texts: pl.Series, formats: Sequence[Format]) -> pl.DataFrame:
    """What one pass over the events shows: `level`, `is_object`, `has_lines`, `is_candidate` of each.

    The level is what `logmill.text_levels.level_of` finds, "" where that is nothing.

    Args:
        texts: of the events.
        formats: those that make an event a candidate.
    """
    seen = texts.to_frame("text").select(
        _TEXT.str.head(LEVEL_SEARCH_CHARS).str.extract_groups(RUST_PATTERN).struct.unnest(),
        is_object=_IS_OBJECT,
        has_lines=_TEXT.str.contains("\n", literal=True),
        is_candidate=is_candidate(_TEXT, formats),
    )
    name = pl.coalesce(seen.columns[:-3]).str.to_uppercase()
    return seen.select(
        level=name.replace_strict(_NAMES, _LEVELS, default="", return_dtype=pl.String),
        is_object="is_object",
        has_lines="has_lines",
        is_candidate="is_candidate",
    )


def levels_of(texts: pl.Series, seen: pl.DataFrame, trace: Format | None) -> tuple[pl.Series, list[int]]:
    """The level of each event, "" where it names none, and the places of those that are JSON objects.

    An object's is that of its level field, or of the line that Docker wrapped in it; what is read off text
    elsewhere in it counts for nothing.

    Args:
        texts: of the events.
        seen: what `looked_at` saw of them.
        trace: the format of stack traces, whose level is that of events which name no other; None: none has one.
    """
    levels = seen["level"]
    objects = _objects(texts, seen["is_object"].arg_true())
    if objects:
        levels = levels.scatter(list(objects), pl.Series(list(objects.values()), dtype=pl.String))
    if trace is not None and seen["has_lines"].any():
        places = (seen["has_lines"] & (levels == "") & texts.str.contains(trace.gate)).arg_true()
        levels = levels.scatter(places, _trace_levels(texts.gather(places), trace))
    return levels, list(objects)


def header_levels(texts: pl.Series, looks: pl.Series, levels: pl.Series) -> pl.Series:
    """The levels, with those that only the header of a known format tells.

    Args:
        texts: of the events.
        looks: what each looks like.
        levels: of each, "" where none was found.
    """
    with_module = (looks == ERROR.name).arg_true()
    levels = _told_by(APACHE_LEVEL, _BY_NAME, texts, levels, with_module)
    with_priority = ((looks == SYSLOG_NAME) & (levels == "")).arg_true()
    return _told_by(LONE_PRIORITY, _BY_PRIORITY, texts, levels, with_priority)


def _told_by(
    pattern: str, known: Mapping[str, str], texts: pl.Series, levels: pl.Series, places: pl.Series
) -> pl.Series:
    """The levels, with those at these places replaced that the group of the expression names."""
    if places.is_empty():
        return levels
    # To know which match at all is far cheaper than to know their groups.
    places = places.filter(texts.gather(places).str.contains(pattern))
    said = texts.gather(places).str.extract(pattern).to_list()
    new = [known.get(one) or old for one, old in zip(said, levels.gather(places), strict=True)]
    return levels.scatter(places, pl.Series(new, dtype=pl.String))


def _objects(texts: pl.Series, places: pl.Series) -> dict[int, str]:
    """The levels of those at these places that are JSON objects."""
    if places.is_empty():
        return {}
    pairs = zip(places, told(texts.gather(places).to_list()), strict=True)
    found = {place: one for place, one in pairs if one is not None}
    levels = {place: one.level for place, one in found.items()}
    wrapped = {place: one.wrapped for place, one in found.items() if one.wrapped}
    if wrapped:
        levels |= zip(wrapped, _wrapped_levels(pl.Series(list(wrapped.values()), dtype=pl.String)), strict=True)
    return levels


def _wrapped_levels(texts: pl.Series) -> pl.Series:
    """The levels of lines that Docker wrapped; what those wrap in turn is not looked at."""
    seen = looked_at(texts, ())
    places = seen["is_object"].arg_true()
    own = [None if one is None else one.level for one in told(texts.gather(places).to_list())]
    levels = seen["level"]
    old = levels.gather(places)
    new = [text if level is None else level for text, level in zip(old, own, strict=True)]
    return levels.scatter(places, pl.Series(new, dtype=pl.String))


def _trace_levels(texts: pl.Series, trace: Format) -> pl.Series:
    received = pl.repeat(0, len(texts), dtype=pl.Int64, eager=True)
    return pl.Series([one.level if one else "" for one in trace.read(texts, received)], dtype=pl.String)
