"""A filter read over rows in memory: for each row of an Arrow table, whether it holds.

Where that may take long it is done in pieces, between which the `storage.reading.Reading` in force is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from logmill.record import KINDS, Kind
from storage import reading
from storage.blocks import row_numbers, whole
from storage.search import numbers, words
from storage.search.filters import (
    And,
    AnyOf,
    Between,
    Bounds,
    Contains,
    Exists,
    Filter,
    Identity,
    Matches,
    Metadata,
    Not,
    Or,
    Scalar,
    Words,
)

_decode = msgspec.json.Decoder().decode
# RE2 reads 2 to 1000 MB/s, by the expression; JSON is decoded at some 0.5 us a row and name.
_PIECE_BYTES = 1024 * 1024
_PIECE_ROWS = 5000


def mask(table: pa.Table, wanted: Filter) -> pa.Array:
    """Booleans without nulls, one a row.

    Args:
        table: rows in any form that blocks have: labels as text or as dictionaries.
        wanted: the filter.
    """
    match wanted:
        case And(parts):
            return reduce(pc.and_, (mask(table, part) for part in parts), _all(table, True))
        case Or(parts):
            return reduce(pc.or_, (mask(table, part) for part in parts), _all(table, False))
        case Not(part):
            return pc.invert(mask(table, part))
        case AnyOf(column, values):
            return _any_of(table, column, values)
        case Between(column, bounds):
            return _between(table, column, bounds)
        case Exists(column):
            return _exists(table, column)
        case Matches(column, pattern, lowered):
            return _of_texts(table, column, lambda texts: _found(texts, pattern, lowered=lowered))
        case Words(wanted_words, is_prefix):
            pattern = words.phrase_pattern(wanted_words, is_prefix=is_prefix)
            return _of_texts(table, "message", lambda texts: _found_words(texts, wanted_words, pattern))
        case Contains(text):
            return _of_texts(table, "message", lambda texts: pc.match_substring(pc.utf8_lower(texts), text))
        case Identity(batch_id, ordinal):
            ids = pc.equal(whole(table["batch_id"]).cast(pa.large_binary()), batch_id.bytes)
            return pc.and_(ids, pc.equal(whole(table["ordinal"]), pa.scalar(ordinal, pa.uint32())))
        case Metadata():
            return _metadata(table, wanted)


def _all(table: pa.Table, value: bool) -> pa.Array:
    return pa.repeat(value, table.num_rows)


def _any_of(table: pa.Table, column: str, values: Sequence[Scalar]) -> pa.Array:
    if KINDS[column] in {Kind.LABEL, Kind.TEXT, Kind.LABELS}:
        wanted = pa.array(values, pa.large_utf8())
        return _of_texts(table, column, lambda texts: pc.is_in(texts, value_set=wanted))
    held = _plain_numbers(table, column)
    return _sure(pc.is_in(held, value_set=pa.array(values, held.type)))


def _between(table: pa.Table, column: str, bounds: Bounds) -> pa.Array:
    held = _plain_numbers(table, column)
    parts = [pc.is_valid(held)]
    if bounds.low is not None:
        compare = pc.greater_equal if bounds.with_low else pc.greater
        parts.append(compare(held, pa.scalar(bounds.low, held.type)))
    if bounds.high is not None:
        compare = pc.less_equal if bounds.with_high else pc.less
        parts.append(compare(held, pa.scalar(bounds.high, held.type)))
    return _sure(reduce(pc.and_, parts))


def _exists(table: pa.Table, column: str) -> pa.Array:
    kind = KINDS[column]
    if kind in {Kind.LABEL, Kind.TEXT}:
        return _of_texts(table, column, lambda texts: pc.not_equal(texts, pa.scalar("", texts.type)))
    if kind is Kind.LABELS:
        return pc.greater(pc.list_value_length(whole(table[column])), 0)
    if kind is Kind.F32_OR_NULL:
        return pc.is_valid(whole(table[column]))
    if kind in {Kind.BOOL, Kind.TIME}:
        return _all(table, True)
    held = _plain_numbers(table, column)
    return pc.not_equal(held, pa.scalar(0, held.type))


def _plain_numbers(table: pa.Table, column: str) -> pa.Array:
    held = whole(table[column])
    return held.cast(pa.int64()) if KINDS[column] is Kind.TIME else held


def _of_texts(table: pa.Table, column: str, test: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """A test of texts, done once for each distinct label; of a list, whether any item passes."""
    held = whole(table[column])
    if KINDS[column] is Kind.LABELS:
        items = pc.list_flatten(held)
        passing = pc.list_parent_indices(held).filter(_of_values(items, test)).cast(pa.int64())
        return pc.is_in(row_numbers(len(held)), value_set=passing)
    return _of_values(held, test)


def _of_values(held: pa.Array, test: Callable[[pa.Array], pa.Array]) -> pa.Array:
    if pa.types.is_dictionary(held.type):
        return _sure(test(held.dictionary.cast(pa.large_utf8()))).take(held.indices)
    return pa.concat_arrays([_sure(test(piece)) for piece in _pieces(held.cast(pa.large_utf8()))])


def _pieces(texts: pa.Array) -> Iterator[pa.Array]:
    """The texts, some megabytes at a time; at least one piece."""
    rows = max(1, len(texts) * _PIECE_BYTES // max(1, texts.nbytes))
    for start in range(0, max(1, len(texts)), rows):
        reading.check()
        yield texts.slice(start, rows)


def _found(texts: pa.Array, pattern: str, *, lowered: bool) -> pa.Array:
    return pc.match_substring_regex(pc.utf8_lower(texts) if lowered else texts, pattern)


def _found_words(texts: pa.Array, wanted: Sequence[str], pattern: str) -> pa.Array:
    """Where the words are; the pattern, which takes long, is looked for where the rarest of them may be."""
    rarest = max(wanted, key=lambda word: (words.has_digit(word), len(word)))
    lowered = pc.utf8_lower(texts)
    maybe = pc.indices_nonzero(_sure(pc.match_substring_regex(lowered, words.quoted(rarest))))
    sure = maybe.filter(_sure(pc.match_substring_regex(lowered.take(maybe), pattern)))
    return pc.is_in(row_numbers(len(texts)), value_set=sure.cast(pa.int64()))


def _sure(found: pa.Array) -> pa.Array:
    return pc.fill_null(found, False)


def _metadata(table: pa.Table, wanted: Metadata) -> pa.Array:
    texts = whole(table["metadata"]).cast(pa.large_utf8())
    # Few rows have the name at all, or an escape in which it may hide; only those are decoded.
    name = wanted.path[-1]
    named = (pc.match_substring(texts, part) for part in (name, "\\"))
    maybe = pc.indices_nonzero(pc.or_(*named)) if name.isascii() else row_numbers(len(texts))
    rows: list[int] = []
    for start in range(0, len(maybe), _PIECE_ROWS):
        reading.check()
        some = maybe[start : start + _PIECE_ROWS]
        found = zip(some.to_pylist(), texts.take(some).to_pylist(), strict=True)
        rows += [
            row
            for row, text in found
            if any(_passes(value, wanted.test, text) for value in _values(text, wanted.paths))
        ]
    return pc.is_in(row_numbers(len(texts)), value_set=pa.array(rows, pa.int64()))


def _values(text: str, paths: Iterable[tuple[str, ...]]) -> Iterator[Any]:
    """What stands at each of the paths, but for null; nothing where the text is no JSON."""
    try:
        decoded = _decode(text)
    except (msgspec.DecodeError, RecursionError):
        return
    for path in paths:
        value = decoded
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        if value is not None:
            yield numbers.as_engine_has_it(value)


def _passes(value: Any, test: str | Bounds | Matches | None, text: str) -> bool:
    if test is None:
        return True
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(test, Bounds):
        return is_number and _in_bounds(value, test)
    if isinstance(test, Matches):
        return isinstance(value, str) and bool(_found(pa.array([value]), test.pattern, lowered=False)[0].as_py())
    if isinstance(value, bool):
        return test == str(value).lower()
    if isinstance(value, list):
        return any(_as_text(item) == test for item in value) and _has_words_of(test, text)
    if is_number:
        number = numbers.number_of(test)
        if number is None or number != value:
            return False
        # As the engine has it, whose index does not know the number by its exponent.
        return set(numbers.words_of_number(number)).issubset(words.words_in(text))
    return bool(value == test)


def _has_words_of(test: str, text: str) -> bool:
    """Whether the metadata has the words of a whole number as they are; others are found however they are written."""
    return not numbers.is_plain_item(test) or set(words.words_in(test)).issubset(words.words_in(text))


def _as_text(item: Any) -> str | None:
    """An item of a list, but for null and what has items itself."""
    if isinstance(item, bool):
        return str(item).lower()
    if isinstance(item, float):
        return str(int(item)) if item.is_integer() else None
    return str(item) if isinstance(item, str | int) else None


def _in_bounds(value: float, bounds: Bounds) -> bool:
    above = bounds.low is None or (value >= bounds.low if bounds.with_low else value > bounds.low)
    below = bounds.high is None or (value <= bounds.high if bounds.with_high else value < bounds.high)
    return above and below
