"""Lines that container runtimes write for Kubernetes: time, stream, whether the line is whole, and what was printed."""

from __future__ import annotations

import polars as pl

from logmill.parsing.found import Format, Found
from logmill.parsing.lifting import is_in_us, time_us

_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
# Tags are separated by colons; so far there are only these two, and later ones come behind them.
_GATE = rf"{_TIME} (?:stdout|stderr) [FP](?::[^ ]*)? "
_LINE = rf"(?s)^({_TIME}) (stdout|stderr) ([FP])(?::[^ ]*)? (.*)$"


def read(messages: pl.Series, _received: pl.Series) -> list[Found | None]:
    """The header of each line; what was printed becomes the message. Of a part of a line `partial` says so."""
    return [_found(*row) for row in messages.str.extract_groups(_LINE).struct.unnest().rows()]


def _found(time: str | None, stream: str | None, tag: str | None, text: str | None) -> Found | None:
    if time is None:
        return None
    moment = time_us(time)
    found = Found({"stream": stream}, time_us=moment)
    if tag == "P":
        found.fields["partial"] = True
    if moment is None or not is_in_us(time):
        found.fields["time"] = time
    else:
        found.time_field = ("time", time)
    if text and text.strip():
        found.message = found.inner = text
    return found


CRI = Format("cri", _GATE, read, is_envelope=True)
