"""From what a request holds to what the broker has on disk: keys, publishing, waiting, counting."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from logmill.errors import Retry
from logmill.settings import Settings
from producer.batching import LaneBatcher
from producer.idempotency import REPLAYED, KeyRegistry
from producer.metrics import Metrics
from producer.pieces import FilePiece, Piece, RequestKey
from producer.submission import Submission


@dataclass(frozen=True, slots=True)
class Accepted:
    """What the broker has, and the headers that the answer has."""

    submission: Submission
    headers: dict[str, str] | None = None


class Acceptor:
    """Has what requests hold published, once each.

    Args:
        batcher: where it goes.
        keys: which request came before.
        settings: those in force.
        metrics: where it is counted.
    """

    def __init__(self, batcher: LaneBatcher, keys: KeyRegistry, settings: Settings, metrics: Metrics) -> None:
        self._batcher = batcher
        self._keys = keys
        self._settings = settings
        self._metrics = metrics

    def accept(self, pieces: Sequence[Piece | FilePiece], key: RequestKey | None) -> Accepted:
        """Have the pieces published, unless the broker is known to have them; returns once it does.

        Raises:
            InvalidField: 422, the key came with another request before.
            Retry: they were not accepted; the key stays with this request all the same.
        """
        count = sum(piece.count for piece in pieces)
        started = time.perf_counter()
        try:
            if key is not None:
                # First, so that a broker that is away costs no look at the keys.
                self._batcher.check(pieces)
                confirmed = self._keys.bind(key.text, key.digest)
                if confirmed is not None:
                    known = self._batcher.again(pieces, key)
                    # Else other limits took other items of it then: what the broker has is not what this would say.
                    if known.digest() == confirmed:
                        self._metrics.records.labels("replayed").inc(count)
                        return Accepted(known, REPLAYED)
            submission = self._batcher.submit(pieces, key)
            submission.wait(self._settings.confirm_timeout_s, spent_s=time.perf_counter() - started)
        except Retry:
            self._metrics.records.labels("unavailable").inc(count)
            raise
        self._metrics.confirm_seconds.observe(time.perf_counter() - started)
        self._metrics.records.labels("accepted").inc(count)
        for piece in pieces:
            self._metrics.accepted[piece.lane].inc(piece.count)
        if key is not None:
            self._keys.confirm(key.text, key.digest, submission.digest())
        return Accepted(submission)
