"""Tags logs by the rules of the section `tags`, general where none is for one, and with the tags they came with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import polars as pl
from msgspec import UNSET

from logmill.record import MAX_SENT_TAGS, MAX_TAG_CHARS
from logmill.rules.conditions import with_text
from logmill.rules.labels import label_lists

NO_TAG = "general"


class _Sent(msgspec.Struct, gc=False):
    """What is looked at of metadata."""

    tags: Any = UNSET


_decode = msgspec.json.Decoder(_Sent).decode


def tags_of(frame: pl.DataFrame, rules: Mapping[str, pl.Expr]) -> pl.Series:
    """The tags of each log: those of rules, and behind them the first texts of a list `tags` in its metadata.

    Args:
        frame: with the columns that conditions look at.
        rules: whether a log has the tag, by tag.
    """
    tags = label_lists(with_text(frame), rules, NO_TAG)
    places = frame["metadata"].str.contains('"tags"', literal=True).arg_true()
    return tags if places.is_empty() else _with_sent(tags, frame["metadata"], places)


def _with_sent(tags: pl.Series, metadata: pl.Series, places: pl.Series) -> pl.Series:
    """The lists, with what was sent added to those at these places. Few lists occur: each is made once."""
    rows = zip(tags.gather(places).to_list(), metadata.gather(places).to_list(), strict=True)
    codes: dict[tuple[str, ...], int] = {}
    own = [codes.setdefault(tuple(dict.fromkeys((*given, *_sent(text)))), len(codes)) for given, text in rows]
    both = pl.concat([tags, pl.Series([list(one) for one in codes], dtype=tags.dtype)])
    index = pl.int_range(len(tags), dtype=pl.UInt32, eager=True)
    return both.gather(index.scatter(places, pl.Series(own, dtype=pl.UInt32) + len(tags)))


def _sent(metadata: str) -> list[str]:
    """The tags in a metadata object: of so many members of its list `tags` the texts that are short enough."""
    try:
        sent = _decode(metadata).tags
    except (msgspec.DecodeError, RecursionError):
        return []
    if not isinstance(sent, list):
        return []
    texts = [one.strip() for one in sent[:MAX_SENT_TAGS] if isinstance(one, str)]
    return [text for text in texts if 0 < len(text) <= MAX_TAG_CHARS]
