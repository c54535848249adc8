"""A small HTTP server that takes batches as the producer does, or answers what a test wants instead."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.odd_producer import Handler, Server


class Taker(Server):
    """Answers 201, unless `answer` is set: status, body and headers of every answer then."""

    def __init__(self) -> None:
        super().__init__()
        self.answer: tuple[int, object, dict[str, str]] | None = None
        self.taken: dict[str, list[dict[str, Any]]] = {}
        self.respond = self._take

    def _take(self, handler: Handler) -> None:
        _method, _path, headers, body = self.seen[-1]
        if self.answer is not None:
            status, text, more = self.answer
            handler.send(status, text, **more)
            return
        lines = [json.loads(line) for line in gzip.decompress(body).splitlines()]
        is_known = headers["Idempotency-Key"] in self.taken
        self.taken[headers["Idempotency-Key"]] = lines
        more = {"Idempotency-Replayed": "true"} if is_known else {}
        handler.send(201, {"status": "success", "accepted": len(lines), "rejected": 0}, **more)

    def logs(self) -> list[dict[str, Any]]:
        """All logs that were taken, in the order in which their batches came."""
        return [line for lines in self.taken.values() for line in lines]

    def messages(self) -> list[str]:
        """Their messages."""
        return [log["message"] for log in self.logs()]


@contextmanager
def running() -> Iterator[Taker]:
    """One that runs inside the context."""
    server = Taker()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5.0)
