"""Redacts the parts that a message was taken apart into: what was sensitive in the whole is so in each part."""

from __future__ import annotations

from processor.redaction.documents import Documents
from processor.redaction.encoded import redact_message
from processor.redaction.text import Redactor


def without_parts(whole: str, message: str, metadata: str, redactor: Redactor) -> tuple[str, str]:
    """Message and metadata without what is sensitive in the text that they are from.

    A word before a secret (`password: `) may have gone to another part; alone the secret is a word as any.

    Args:
        whole: the message as it came.
        message: what is left of it, redacted.
        metadata: a JSON object with the rest, redacted.
        redactor: by which rules.
    """
    known = redactor.found_in(whole)
    if not known:
        return message, metadata
    for value in sorted(known, key=len, reverse=True):
        message = message.replace(value, known[value])
    return redact_message(message, redactor), Documents(_Knowing(redactor, known)).redact(metadata)


class _Knowing(Redactor):
    """The redactor, and some texts that are sensitive wherever they are."""

    def __init__(self, redactor: Redactor, known: dict[str, str]) -> None:
        self.__dict__.update(redactor.__dict__)
        self._known = known

    def redact(self, text: str, name: str = "") -> str:
        for value in sorted(self._known, key=len, reverse=True):
            text = text.replace(value, self._known[value])
        return super().redact(text, name)
