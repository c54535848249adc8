"""A gunicorn worker whose threads wait a moment for the next request of a connection, and that ends in order."""

from __future__ import annotations

import contextlib
import errno
import select
import signal
import socket
import struct
from typing import Any

from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from logmill.gunicorn_answers import answer_to

# A client that keeps its connection for more than one request mostly sends the next within this.
LINGER_MS = 20
# How long a client may pause in the middle of a request, or in taking its answer.
STALL_TIMEOUT_S = 20
_TAKES_NOTHING = "the client takes nothing"


class LingeringThreadWorker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's thread worker, with one shortcut.

    The original hands a kept connection back to its main thread after each answer, which waits for the next request and
    passes it to a thread again: two changes of thread a request, each a turn of the interpreter lock. Here the thread
    stays with the connection for LINGER_MS as long as no other connection waits for a thread.

    Attributes:
        unfinished: whether requests were still being answered when the drain limit passed.
    """

    unfinished = False

    def init_signals(self) -> None:
        """As the original, but Ctrl-C in a terminal, which reaches every process, is left to the master."""
        super().init_signals()
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    def run(self) -> None:
        """Serve until told to stop, then answer what has come, up to the drain limit."""
        super().run()
        self.unfinished = self.nr_conns > len(self.pending_conns)

    def handle(self, conn: Any) -> Any:
        """Serve requests of `conn` while they follow one another; says whether it may be kept, as the original does."""
        if not conn.initialized:
            # gunicorn has no limit for the middle of a request: a client that stops sending would keep the thread.
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                conn.sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", STALL_TIMEOUT_S, 0))
            # What the system's own buffer takes counts as sent there, and it grows: a client that takes nothing was
            # found out after two or three times that long.
            if conn.sock.family != socket.AF_UNIX and hasattr(socket, "TCP_USER_TIMEOUT"):
                conn.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALL_TIMEOUT_S * 1000)
        keep = super().handle(conn)
        while keep is True and self.alive and self._has_idle_threads() and _next_follows(conn):
            keep = super().handle(conn)
        return keep

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """As the original, but its answers to what is no request have the one shape of errors."""
        answer = answer_to(exc)
        if answer is None:
            super().handle_error(req, client, addr, exc)
            return
        self.log.warning("no HTTP request: %s", exc)
        with contextlib.suppress(OSError):  # the client is gone
            write_nonblock(client, answer)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """As the original, but a client that takes nothing of its answer for STALL_TIMEOUT_S is one that has gone.

        Raises:
            ConnectionResetError: which the original ends the connection at, without a word; others it prints.
        """
        try:
            return super().handle_request(req, conn)
        except BlockingIOError:
            raise ConnectionResetError(errno.ECONNRESET, _TAKES_NOTHING) from None
        except TimeoutError as error:
            if error.errno != errno.ETIMEDOUT:
                raise
            raise ConnectionResetError(errno.ECONNRESET, _TAKES_NOTHING) from None

    def _cap_keepalive(self, deadline: float) -> None:
        """As the original, also for connections that have not sent anything yet, which it would wait for in vain.

        The original calls it once, when it begins to stop: so this is also where the app hears of it, whose answers
        without an end it would wait for just as vainly.
        """
        drain = getattr(self.wsgi, "extensions", {}).get("logmill_drain")
        if drain is not None:
            drain()
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)

    def _has_idle_threads(self) -> bool:
        return bool(self.tpool._work_queue.empty())  # noqa: SLF001 - the pool has no public way to ask


def _next_follows(conn: Any) -> bool:
    if conn.parser.unreader.buf.getvalue():
        return True
    poller = select.poll()
    poller.register(conn.sock, select.POLLIN)
    return bool(poller.poll(LINGER_MS))
