"""Tells a webhook of changes: from the outbox, at least once each, signed, tried again until it answers."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable
from dataclasses import dataclass

import requests
import structlog

from logmill import __version__
from logmill.backoff import delay_s
from logmill.errors import LogmillError
from logmill.http_client import Call
from logmill.timestamps import now_us
from storage.alerting.file import StateFile
from storage.alerting.spans import SECOND_US

log = structlog.get_logger()

TIMEOUT_S = 10.0
FIRST_DELAY_S, LONGEST_DELAY_S = 1.0, 300.0
DELIVERY, TIMESTAMP, SIGNATURE = "Logmill-Delivery", "Logmill-Timestamp", "Logmill-Signature"
_LOOK_EVERY_S = 1.0
# Logs are not kept waiting at a restart because a receiver is.
_CLOSE_S = 1.0
_AT_ONCE = 20
_OK = range(200, 300)


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The value of the header Logmill-Signature: HMAC-SHA256 (RFC 2104) over the timestamp, a dot and the body.

    Args:
        secret: what the receiver knows too.
        timestamp: as in the header Logmill-Timestamp.
        body: as it is sent.
    """
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"v1={digest}"


@dataclass(frozen=True, slots=True)
class Deliveries:
    """How the webhook is doing.

    Attributes:
        waiting: messages that wait.
        delivered: those that were delivered, since the file was made.
        given_up: those that were given up.
        error: why the last one was not delivered, None where it was.
    """

    waiting: int
    delivered: int
    given_up: int
    error: str | None


class Webhook:
    """Delivers what is in the outbox; one thread, from `start` to `close`.

    Args:
        file: where the outbox is.
        url: where messages go.
        secret: what they are signed with, "" for no signature.
        give_up_s: a message that is older is given up.
        clock: the time now, microseconds.
        delays: the first and the longest wait before the next try, in seconds.
    """

    def __init__(
        self,
        file: StateFile,
        url: str,
        secret: str,
        give_up_s: float,
        *,
        clock: Callable[[], int] = now_us,
        delays: tuple[float, float] = (FIRST_DELAY_S, LONGEST_DELAY_S),
    ) -> None:
        self._file, self._url, self._secret, self._clock = file, url, secret, clock
        self._give_up_us = round(give_up_s * SECOND_US)
        self._delays = delays
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._error: str | None = None
        self._thread = threading.Thread(target=self._run, name="alert-webhook", daemon=True)

    def start(self) -> None:
        """Begin."""
        if self._url:
            self._thread.start()

    def close(self) -> None:
        """End. A message for whose answer it waits too long is sent again at the next start."""
        if not self._closed.is_set():
            self._closed.set()
            self._wake.set()
            if self._thread.is_alive():
                self._thread.join(_CLOSE_S)

    @property
    def is_running(self) -> bool:
        """Whether it delivers, or has not ended yet."""
        return self._thread.is_alive()

    def wake(self) -> None:
        """There may be something to deliver."""
        self._wake.set()

    @property
    def is_enabled(self) -> bool:
        """Whether there is one."""
        return bool(self._url)

    def deliveries(self) -> Deliveries:
        """How it is doing."""
        counts = self._file.counts()
        waiting = self._file.number("count_posts")
        return Deliveries(waiting, counts.get("delivered", 0), counts.get("given_up", 0), self._error)

    def once(self) -> int:
        """Try what is due, the oldest first and the messages of one alert in their order; how many were delivered.

        Raises:
            StorageUnavailable: the file cannot be read or written.
        """
        delivered = 0
        for row in self._file.rows("due_posts", now_us=self._clock(), most=_AT_ONCE):
            if self._closed.is_set():
                break
            self._error = self._post(row["delivery"], row["body"].encode())
            now = self._clock()
            if self._error is None:
                with self._file.transaction():
                    self._file.run("posted", number=row["number"])
                    self._file.count_up("delivered")
                delivered += 1
            elif now - row["created_us"] >= self._give_up_us:
                with self._file.transaction():
                    self._file.run("posted", number=row["number"])
                    self._file.count_up("given_up")
                log.error("a message to the webhook is given up", delivery=row["delivery"], reason=self._error)
            else:
                wait_us = round(delay_s(row["attempts"] + 1, *self._delays) * SECOND_US)
                self._file.run("post_later", number=row["number"], next_us=now + wait_us)
        return delivered

    def _post(self, delivery: str, body: bytes) -> str | None:
        """Send one message; None where it was taken, else why not."""
        timestamp = str(self._clock() // SECOND_US)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"logmill/{__version__}",
            DELIVERY: delivery,
            TIMESTAMP: timestamp,
        }
        if self._secret:
            headers[SIGNATURE] = signature(self._secret, timestamp, body)
        try:
            with (
                Call().within(TIMEOUT_S) as session,
                # Only the status is read; a redirect might lead the message elsewhere.
                session.post(
                    self._url, body, headers=headers, timeout=TIMEOUT_S, allow_redirects=False, stream=True
                ) as answer,
            ):
                return None if answer.status_code in _OK else f"it answers {answer.status_code}"
        except (requests.RequestException, ValueError) as error:
            # Not its text, in which the address stands.
            return f"it cannot be reached: {type(error).__name__}"

    def _run(self) -> None:
        while not self._closed.is_set():
            self._wake.wait(_LOOK_EVERY_S)
            self._wake.clear()
            try:
                while not self._closed.is_set() and self.once():
                    pass
            except LogmillError as error:
                log.warning("the outbox cannot be read", reason=str(error))
            except Exception:
                # One message must not end all others.
                log.exception("the webhook failed")
