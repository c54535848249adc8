"""Redacts text that may be JSON, or hold letters as JSON writes them: what is sensitive in it is found once decoded."""

from __future__ import annotations

from processor.redaction.documents import Documents, is_json, may_be_json
from processor.redaction.text import Redactor


def redact_message(text: str, redactor: Redactor) -> str:
    """A log's message without what is sensitive in it: as it stands, and as it reads where it is JSON or looks like it.

    Args:
        text: any.
        redactor: by which rules.
    """
    if "\\" not in text and not may_be_json(text):
        return redactor.redact(text)
    encoded = Documents(redactor).redact_message(text)
    return encoded if "\\" not in encoded or is_json(encoded) else redactor.redact(encoded)


def redact_encoded(text: str, redactor: Redactor) -> str:
    """The text without what is sensitive in it, decoded or not; letters that had to be decoded stay so.

    Args:
        text: JSON, a JSON object or array a line, or any other.
        redactor: by which rules.
    """
    return Documents(redactor).redact_encoded(text)
