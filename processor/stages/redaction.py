"""Takes sensitive text out of every column that a sender filled, before anything else looks at them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import polars as pl

from processor.redaction.documents import Documents
from processor.redaction.encoded import redact_encoded
from processor.redaction.text import Redactor

# Nearly every record has a text of its own in these; in the others few are distinct.
MESSAGE, METADATA = "message", "metadata"
LABELS = ("service", "original_level", "client_id", "trace_id", "span_id", "host", "file")
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
        **{name: _labels(frame[name], redactor) for name in LABELS},
    }
    return frame.with_columns(**columns)


def _messages(column: pl.Series, redactor: Redactor) -> pl.Series:
    """The texts, redacted; what few have, letters as JSON writes them, is looked at as it would be read."""
    redacted = _changed(column, _suspects(column, redactor.hints), redactor.redact)
    rows = redacted.str.contains("\\", literal=True).arg_true()
    if rows.is_empty():
        return redacted
    rows = rows.gather(redacted.gather(rows).str.contains(_ESCAPED).arg_true())
    return _changed(redacted, rows, lambda text: redact_encoded(text, redactor))


def _suspects(column: pl.Series, hints: Iterable[str]) -> pl.Series:
    """The rows in whose text one of the hints is."""
    return pl.select(pl.any_horizontal(column.str.contains(hint) for hint in hints)).to_series().arg_true()


def _suspect_documents(column: pl.Series, redactor: Redactor) -> pl.Series:
    """The rows in whose JSON object one of the hints is, decoded or not."""
    found = _suspects(column, redactor.hints)
    # Few have escapes, and looking through them takes longer.
    escaped = column.str.contains("\\", literal=True).arg_true()
    if escaped.is_empty():
        return found
    hints = (_ESCAPED, *(hint.replace(r"(?-u:\b)", _WORD_IN_JSON) for hint in redactor.hints))
    more = escaped.gather(_suspects(column.gather(escaped), hints))
    return pl.concat([found, more]).unique().sort()


def _changed(column: pl.Series, rows: pl.Series, change: Callable[[str], str]) -> pl.Series:
    """The column with the texts of these rows changed."""
    if rows.is_empty():
        return column
    return column.clone().scatter(rows, pl.Series([change(text) for text in column.gather(rows)], dtype=pl.String))


def _labels(column: pl.Series, redactor: Redactor) -> pl.Series:
    """A column with few distinct texts, redacted."""
    distinct = column.unique()
    rows = _suspects(distinct, redactor.hints)
    if rows.is_empty():
        return column
    new = _changed(distinct, rows, redactor.redact)
    return column.replace_strict(distinct, new, return_dtype=pl.String)
