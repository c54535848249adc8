"""Says in a service's log what it waits for, and when it is ready: once, and then every half minute."""

from __future__ import annotations

import threading
import time
from typing import cast

import structlog
from flask import Flask, Response

log = structlog.get_logger()

LOOK_EVERY_S = 1.0
REPEAT_EVERY_S = 30.0
OK = 200


class ReadinessLog:
    """Watches the readiness of `app` on a thread of its own, from `start` to `close`.

    What lasts less than two looks is not worth a line: a service that has just started is connecting.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="readiness", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def close(self) -> None:
        """Say nothing more."""
        self._closed.set()

    def _watch(self) -> None:
        was_ready, waits, say_at_s = False, "", 0.0
        while not self._closed.is_set():
            before, waits = waits, self._waits_for()
            if not waits:
                if not was_ready:
                    log.info("ready")
                was_ready, say_at_s = True, 0.0
            elif before and time.monotonic() >= say_at_s:
                was_ready, say_at_s = False, time.monotonic() + REPEAT_EVERY_S
                log.warning("waiting", reason=waits)
            self._closed.wait(LOOK_EVERY_S)

    def _waits_for(self) -> str:
        """What /ready answers, "" where the service is ready; asked without HTTP, so that no key is needed."""
        answer = cast(Response, self._app.view_functions["ready"]())
        return "" if answer.status_code == OK else str(answer.get_json()["message"])
