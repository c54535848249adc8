"""The fields that a search may name, derived from the record: what each holds, and how text becomes a value of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from logmill.errors import InvalidField
from logmill.parameters import finite_number, flag, whole_number
from logmill.record import COLUMNS, LEVEL_SYNONYMS, PRIORITY_OF_LEVEL, SEVERITY_CLASSES, Kind
from storage.search.filters import Scalar
from storage.search.times import time_us

_HEX = frozenset("0123456789abcdef")


class Holds(Enum):
    """What a field holds, which decides what may be asked of it."""

    MESSAGE = "words"
    TEXT = "text"
    LIST = "a list of texts"
    NUMBER = "a number"
    TIME = "a time"
    BOOL = "true or false"


@dataclass(frozen=True, slots=True)
class Field:
    """One field.

    Attributes:
        name: of its column.
        holds: what is in it.
        value: from a person's text, and the moment that relative times count from (microseconds), to a value of the
            column. Raises InvalidField, naming the field.
    """

    name: str
    holds: Holds
    value: Callable[[str, int], Scalar]


def _level(text: str, _: int) -> Scalar:
    level = LEVEL_SYNONYMS.get(text.strip().upper())
    if level is None:
        raise InvalidField("level", f"there is no level {text[:100]!r}")
    return level


def _one_of(name: str, values: tuple[str, ...]) -> Callable[[str, int], Scalar]:
    def value(text: str, _: int) -> Scalar:
        if text.lower() not in values:
            raise InvalidField(name, f"{name} must be one of {', '.join(values)}, not {text[:100]!r}")
        return text.lower()

    return value


def _bool(name: str) -> Callable[[str, int], Scalar]:
    return lambda text, _: flag(name, text)


def _number(name: str) -> Callable[[str, int], Scalar]:
    def value(text: str, _: int) -> Scalar:
        number = finite_number(text)
        if number is None:
            raise InvalidField(name, f"{name} must be a number, not {text[:100]!r}")
        return number

    return value


def _fingerprint(text: str, _: int) -> Scalar:
    if len(text) != 16 or not _HEX.issuperset(text.lower()):  # noqa: PLR2004
        raise InvalidField("fingerprint", f"fingerprint must be 16 hexadecimal digits, not {text[:100]!r}")
    return int(text, 16)


_SPECIAL: dict[str, Callable[[str, int], Scalar]] = {
    "level": _level,
    "priority": _one_of("priority", tuple(dict.fromkeys(PRIORITY_OF_LEVEL.values()))),
    "severity_class": _one_of("severity_class", tuple(name for name, _ in SEVERITY_CLASSES)),
    "severity": lambda text, _: whole_number("severity", text, 0, 100),
    "status_code": lambda text, _: whole_number("status_code", text, 0, 65535),
    "fingerprint": _fingerprint,
}
_HOLDS = {
    Kind.LABEL: Holds.TEXT,
    Kind.TEXT: Holds.TEXT,
    Kind.LABELS: Holds.LIST,
    Kind.BOOL: Holds.BOOL,
    Kind.U8: Holds.NUMBER,
    Kind.U16: Holds.NUMBER,
    Kind.U64: Holds.NUMBER,
    Kind.F32_OR_NULL: Holds.NUMBER,
    Kind.TIME: Holds.TIME,
}


def _value_of(name: str, holds: Holds) -> Callable[[str, int], Scalar]:
    if name in _SPECIAL:
        return _SPECIAL[name]
    if holds is Holds.BOOL:
        return _bool(name)
    if holds is Holds.NUMBER:
        return _number(name)
    if holds is Holds.TIME:
        return lambda text, now: time_us(text, now, name)
    return lambda text, _: text


def _fields() -> dict[str, Field]:
    found: dict[str, Field] = {}
    for column in COLUMNS:
        name = column.name
        if name in {"batch_id", "ordinal", "metadata"}:
            continue
        holds = Holds.MESSAGE if name == "message" else _HOLDS[column.kind]
        found[name] = Field(name, holds, _value_of(name, holds))
    return found


FIELDS = _fields()
# Other names that people know fields by: in the singular, or as the record shows them.
ALIASES = {
    "tag": "tags",
    "reason": "anomaly_reasons",
    "anomaly_reason": "anomaly_reasons",
    "source.host": "host",
    "source.file": "file",
    "source.protocol": "protocol",
    "@timestamp": "timestamp",
    "time": "timestamp",
    "msg": "message",
    "_msg": "message",
}


def field_of(name: str) -> Field | None:
    """The field of this name, None where it is none: then it is one of the metadata."""
    return FIELDS.get(ALIASES.get(name, name))
