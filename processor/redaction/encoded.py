"""Redacts text that may be JSON, or hold letters as JSON writes them: what is sensitive in it is found once decoded."""

from __future__ import annotations

import re

import msgspec

from processor.redaction.documents import Documents
from processor.redaction.text import Redactor

# A letter of ASCII as JSON may write it, or a slash; and a pair of backslashes, of which the second begins nothing.
_ESCAPE = re.compile(r"\\(?:u00([2-7][0-9a-fA-F])|(/)|\\)")


def redact_message(text: str, redactor: Redactor) -> str:
    """A log's message without what is sensitive in it: as it stands, and as it reads where it is JSON or looks like it.

    Args:
        text: any.
        redactor: by which rules.
    """
    if "\\" in text or _may_be_json(text):
        text = redact_encoded(text, redactor)
    return redactor.redact(text)


def redact_encoded(text: str, redactor: Redactor) -> str:
    """The text without what is sensitive in it, decoded or not; letters that had to be decoded stay so.

    Args:
        text: JSON, a JSON object or array a line, or any other.
        redactor: by which rules.
    """
    documents = Documents(redactor)
    if _is_json(text):
        return documents.redact(text)
    lines = text.split("\n")
    if all(_is_json(line) or not line.strip() for line in lines):
        return "\n".join(map(documents.redact, lines))
    # No JSON, or broken: names and values cannot be told apart, so it is one text.
    decoded = _ESCAPE.sub(_letter, text)
    redacted = redactor.redact(decoded)
    return redactor.redact(text) if redacted == decoded else redacted


def _letter(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else found[2] or found[0]


def _may_be_json(text: str) -> bool:
    return text.lstrip()[:1] in {"{", "["}


def _is_json(text: str) -> bool:
    """Whether it is a JSON object or array; a string alone is looked at as a text."""
    if not _may_be_json(text):
        return False
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
