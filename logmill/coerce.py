"""The careful way from JSON to `Submitted`: nulls, other types, `log_data` and fields of the client's own.

Fields that Logmill does not know are kept: they join `metadata`, under `name_2` where another value has the name there.
A `severity` that names a level stands in for a `level` that was not sent.
"""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec
from msgspec import Raw

from logmill.errors import InvalidField, Refused, Undecodable
from logmill.record import LEVEL_SYNONYMS
from logmill.submitted import EMPTY, EMPTY_OBJECT, Limits, Submitted, SubmittedWithLane, one_line_object
from logmill.timestamps import EPOCH, MICROSECOND, to_us

MALFORMED = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)

_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_NULL = b"null"
_JSON_TYPES = {type(None): "null", bool: "a boolean", int: "a number", float: "a number", list: "an array"}


# What the decoder says of a fault, and the byte at which it is.
_FAULT = re.compile(r"(?:JSON is malformed: )?(.*) \(byte (\d+)\)")
# An escape of a JSON string: a pair of surrogates, a lone one, or any other.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def mend_surrogates(body: bytes) -> bytes | None:
    r"""JSON with each lone surrogate (`\ud800`) replaced by U+FFFD, or None where it has none.

    Some encoders write them for bytes that were no text. No UTF-8 can hold them, but a log is not refused for that.
    """
    if b"\\ud" not in body and b"\\uD" not in body:
        return None
    mended = _ESCAPE.sub(lambda match: rb"\ufffd" if match[1] else match[0], body)
    return None if mended == body else mended


def malformed(error: Exception, body: bytes, what: str = "the body") -> Undecodable:
    """The error for what the JSON decoder gave up on; says at which character, from 0.

    Args:
        error: the decoder's.
        body: what it was to read, UTF-8.
        what: the name of that.
    """
    if isinstance(error, RecursionError):
        return Undecodable(f"{what} is nested too deeply", code="too_deep")
    found = _FAULT.fullmatch(str(error))
    # Without a byte it is the end that comes too early.
    words, read = (found[1], body[: int(found[2])]) if found else (str(error), body)
    position = len(read.decode(errors="replace"))
    return Undecodable(f"{what} is no valid JSON: {words} (at position {position})", more={"position": position})


def coerce(body: bytes, limits: Limits, what: str = "the body") -> Submitted:
    """The item of a JSON object, looked at field by field.

    Args:
        body: UTF-8 JSON.
        limits: what is too much.
        what: the name of the body in errors.

    Raises:
        Undecodable: it is no JSON.
        InvalidField: a value cannot be taken; names the field.
        Refused: it is no object, or an empty one.
    """
    fields = _object(body, what)
    if "log_data" in fields:
        fields = _unwrap(fields)
    lane = _value("lane", fields.pop("lane")) if "lane" in fields else None
    known, extra = _told_apart(fields)
    if "severity" in extra and "level" not in known and names_level(extra["severity"]):
        known["level"] = _value("severity", extra.pop("severity"))
    if not known and all(bytes(raw) == _NULL for raw in extra.values()):
        raise Refused(EMPTY, code="empty")
    if extra:
        known["metadata"] = _join(known.get("metadata", EMPTY_OBJECT), extra, limits)
    return Submitted(**known) if lane is None else SubmittedWithLane(**known, lane=lane)


def _told_apart(fields: dict[str, Raw]) -> tuple[dict[str, Any], dict[str, Raw]]:
    """The values of fields that are known, and the others."""
    known: dict[str, Any] = {}
    extra: dict[str, Raw] = {}
    source: dict[str, str] = {}
    for name, raw in fields.items():
        if name == "metadata":
            if bytes(raw) != _NULL:
                known[name] = raw
        elif name == "source":
            source, is_whole = _source(_value(name, raw))
            if not is_whole:
                extra[name] = raw
        elif name in Submitted.__struct_fields__:
            value = _known_field(name, _value(name, raw))
            if value is not None:
                known[name] = value
        else:
            extra[name] = raw
    if any(known.setdefault(name, value) != value for name, value in source.items()):
        extra["source"] = fields["source"]
    return known, extra


