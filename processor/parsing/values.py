"""Values that several formats read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from logmill.record import LEVEL_SYNONYMS
from processor.redaction.names import SOME_SECRET, is_secret_name
from processor.redaction.passwords import HINT, find_passwords

# As many digits as a 64-bit number has for certain.
MOST_DIGITS = 18
# What every text matches in which `tears_secret` may find something.
SECRET_HINT = HINT


def whole_number(text: str) -> int | str:
    """The number that these ASCII digits are, or the text where there are too many, or others among them."""
    return int(text) if len(text) <= MOST_DIGITS and text.isascii() and text.isdigit() else text


def level_of(name: str) -> str:
    """One of LEVELS for a logger's name of it, or ""."""
    return LEVEL_SYNONYMS.get(name.upper(), "")


def names_secret(name: str) -> bool:
    """Whether what follows this word and a colon is redacted for it, so that the two must not be taken apart."""
    return is_secret_name(name, SOME_SECRET)


def tears_secret(whole: str, parts: Iterable[str]) -> bool:
    """Whether a secret that is known as one in this text would be none in any of the parts it is taken apart into."""
    secrets = {whole[start:end] for start, end in find_passwords(whole)}
    return bool(secrets) and not secrets <= {part[start:end] for part in parts for start, end in find_passwords(part)}


def present(**fields: Any) -> dict[str, Any]:
    """The fields that have a value: neither None nor empty."""
    return {name: value for name, value in fields.items() if value not in {None, ""}}
