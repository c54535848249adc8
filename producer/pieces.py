"""Cuts the records of one request into pieces: one lane each, none larger than a message may be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec

from logmill.columns import Columns
from logmill.ids import derived_batch_id
from logmill.record import LANE_OF_LEVEL, Lane
from logmill.results.message import PackedFile

# A message that is this large leaves at once; larger ones gain nothing.
FULL_BATCH_BYTES = 256 * 1024
# A larger one is cut: RabbitMQ takes 16 MiB, of which text that cannot be compressed may need four bytes a character.
MAX_BATCH_BYTES = 3 * 1024 * 1024
# What a record takes beside its message and metadata.
RECORD_BYTES = 64


@dataclass(frozen=True, slots=True)
class Piece:
    """Records of one request that travel together.

    Attributes:
        lane: theirs.
        indexes: their places among the records of the request.
        records: the records.
        size_bytes: about how much memory they take.
    """

    lane: Lane
    indexes: Sequence[int]
    records: Columns
    size_bytes: int

    @property
    def count(self) -> int:
        """How many records."""
        return len(self.records)


@dataclass(frozen=True, slots=True)
class FilePiece:
    """A whole file of one request, which travels as it is.

    Attributes:
        lane: its.
        indexes: its place among the files of the request that are taken.
        file: the file, packed.
        count: how many records come of it.
    """

    lane: Lane
    indexes: Sequence[int]
    file: PackedFile
    count: int

    @property
    def size_bytes(self) -> int:
        """How much memory it takes."""
        return len(self.file.body)


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What a client calls a request.

    Attributes:
        text: the key.
        digest: hash of all that decides which records the request holds.
        refused: places in the body of what was not taken.
    """

    text: str
    digest: bytes
    refused: Sequence[int] = ()

    def batch_id(self, piece: Piece | FilePiece) -> UUID:
        """The id of the batch that carries this piece alone; the same each time and on every machine.

        The same id means the same records at the same ordinals: the places of what was taken and refused are in it, in
        case that another version of this program, or other limits, take the same body in another way.
        """
        places = msgspec.msgpack.encode((self.refused, piece.indexes))
        return derived_batch_id(self.text, self.digest, piece.lane.encode(), places)


def cut(columns: Columns, size_bytes: int, lanes: Sequence[Lane | None]) -> list[Piece]:
    """The pieces of a request; the same for the same request.

    Args:
        columns: the records.
        size_bytes: about how much memory they take; the size of the body they came in will do.
        lanes: what each record asked for, None where its level decides; empty where none asked.
    """
    by_lane: dict[Lane, list[int]] = {}
    if lanes:
        for index, (level, asked) in enumerate(zip(columns.level, lanes, strict=True)):
            by_lane.setdefault(asked or LANE_OF_LEVEL[level], []).append(index)
    else:
        for index, level in enumerate(columns.level):
            by_lane.setdefault(LANE_OF_LEVEL[level], []).append(index)
    return [
        Piece(lane, chosen, columns if len(chosen) == len(columns) else columns.take(chosen), piece_bytes)
        for lane, indexes in by_lane.items()
        for chosen, piece_bytes in _runs(columns, indexes, size_bytes)
    ]


def _runs(columns: Columns, indexes: Sequence[int], body_bytes: int) -> Iterator[tuple[Sequence[int], int]]:
    """These records in runs that fit a batch: their places, and about how many bytes they take."""
    if body_bytes <= FULL_BATCH_BYTES:
        yield indexes, body_bytes * len(indexes) // len(columns)
        return
    start, size_bytes = 0, 0
    for place, index in enumerate(indexes):
        record_bytes = RECORD_BYTES + len(columns.message[index]) + len(memoryview(columns.metadata[index]))
        if size_bytes + record_bytes > MAX_BATCH_BYTES and place > start:
            yield indexes[start:place], size_bytes
            start, size_bytes = place, 0
        size_bytes += record_bytes
    yield indexes[start:], size_bytes
