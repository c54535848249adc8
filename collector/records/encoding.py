"""Writes events as the NDJSON that the producer takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Raw, UnsetType

from collector.records.made import Source
from logmill.parsing.found import Found, free_name
from logmill.submitted import MAX_FILE_BYTES, MAX_LABEL_BYTES
from logmill.timestamps import EPOCH, MICROSECOND

TAGS, TRUNCATED = "tags", "truncated_bytes"
_encoder = msgspec.json.Encoder()


class Extra(NamedTuple):
    """What a record has beside its text.

    Attributes:
        found: the fields that were read in it, if they are sent.
        cut_bytes: how many bytes at its end are left out.
    """

    found: Found | None = None
    cut_bytes: int = 0


class _Line(msgspec.Struct, omit_defaults=True, gc=False):
    """A record as it is sent; what is not given is left out."""

    message: str
    service: str
    host: str
    file: str
    level: str = ""
    timestamp: datetime | None = None
    metadata: Raw | UnsetType = UNSET


def encoded(
    source: Source,
    texts: Sequence[str],
    levels: Sequence[str],
    tags: Sequence[str],
    extras: Mapping[int, Extra],
    max_metadata_bytes: int,
) -> tuple[bytes, list[int]]:
    """The lines, and the places of those whose fields have no room in metadata and stay text.

    Args:
        source: of all of them.
        texts: one a line.
        levels: of each, "" where it has none.
        tags: of all of them.
        extras: what some of them have beside their text, by place.
        max_metadata_bytes: how long metadata may be.
    """
    service, host, file = _labels(source)
    own: Raw | UnsetType = Raw(_encoder.encode({TAGS: tags})) if tags else UNSET
    lines = [_Line(text, service, host, file, level, None, own) for text, level in zip(texts, levels, strict=True)]
    without_room = []
    for place, (found, cut_bytes) in extras.items():
        line = lines[place]
        facts: dict[str, Any] = {TRUNCATED: cut_bytes} if cut_bytes else {}
        if tags:
            facts[TAGS] = tags
        fields = dict(facts)
        for name, value in found.fields.items() if found else ():
            fields[free_name(fields, name)] = value
        metadata = _encoder.encode(fields)
        has_room = len(metadata) <= max_metadata_bytes
        line.metadata = Raw(metadata if has_room else _encoder.encode(facts))
        if not has_room:
            without_room.append(place)
        elif found:
            line.message = found.message or line.message
            line.timestamp = None if found.time_us is None else EPOCH + found.time_us * MICROSECOND
    return _encoder.encode_lines(lines), without_room


@lru_cache(maxsize=4096)
def _labels(source: Source) -> tuple[str, str, str]:
    """Service, host and file as far as a record has room; names of files may be no text at all."""
    return (
        _cut(source.service, MAX_LABEL_BYTES),
        _cut(source.host, MAX_LABEL_BYTES),
        _cut(source.path, MAX_FILE_BYTES),
    )


def _cut(label: str, max_bytes: int) -> str:
    text = label.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return text if len(text) * 4 <= max_bytes else text.encode()[:max_bytes].decode("utf-8", "ignore")
