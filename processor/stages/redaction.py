"""Takes sensitive text out of every column that a sender or parsing filled, before anything else looks at them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import polars as pl

from processor.redaction.documents import Documents
from processor.redaction.encoded import redact_message
from processor.redaction.parts import without_parts
from processor.redaction.text import Redactor

# Nearly every record has a text of its own in these; in the others few are distinct.
MESSAGE, METADATA = "message", "metadata"
# What a message was before it was taken apart; null where it was not.
PARSED_FROM = "parsed_from"
LABELS = ("service", "original_level", "client_id", "trace_id", "span_id", "host", "file")
# There a number is no person's, though it may have a card's check digit.
_IDS = frozenset(["trace_id", "span_id"])
# JSON may write a letter as its number, or a slash behind another: what is sensitive in it is looked for once decoded.
_ESCAPED = r"\\u00[2-7]|[:0-9]\\/"
# There a word may also begin after an escape such as \n, whose last letter looks like a part of it.
_WORD_IN_JSON = r"(?:(?-u:\b)|\\[bfnrt]|\\u[0-9a-fA-F]{4})"


def redact(frame: pl.DataFrame, redactor: Redactor) -> pl.DataFrame:
    """Redact message, metadata and labels.

    Args:
        frame: with any of these columns.
        redactor: by which rules.
    """
    if not redactor.hints:
        return frame
    columns = {
        MESSAGE: _messages(frame[MESSAGE], redactor),
        METADATA: _changed(frame[METADATA], _suspect_documents(frame[METADATA], redactor), Documents(redactor).redact),
        **{name: _labels(frame[name], redactor, name if name in _IDS else "") for name in LABELS},
    }
    redacted = frame.with_columns(**columns)
    if PARSED_FROM not in frame.columns:
        return redacted
    return _parts(redacted, redactor).drop(PARSED_FROM)


def _parts(frame: pl.DataFrame, redactor: Redactor) -> pl.DataFrame:
    """Where a message was taken apart, what is sensitive in the whole of it is so in its parts."""
    rows = _suspects(frame[PARSED_FROM], redactor.hints)
    if rows.is_empty():
        return frame
    texts = zip(*(frame[name].gather(rows) for name in (PARSED_FROM, MESSAGE, METADATA)), strict=True)
    changed = [without_parts(whole, message, metadata, redactor) for whole, message, metadata in texts]
    return frame.with_columns(
        frame[name].clone().scatter(rows, pl.Series(new, dtype=pl.String))
        for name, new in zip((MESSAGE, METADATA), zip(*changed, strict=True), strict=True)
    )


def _messages(column: pl.Series, redactor: Redactor) -> pl.Series:
    """The messages, redacted."""
    found = _suspects_and_escaped(column, redactor.hints, (_ESCAPED,))
    return _changed(column, found, lambda text: redact_message(text, redactor))


def _suspects(column: pl.Series, hints: Iterable[str]) -> pl.Series:
    """The rows in whose text one of the hints is."""
    return pl.select(pl.any_horizontal(column.str.contains(hint) for hint in hints)).to_series().arg_true()


def _suspect_documents(column: pl.Series, redactor: Redactor) -> pl.Series:
    """The rows in whose JSON object one of the hints is, decoded or not."""
    hints = (_ESCAPED, *(hint.replace(r"(?-u:\b)", _WORD_IN_JSON) for hint in redactor.hints))
    return _suspects_and_escaped(column, redactor.hints, hints)


def _suspects_and_escaped(column: pl.Series, hints: Iterable[str], escaped_hints: Iterable[str]) -> pl.Series:
    """The rows with a hint, and of those with a backslash the ones with a hint of the others."""
    found = _suspects(column, hints)
    # Few have a backslash, and looking through them takes longer.
    escaped = column.str.contains("\\", literal=True).arg_true()
    if escaped.is_empty():
        return found
    more = escaped.gather(_suspects(column.gather(escaped), escaped_hints))
    return pl.concat([found, more]).unique().sort()


def _changed(column: pl.Series, rows: pl.Series, change: Callable[[str], str]) -> pl.Series:
    """The column with the texts of these rows changed."""
    if rows.is_empty():
        return column
    return column.clone().scatter(rows, pl.Series([change(text) for text in column.gather(rows)], dtype=pl.String))


def _labels(column: pl.Series, redactor: Redactor, says: str) -> pl.Series:
    """A column with few distinct texts, redacted; `says` is the name where it says what numbers in it are."""
    distinct = column.unique()
    rows = _suspects(distinct, redactor.hints)
    if rows.is_empty():
        return column
    new = _changed(distinct, rows, lambda text: redactor.redact(text, says if text.isdecimal() else ""))
    return column.replace_strict(distinct, new, return_dtype=pl.String)
