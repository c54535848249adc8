"""Counts what events are, for whoever looks at the collector: which formats they look like, and the tags of rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import polars as pl

from collector.records.texts import Texts
from logmill.parsing.found import Format
from logmill.parsing.json_objects import JSON
from logmill.parsing.logfmt import LOGFMT, PAIRS
from logmill.record import DEFAULT_LEVEL
from logmill.rules import conditions

# What an event of no format is called, and the tag of one that no rule is for.
TEXT, GENERAL = "text", "general"
_UNREAD = {
    **{name: pl.lit("") for name in ("path", "method", "error_code")},
    "metadata": pl.lit("{}"),
    "status_code": pl.lit(0, pl.UInt16),
    "response_time_ms": pl.lit(None, pl.Float32),
}


def looks_of(texts: pl.Series, seen: pl.DataFrame, formats: Sequence[Format], objects: Sequence[int]) -> pl.Series:
    """What each event looks like: the name of the first format whose gate lets it pass, or TEXT.

    That is what the processors will find but for what only reading shows, such as a bracket that is missing.

    Args:
        texts: of the events.
        seen: what `levels.looked_at` saw of them.
        formats: in the order in which they are tried.
        objects: the places of those that are JSON objects.
    """
    names = pl.repeat(TEXT, len(texts), dtype=pl.String, eager=True)
    left = seen["is_candidate"].arg_true()
    for each in formats:
        if left.is_empty():
            break
        if each is JSON:
            are_hits = left.is_in(pl.Series(objects, dtype=left.dtype).implode())
        else:
            gate = PAIRS if each is LOGFMT else rf"\A(?:{each.gate})" if each.is_anchored else each.gate
            are_hits = texts.gather(left).str.contains(gate)
        if are_hits.any():
            names = names.scatter(left.filter(are_hits), each.name)
            left = left.filter(~are_hits)
    return names


def tally(values: pl.Series, parts: pl.Series, count: int) -> list[Counter[str]]:
    """How often each value is there, by source: the number below `count` that is in `parts` beside it."""
    if count == 1:
        return [Counter(dict(values.value_counts().rows()))]
    found: list[Counter[str]] = [Counter() for _ in range(count)]
    for part, value, size in pl.DataFrame({"part": parts, "value": values}).group_by("part", "value").len().rows():
        found[part][value] = size
    return found


def tags_of(
    kept: Texts, levels: pl.Series, services: Sequence[str], rules: Mapping[str, pl.Expr]
) -> list[Counter[str]]:
    """How many events of each source have each tag of the rules; what only parsing finds, conditions do not see here.

    Args:
        kept: the events.
        levels: of each, or "".
        services: of each source.
        rules: whether an event has the tag, by tag.
    """
    found: list[Counter[str]] = [Counter() for _ in services]
    frame = pl.DataFrame(
        {
            "message": kept.texts,
            "service": pl.Series(services, dtype=pl.String).gather(kept.parts),
            "part": kept.parts,
            "level": levels.replace("", DEFAULT_LEVEL),
        }
    )
    names = [f"tag_{number}" for number in range(len(rules))]
    flags = conditions.with_text(frame.with_columns(**_UNREAD)).select(
        "part", *(holds.alias(name) for name, holds in zip(names, rules.values(), strict=True))
    )
    flags = flags.with_columns(general=~pl.any_horizontal(names) if names else pl.lit(value=True))
    sums = pl.col(*names, "general").sum()
    totals = flags.select(pl.lit(0), sums) if len(services) == 1 else flags.group_by("part").agg(sums)
    for part, *sizes in totals.rows():
        found[part].update({tag: size for tag, size in zip((*rules, GENERAL), sizes, strict=True) if size})
    return found
