"""A publisher whose confirms come when the test says so, and a batcher that feeds it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

from logmill.broker import Message
from logmill.columns import Columns
from logmill.record import Entry, Lane
from logmill.wire import unpack
from producer.batching import LaneBatcher
from producer.pieces import RequestKey, cut
from producer.submission import Submission


class HeldPublisher:
    """See the module; `state` and the lanes that stall are what the test sets them to."""

    def __init__(self, *, confirms: bool = False) -> None:
        self.state = "ready"
        self.unconfirmed = 0
        self.stalled = dict.fromkeys(Lane, 0.0)
        self.confirms = confirms
        self.sent: list[tuple[Message, Future[None]]] = []

    def connect(self) -> None:
        """Nothing to connect."""

    def stalled_s(self, lane: Lane) -> float:
        """For how long nothing was confirmed, as `stall` set it."""
        return self.stalled[lane]

    def stall(self, time_s: float, *lanes: Lane) -> None:
        """Say that nothing was confirmed for so long in these lanes, in all where none is named."""
        self.stalled.update(dict.fromkeys(lanes or Lane, time_s))

    def publish(self, message: Message) -> Future[None]:
        """Keep the message and its future; confirm it at once if that is asked for."""
        future: Future[None] = Future()
        if self.confirms:
            future.set_result(None)
        self.sent.append((message, future))
        return future

    def close(self, timeout_s: float) -> None:
        """Nothing to close."""


STALL_S = 0.8


def batcher_of(publisher: HeldPublisher, buffer_bytes: int = 10**9, stall_timeout_s: float = STALL_S) -> LaneBatcher:
    """One that has been connected for a while."""
    batcher = LaneBatcher(publisher, buffer_bytes, stall_timeout_s)
    batcher._connect_until_s = 0.0
    return batcher


def submit(
    batcher: LaneBatcher,
    *texts: str,
    levels: list[str] | None = None,
    lanes: Sequence[Lane | None] = (),
    key: RequestKey | None = None,
) -> Submission:
    """Hand over a record a text; what it takes is counted as the length of the texts."""
    pairs = zip(levels or ["INFO"] * len(texts), texts, strict=True)
    sent = [Entry(timestamp=1, level=level, message=text) for level, text in pairs]
    return batcher.submit(cut(Columns.of(sent), sum(map(len, texts)), lanes), key)


def messages_of(message: Message) -> list[str]:
    """The texts that a message carries."""
    return list(unpack(message).columns.message)
