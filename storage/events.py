"""Logs as server-sent events (the HTML standard, section 9.2), many to a write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from storage import render
from storage.blocks import SCHEMA
from storage.search.filters import Filter
from storage.search.masks import mask
from storage.tail import Block, Tail

HEARTBEAT = b": still here\n\n"
# The first thing that is sent: that the stream is open, and when a browser that loses it may ask again.
OPENING = b": open\nretry: 2000\n\n"
# Logs that are joined into one write, fewer where they are large: some 4 ms of rendering, for which others wait.
_WRITE_ROWS = 100
_WRITE_BYTES = 1024 * 1024
_encode = msgspec.json.Encoder().encode


def log_event(log: render.Log) -> bytes:
    """One log as `render.logs` makes it; its id cannot hold a line end."""
    return b"event: log\nid: %b\ndata: %b\n\n" % (log["id"].encode(), render.json_line(log))


def notice(code: str, message: str, **more: int) -> bytes:
    """Something about the stream itself."""
    return b"event: notice\ndata: %b\n\n" % _encode({"code": code, "message": message, **more})


def of_blocks(blocks: Iterable[Block], wanted: Filter, tail: Tail, shown: set[str]) -> Iterator[bytes]:
    """The logs that pass, in the order of the rows; stops early where the tail ends. Moves its place on.

    All that is before the place is sent, also where it stops: what the tail counts as missed is all that is not.

    Args:
        blocks: the tail's next ones.
        wanted: the filter.
        tail: whose they are.
        shown: ids that were sent before, and are taken out of it when they come.
    """
    gathered: list[bytes] = []
    for block in blocks:
        if not tail.goes_on():
            break
        passing = pc.indices_nonzero(mask(block.table, wanted))
        at_once = max(1, min(_WRITE_ROWS, _WRITE_BYTES * block.table.num_rows // max(1, block.size_bytes)))
        for start in range(0, len(passing), at_once):
            if not tail.goes_on():
                break
            rows = passing[start : start + at_once]
            gathered += _events(block.table.take(rows), shown)
            tail.place = block.first + rows[-1].as_py() + 1
            if len(gathered) >= at_once:
                yield b"".join(gathered)
                gathered.clear()
        else:
            tail.place = block.end
    if gathered:
        yield b"".join(gathered)


def _events(rows: pa.Table, shown: set[str]) -> Iterator[bytes]:
    for log in render.logs(rows.cast(SCHEMA)):
        if log["id"] in shown:
            shown.discard(log["id"])
        else:
            yield log_event(log)