def names_level(raw: Raw) -> bool:
    """Whether a severity is a level's name. A number may be of any scale: syslog's, OpenTelemetry's, or ours."""
    text = _value("severity", raw) if bytes(raw).startswith(b'"') else ""
    return not text.strip().isdigit() and text.strip().upper() in LEVEL_SYNONYMS


def _object(body: bytes, what: str) -> dict[str, Raw]:
    try:
        return _decode_fields(body)
    except msgspec.ValidationError:
        raise Refused("a log must be a JSON object", code="not_an_object") from None
    except MALFORMED as error:
        raise malformed(error, body, what) from None


def _unwrap(fields: dict[str, Raw]) -> dict[str, Raw]:
    """`{"log_data": object or text, …}` as the object, or with the text as its message; the rest fills gaps."""
    raw = fields.pop("log_data")
    value = bytes(raw)
    if value.startswith(b"{"):
        inner = _object(value, "log_data")
        if "log_data" in inner:
            raise InvalidField("log_data", "log_data may not hold another log_data")
        return _united(inner, fields)
    if not value.startswith(b'"') or value == b'""':
        raise InvalidField("log_data", "log_data must be an object or text")
    return _united({"message": raw}, fields)


def _united(first: dict[str, Raw], others: dict[str, Raw]) -> dict[str, Raw]:
    """All fields of both; where they differ in a value, that of `others` is under `name_2`, or the next free number.

    A null says nothing: the other's value takes its place.
    """
    united = dict(first)
    for name, raw in others.items():
        value = bytes(raw)  # once: it may be long, and the names that are taken many
        if name in united and value == _NULL:
            continue
        free, number = name, 1
        while free in united and bytes(united[free]) not in {value, _NULL}:
            number += 1
            free = f"{name}_{number}"
        united[free] = raw
    return united


def _value(name: str, raw: Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except MALFORMED as error:
        raise InvalidField(name, f"{name} cannot be read: {error}") from None


def _known_field(name: str, value: Any) -> Any:
    """The value in the type `Submitted` has for it; None where it is to be taken as absent."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if name == "message" and not isinstance(value, str):
        raise InvalidField(name, f"message must be text, not {_json_type(value)}")
    if value is None:
        return None
    if name == "timestamp" and is_number:
        return value
    if name == "timestamp" and isinstance(value, str):
        return EPOCH + to_us(value) * MICROSECOND  # a time, since a number would be taken for one of any unit
    if isinstance(value, str) and name != "timestamp":
        return value
    if name == "level" and is_number:
        return int(value) if math.isfinite(value) and value == int(value) else str(value)
    if name == "id" and isinstance(value, int) and is_number:
        return str(value)
    wanted = "text or a number" if name in {"level", "id", "timestamp"} else "text"
    raise InvalidField(name, f"{name} must be {wanted}, not {_json_type(value)}")


def _source(value: Any) -> tuple[dict[str, str], bool]:
    """`source` as text is the file; as an object it has host and file. And whether that is all it has."""
    parts = {"file": value} if isinstance(value, str) else {} if value is None else value
    if not isinstance(parts, dict) or not all(isinstance(parts.get(name, ""), str) for name in ("host", "file")):
        raise InvalidField("source", "source must be text, or an object with the texts host and file")
    found = {name: parts[name] for name in ("host", "file") if name in parts}
    return found, len(found) == len(parts)


def _join(metadata: Raw, extra: dict[str, Raw], limits: Limits) -> Raw:
    own = _decode_fields(one_line_object(metadata, limits))
    return Raw(msgspec.json.encode(_united(own, extra)))


def _json_type(value: Any) -> str:
    return _JSON_TYPES.get(type(value), "an object" if isinstance(value, dict) else "text")
