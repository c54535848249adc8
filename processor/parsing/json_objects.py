"""Messages that are a JSON object: its members become fields."""

from __future__ import annotations

import msgspec
import polars as pl

from logmill.coerce import MALFORMED, mend_surrogates
from processor.parsing.found import Format, Found
from processor.parsing.lifting import lift

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def read(messages: pl.Series, received: pl.Series) -> list[Found | None]:
    """The members of each object; of a name given twice the last one."""
    return [_read(message, received_us) for message, received_us in zip(messages, received, strict=True)]


def _read(message: str, received_us: int) -> Found | None:
    body: str | bytes = message
    if "\\ud" in message or "\\uD" in message:
        body = mend_surrogates(message.encode()) or message
    try:
        fields = _decode(body)
    except MALFORMED:
        return None
    return lift(fields, received_us) if fields else None


JSON = Format("json", r"[ \t\r\n]*\{", read)
