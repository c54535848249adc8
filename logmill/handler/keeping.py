"""The thread that puts batches into files when they have to go there, so that only it waits for the disk."""

from __future__ import annotations

import threading

from logmill.handler.losses import Losses
from logmill.handler.outbox import Outbox

_LOOK_S = 0.25
# In which a durable log waits for the disk.
_DURABLE_LOOK_S = 0.02


class Keeper:
    """Works from `run`.

    Args:
        outbox: where batches are.
        losses: told of failures.
        durable: whether each batch waits for this.
    """

    def __init__(self, outbox: Outbox, losses: Losses, *, durable: bool) -> None:
        self._outbox = outbox
        self._losses = losses
        self._look_s = _DURABLE_LOOK_S if durable else _LOOK_S
        self._ended = threading.Event()

    def run(self) -> None:
        """Work until `end`."""
        while not self._ended.wait(self._look_s):
            try:
                self._outbox.keep()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next batch must find somebody at work
                self._losses.tell("keeping", f"a failure of the handler itself: {error!r}")

    def end(self) -> None:
        """Have `run` return."""
        self._ended.set()
