"""The rows of the checkpoint: files, how far batches go in them, batches, and what is left over of files."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from collector.files.fingerprints import Print

FILE_COLUMNS = (
    "id, path, service, file, device, inode, head_size, head_digest, position, anchor_size, anchor_digest, "
    "is_rotated, is_ended, seen_at"
)


class FileRow(msgspec.Struct, frozen=True):
    """A file as it is known.

    Attributes:
        id: its number here.
        path: where it lay last.
        service: what its records are said to be of.
        file: how its records name it: the path at which it was found first.
        device: where it lies; None once it is not known.
        inode: of the device.
        head: of its content.
        position: up to which its bytes are settled.
        anchor: of what stands before that.
        is_rotated: whether it has left the name under which it was written.
        is_ended: whether all of it was read and nothing can follow; of compressed files.
        seen_at: when it was last seen to hold what was read of it, seconds since 1970.
    """

    id: int
    path: str
    service: str
    file: str
    device: int | None
    inode: int | None
    head: Print
    position: int
    anchor: Print
    is_rotated: bool
    is_ended: bool
    seen_at: float


class End(msgspec.Struct, frozen=True, array_like=True):
    """How far a batch goes in a file: its id, the place, and the anchor there."""

    file_id: int
    position: int
    anchor: Print


class Batch(msgspec.Struct, frozen=True):
    """What is sent as one request.

    Attributes:
        sequence: the order in which batches were made.
        key: the Idempotency-Key.
        body: NDJSON, compressed with zstd.
        count: records in it.
        ends: how far it goes, one for each file in it.
    """

    sequence: int
    key: str
    body: bytes
    count: int
    ends: Sequence[End]


class LeftOver(msgspec.Struct, frozen=True):
    """The start of an event, of a file that was truncated or moved away: the collector ended before it knew the rest.

    Attributes:
        file_id: of which file.
        position: where it begins; it counts only while events go so far and no further.
        data: the bytes, those of one event at most.
    """

    file_id: int
    position: int
    data: bytes


def values_of(row: FileRow) -> tuple[object, ...]:
    """The columns of a file."""
    return (
        row.id, row.path, row.service, row.file, row.device, row.inode, row.head.size, row.head.digest,
        row.position, row.anchor.size, row.anchor.digest, row.is_rotated, row.is_ended, row.seen_at,
    )  # fmt: skip


def file_of(
    file_id: int,
    path: str,
    service: str,
    file: str,
    device: int | None,
    inode: int | None,
    head_size: int,
    head_digest: bytes,
    position: int,
    anchor_size: int,
    anchor_digest: bytes,
    is_rotated: int,
    is_ended: int,
    seen_at: float,
) -> FileRow:
    """A file of its columns."""
    return FileRow(
        id=file_id,
        path=path,
        service=service,
        file=file,
        device=device,
        inode=inode,
        head=Print(head_size, head_digest),
        position=position,
        anchor=Print(anchor_size, anchor_digest),
        is_rotated=bool(is_rotated),
        is_ended=bool(is_ended),
        seen_at=seen_at,
    )
