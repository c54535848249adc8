"""What parsing asks before it takes a text apart: whether a secret in it would no longer be known as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


def _names_none(_name: str) -> bool:
    return False


def _tears_none(_whole: str, _parts: Iterable[str]) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Secrets:
    """What redaction knows; whoever redacts what was read gives its own, see `processor.redaction.torn`.

    Attributes:
        hint: an expression of Rust's regex crate that every text matches in which `tears` may hold.
        names: whether what follows this word and a colon is redacted for it, so that the two must not be taken apart.
        tears: whether a secret that is known as one in a text would be none in any of the parts it is taken apart into.
    """

    hint: str = r"\A\b\B"
    names: Callable[[str], bool] = _names_none
    tears: Callable[[str, Iterable[str]], bool] = _tears_none


# For fields that nobody redacts: nothing is kept together for it.
NOTHING_SECRET = Secrets()
