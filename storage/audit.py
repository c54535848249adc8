"""Watches for damage that the engine does not notice, and has the service start anew: then the engine does."""

from __future__ import annotations

import os
import signal
import threading

import structlog

from logmill.errors import LogmillError
from storage.engine.protocol import Engine

log = structlog.get_logger()

# Merged parts are checked so often. The engine keeps what it merged them from for eight minutes.
CHECK_EVERY_S = 15.0
_LOOK_EVERY_S = 0.5


class Audit:
    """A thread that looks after one engine.

    Found damaged, the process ends in order and its master starts another: on opening, the engine puts damaged parts
    aside and takes the ones they were merged from. Rows of a damaged insert were never answered for.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        left_s = CHECK_EVERY_S
        while not self._stop.wait(_LOOK_EVERY_S):
            left_s -= _LOOK_EVERY_S
            if left_s <= 0:
                left_s = CHECK_EVERY_S
                try:
                    self._engine.check()
                except LogmillError as error:
                    log.warning("parts cannot be checked", reason=str(error))
            if self._engine.damage:
                log.critical("the store is damaged; storage starts anew", parts=self._engine.damage)
                os.kill(os.getpid(), signal.SIGTERM)
                return
