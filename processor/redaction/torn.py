"""Tells parsing which texts must not be taken apart, since a secret in them is only known by what is around it."""

from __future__ import annotations

from collections.abc import Iterable

from logmill.parsing.secrets import Secrets
from processor.redaction.names import SOME_SECRET, is_secret_name
from processor.redaction.passwords import HINT, find_passwords


def _names(name: str) -> bool:
    return is_secret_name(name, SOME_SECRET)


def _tears(whole: str, parts: Iterable[str]) -> bool:
    secrets = {whole[start:end] for start, end in find_passwords(whole)}
    return bool(secrets) and not secrets <= {part[start:end] for part in parts for start, end in find_passwords(part)}


SECRETS = Secrets(HINT, _names, _tears)
