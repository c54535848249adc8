"""Adds members to the JSON object that a sender's metadata is, without touching what is there."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import msgspec

from logmill.coerce import MALFORMED
from logmill.parsing.attribute_names import overruling
from logmill.parsing.found import free_name

MOST_BYTES_A_CHAR = 4
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def joined(metadata: str, fields: Mapping[str, Any], max_bytes: int) -> str | None:
    """The object with these members behind its own, which stay byte for byte; None where it cannot be made.

    A member whose name is taken is added as `name_2`, unless the value there is the same; and so is one that would fill
    a column in place of what the object says under another name (`status_code` where it has `status`).

    Args:
        metadata: a JSON object on one line.
        fields: values are JSON's, or `msgspec.Raw`.
        max_bytes: how long the result may be in UTF-8.
    """
    if not fields:
        return metadata
    if metadata != "{}":
        try:
            own = _decode(metadata)
        except MALFORMED:
            return None
        hidden = overruling(own, fields)
        if hidden or not own.keys().isdisjoint(fields):
            fields = _renamed(fields, own, hidden)
            if not fields:
                return metadata
    else:
        own = {}
    try:
        members = _encode(fields)
        if b"\n" in members or b"\r" in members:  # of JSON that was written on several lines
            members = msgspec.json.format(members, indent=-1)
    except (*MALFORMED, msgspec.MsgspecError, OverflowError):
        return None
    end = metadata.rindex("}")
    text = f"{metadata[:end]}{',' if own else ''}{members[1:-1].decode()}{metadata[end:]}"
    fits = len(text) * MOST_BYTES_A_CHAR <= max_bytes or len(text.encode()) <= max_bytes
    return text if fits else None


def _renamed(fields: Mapping[str, Any], own: Mapping[str, msgspec.Raw], hidden: Set[str]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    taken = own.keys() | fields.keys()
    for name, value in fields.items():
        if name not in own and name not in hidden:
            kept[name] = value
        elif name in hidden or _encode(value) != bytes(own[name]):
            free = free_name(taken, name)
            taken.add(free)
            kept[free] = value
    return kept
