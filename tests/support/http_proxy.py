"""A TCP proxy before an HTTP service that answers for it: instead of it, or after it has done what was asked."""

from __future__ import annotations

from enum import StrEnum

from tests.support.tcp_proxy import Connection, TcpProxy

_BODY = b'{"status": "error", "code": "internal", "message": "an answer of the proxy"}'
ANSWER_500 = (
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(_BODY), _BODY)
)


class Meddling(StrEnum):
    """What becomes of requests."""

    NONE = "none"
    # Answered 500; the service never hears of them.
    INSTEAD = "instead"
    # The service does what is asked, and its answer is replaced by a 500.
    AFTERWARDS = "afterwards"
    # The service does what is asked, and the connection breaks before its answer.
    CUT = "cut"


class HttpProxy(TcpProxy):
    """As `TcpProxy`; clients must send one request at a time over a connection, as `requests` does."""

    meddling = Meddling.NONE

    def request(self, connection: Connection, chunk: bytes) -> bytes:
        """See `TcpProxy`."""
        if self.meddling is Meddling.INSTEAD and chunk.startswith((b"POST ", b"GET ", b"DELETE ")):
            # The rest of the body is read and dropped, so that the client gets to read its answer.
            connection.is_dead = True
            connection.client.write(ANSWER_500)
            return b""
        return chunk

    def answer(self, connection: Connection, chunk: bytes) -> bytes:
        """See `TcpProxy`."""
        if not chunk.startswith(b"HTTP/1."):
            return chunk
        if self.meddling is Meddling.AFTERWARDS:
            return ANSWER_500
        if self.meddling is Meddling.CUT:
            connection.abort()
            return b""
        return chunk
