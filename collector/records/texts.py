"""From the bytes of events to their texts: what is no UTF-8, too long, blank, or left out by a filter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat

import polars as pl

from logmill.errors import ConfigError
from logmill.rules.conditions import wrong_pattern

NOT_UTF8 = "is not UTF-8"
TOO_LONG = "is too long, and its end is left out"
# What Python calls blank, which are four characters more than for Rust.
_NOT_BLANK = pl.col("text").str.contains(r"[^\s\x1c-\x1f]")


@dataclass(slots=True)
class Texts:
    """The events that are sent, in their order.

    Attributes:
        texts: of each, UTF-8.
        parts: which of the sources each is from.
        filtered: by source, how many events a filter left out.
        reasons: what is wrong with an event, by its place.
        cut_bytes: how much of an event is left out, by its place.
    """

    texts: pl.Series
    parts: pl.Series
    filtered: list[int]
    reasons: dict[int, str] = field(default_factory=dict)
    cut_bytes: dict[int, int] = field(default_factory=dict)

    def add_reason(self, place: int, reason: str) -> None:
        """Say what is wrong with an event, beside what is known to be."""
        known = self.reasons.get(place)
        self.reasons[place] = reason if known is None else f"{known}, and {reason}"


class Filters:
    """Which events are sent.

    Args:
        keep: expressions of Rust's regex crate; where there is one, events that none is found in are left out.
        drop: the same; events that one is found in are left out.

    Raises:
        ConfigError: one cannot be used; names the option.
    """

    def __init__(self, keep: Sequence[str] = (), drop: Sequence[str] = ()) -> None:
        for option, patterns in (("--filter", keep), ("--drop", drop)):
            for pattern in patterns:
                check_pattern(option, pattern)
        passes = [pl.any_horizontal(_found(keep))] if keep else []
        passes += [~pl.any_horizontal(_found(drop))] if drop else []
        self._passes = pl.all_horizontal(passes) if passes else pl.lit(value=True)

    def texts_of(self, events: Sequence[bytes], sizes: Sequence[int], max_bytes: int) -> Texts:
        """The texts of events, without those that are blank or left out.

        Args:
            events: of all sources, one source after the other.
            sizes: how many of them are of each source.
            max_bytes: how long a text may be.
        """
        texts, broken = _decoded(events)
        parts = _parts(sizes)
        frame = pl.DataFrame({"text": texts, "part": parts})
        seen = frame.select(not_blank=_NOT_BLANK, passes=self._passes, size=pl.col("text").str.len_bytes())
        kept = seen["not_blank"] & seen["passes"]
        filtered = counts_by(parts.filter(seen["not_blank"] & ~seen["passes"]), len(sizes))
        lengths = seen["size"]
        if not kept.all():
            places = kept.arg_true()
            texts, parts, lengths = texts.gather(places), parts.gather(places), lengths.gather(places)
            broken = places.is_in(broken.implode()).arg_true()
        found = Texts(texts, parts, filtered, dict.fromkeys(broken, NOT_UTF8))
        _cut(found, (lengths > max_bytes).arg_true(), max_bytes)
        return found


def check_pattern(option: str, pattern: str) -> None:
    """See that an expression can be used.

    Raises:
        ConfigError: it cannot; names the option.
    """
    error = wrong_pattern(pattern) if pattern else "an empty expression is found everywhere"
    if error:
        raise ConfigError(f"{option}: {error} (in {pattern!r})")


def counts_by(parts: pl.Series, count: int) -> list[int]:
    """How often each of the numbers below `count` is in a column."""
    if count == 1:
        return [len(parts)]
    found = [0] * count
    for part, size in parts.value_counts().rows():
        found[part] = size
    return found


def _decoded(events: Sequence[bytes]) -> tuple[pl.Series, pl.Series]:
    """The texts, and the places of those that are not UTF-8, in which U+FFFD stands for what is none."""
    try:
        return pl.Series(events, dtype=pl.Binary).cast(pl.String), pl.Series(dtype=pl.UInt32)
    except pl.exceptions.ComputeError:  # one of them, and it does not say which
        texts, broken = [], []
    for place, event in enumerate(events):
        try:
            texts.append(event.decode())
        except UnicodeDecodeError:
            texts.append(event.decode("utf-8", "replace"))
            broken.append(place)
    return pl.Series(texts, dtype=pl.String), pl.Series(broken, dtype=pl.UInt32)


def _found(patterns: Sequence[str]) -> list[pl.Expr]:
    return [pl.col("text").str.contains(pattern) for pattern in patterns]


def _parts(sizes: Sequence[int]) -> pl.Series:
    """The number of its source for each event."""
    if len(sizes) == 1:
        return pl.repeat(0, sizes[0], dtype=pl.UInt32, eager=True)
    return pl.Series(list(chain.from_iterable(map(repeat, range(len(sizes)), sizes))), dtype=pl.UInt32)


def _cut(found: Texts, places: pl.Series, max_bytes: int) -> None:
    """Shorten the texts at these places."""
    if places.is_empty():
        return
    starts = []
    for place in places:
        whole = found.texts[place].encode()
        start = whole[:max_bytes].decode("utf-8", "ignore")
        starts.append(start)
        found.cut_bytes[place] = len(whole) - len(start.encode())
        found.add_reason(place, TOO_LONG)
    found.texts = found.texts.scatter(places, pl.Series(starts, dtype=pl.String))
