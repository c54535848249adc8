"""Reads what counts off events that are JSON objects without taking them apart: the level, and what Docker wrapped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType, field

from logmill.coerce import MALFORMED, mend_surrogates
from logmill.parsing.lifting import LEVEL_NAMES, PINO_MARKS, sure_level
from logmill.record import LEVEL_SYNONYMS, LEVELS


class _Said(msgspec.Struct, gc=False):
    """The members that are looked at: LEVEL_NAMES in their order, PINO_MARKS, and those of Docker's files."""

    level: Any = UNSET
    lvl: Any = UNSET
    severity: Any = UNSET
    log_level: Any = field(name="log.level", default=UNSET)
    levelname: Any = UNSET
    loglevel: Any = UNSET
    serilog_level: Any = field(name="@l", default=UNSET)
    pid: Raw | UnsetType = UNSET
    hostname: Raw | UnsetType = UNSET
    log: Any = UNSET
    stream: Any = UNSET


_NAMES = _Said.__struct_encode_fields__
assert _NAMES[: len(LEVEL_NAMES) + len(PINO_MARKS)] == (*LEVEL_NAMES, *PINO_MARKS)  # noqa: S101  # named twice
_decoder = msgspec.json.Decoder(_Said)
_STREAMS = ("stdout", "stderr")


class Told(msgspec.Struct, frozen=True, gc=False):
    """What an object tells.

    Attributes:
        level: one of LEVELS, or "" where it names none for certain: the processors look at the whole of it.
        wrapped: the line that Docker wrapped, where no level stands beside it; else "".
    """

    level: str = ""
    wrapped: str = ""


NOTHING = Told()
_OF_LEVEL = {"": NOTHING} | {level: Told(level) for level in LEVELS}
# Spellings that are sure wherever they are the first that is there; most objects end here.
_SURE = {
    spelling: _OF_LEVEL[level]
    for name, level in LEVEL_SYNONYMS.items()
    if len(name) > 1 and not name.isdigit()
    for spelling in (name, name.lower(), name.capitalize())
}


def told(texts: Sequence[str]) -> list[Told | None]:
    """What each text tells that begins as an object does; None where it is none after all."""
    try:
        found = _decoder.decode_lines("\n".join(texts))
    except MALFORMED:
        return [_told_alone(text) for text in texts]
    # One that goes on over lines may be several objects, or none.
    return [_told(one) for one in found] if len(found) == len(texts) else [_told_alone(text) for text in texts]


def _told_alone(text: str) -> Told | None:
    try:
        return _told(_decoder.decode(text))
    except MALFORMED:
        mended = mend_surrogates(text.encode())
        if mended is None:
            return None
    try:
        return _told(_decoder.decode(mended))
    except MALFORMED:
        return None


def _told(one: _Said) -> Told:
    level = one.level
    sure = _SURE.get(level) if type(level) is str else None
    if sure is not None:
        return sure
    values = msgspec.structs.astuple(one)
    said = [(name, value) for name, value in zip(LEVEL_NAMES, values, strict=False) if value is not UNSET]
    if said:
        is_pino = one.pid is not UNSET and one.hostname is not UNSET
        return _OF_LEVEL[sure_level(said, is_pino=is_pino)]
    if one.log is not UNSET and one.stream in _STREAMS and isinstance(one.log, str):
        return Told(wrapped=one.log)
    return NOTHING
