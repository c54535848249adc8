"""The answers that gunicorn gives to what is no HTTP request, before Flask sees it, in the one shape of errors."""

from __future__ import annotations

import msgspec
from gunicorn.http import errors

# The first that it is an instance of counts.
_STATUSES: tuple[tuple[type[Exception], int, str], ...] = (
    (errors.LimitRequestLine, 414, "URI Too Long"),
    (errors.LimitRequestHeaders, 431, "Request Header Fields Too Large"),
    (errors.ExpectationFailed, 417, "Expectation Failed"),
    (errors.UnsupportedTransferCoding, 501, "Not Implemented"),
    (errors.ParseException, 400, "Bad Request"),
)
# These are the fault of the service and of its set-up, not of the client.
_OURS = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName, errors.ConfigurationProblem)


def answer_to(error: Exception) -> bytes | None:
    """The whole answer to a request that raised this while it was read; None where it is no fault of the client's."""
    if isinstance(error, _OURS):
        return None
    for kind, status, reason in _STATUSES:
        if isinstance(error, kind):
            code = reason.lower().replace(" ", "_")
            body = msgspec.json.encode({"status": "error", "code": code, "message": str(error) or reason})
            head = (
                f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            return head.encode("ascii") + body
    return None
