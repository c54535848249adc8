"""The end of reading: what no later collector could read is taken, and what it may find elsewhere is kept for it."""

from __future__ import annotations

import structlog

from collector.files.catalogue import Catalogue
from collector.files.content import Damaged, Replaced, Unfinished
from collector.files.followed import Followed
from collector.files.follower import Follower
from collector.framing.framer import Coming
from collector.stream import Stream
from collector.taking import Taker

log = structlog.get_logger()

# Of all files without a name together: whoever ends a collector waits for it.
MAX_BYTES = 64 * 1024 * 1024


def finish(catalogue: Catalogue, follower: Follower, taker: Taker, stream: Stream | None, *, is_last: bool) -> None:
    """Make batches of what waits, so that it is on disk.

    Args:
        catalogue: the files.
        follower: is told which cannot be read.
        taker: makes batches.
        stream: standard input, None where it is not read.
        is_last: whether no other collector may look for what is left over of files, such as half a line.

    Raises:
        CheckpointUnavailable: it cannot be written; files are read again from where they were.
    """
    if stream is not None:
        _take_all(taker, stream, Coming.NOTHING)
    most_bytes = MAX_BYTES
    for file in [file for file in catalogue if file.has_no_name()]:
        most_bytes -= _read_out(file, most_bytes, follower, taker)
    coming = Coming.NOTHING if is_last else Coming.MORE
    for file in catalogue.left_over(everything=True):
        _take_all(taker, file, coming)
    taker.record()
    taker.seal()
    catalogue.keep_left_over()


def _read_out(file: Followed, most_bytes: int, follower: Follower, taker: Taker) -> int:
    """Read a file that nobody can open again to its end, or so many bytes; says how many."""
    before = file.offset
    has_more = True
    try:
        has_more = file.has_news()
        while has_more and file.offset - before < most_bytes:
            has_more = file.read()
            _take_all(taker, file, Coming.MORE)
    except (Replaced, Unfinished, Damaged, OSError) as error:
        follower.complain(file, error)
    # One that was moved may come back with the rest of its last event.
    if file.is_deleted and not has_more:
        _take_all(taker, file, Coming.NOTHING)
    if has_more:
        log.warning("a file without a name was not read to its end", file=file.path, position=file.offset)
    return file.offset - before


def _take_all(taker: Taker, file: Followed | Stream, coming: Coming) -> None:
    """Take all events of a buffer, in batches of the usual size."""
    while taker.take(file, coming):
        taker.record()
        if taker.is_due():
            taker.seal()
