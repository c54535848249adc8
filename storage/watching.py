"""Looks whether the clients of long reads are still there, and cancels the reads of those that are not."""

from __future__ import annotations

import socket
import threading

import structlog

from storage.reading import Reading

log = structlog.get_logger()

_TICK_S = 0.1
# Most reads are done by then; they cost nothing here but an entry.
_LOOK_AFTER_S = 0.2


class Watcher:
    """One thread for all reads; starts on construction."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: dict[Reading, socket.socket] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._thread.start()

    def add(self, reading: Reading, connection: socket.socket) -> None:
        """Cancel the reading once the client closes this connection."""
        with self._lock:
            self._watched[reading] = connection

    def remove(self, reading: Reading) -> None:
        """The reading is done, or was never added."""
        with self._lock:
            self._watched.pop(reading, None)

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stop.wait(_TICK_S):
            with self._lock:
                long = [item for item in self._watched.items() if item[0].age_s > _LOOK_AFTER_S]
            for reading, connection in long:
                if is_closed(connection):
                    try:
                        reading.cancel()
                    except Exception as error:  # noqa: BLE001 - the others are still to be looked at
                        log.warning("a query could not be cancelled", reason=str(error)[:300])


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side has closed the connection; nothing is consumed.

    A further request that was sent ahead (pipelined) hides a close behind it: then the connection counts as open.
    """
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    except (OSError, ValueError):  # no socket any more, or one that cannot be looked into: the read goes on
        return False
