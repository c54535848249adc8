"""One AMQP connection on a thread of its own that comes back by itself; publisher and consumer each keep one."""

from __future__ import annotations

import contextlib
import copy
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pika
import structlog
from pika import exceptions
from pika.adapters.blocking_connection import BlockingConnection
from pika.adapters.select_connection import IOLoop, SelectConnection
from pika.adapters.utils import io_services_utils
from pika.adapters.utils.connection_workflow import AMQPConnectorException, AMQPConnectorStackTimeout
from pika.channel import Channel
from pika.connection import Connection

from logmill.backoff import delay_s
from logmill.errors import BrokerUnavailable, ConfigError

log = structlog.get_logger()

HEARTBEAT_S = 30
# pika gives up a connection that the broker has blocked for so long; what is unconfirmed then fails.
BLOCKED_TIMEOUT_S = 120.0
CONNECT_TIMEOUT_S = 5.0
# How long a call waits for the very first connection before it says that there is none.
FIRST_CONNECT_S = 2.0
FIRST_RETRY_S = 0.2
LONGEST_RETRY_S = 5.0
# The least time that one attempt gets, and what an errand gets that asks for none.
_LEAST_ERRAND_S = 0.5
ERRAND_S = 5.0
_NOT_FOUND = 404
# pika reads 4096 bytes at a time and joins the pieces of a frame anew each time; with bodies of 50 KB that is much of
# what consuming costs (measured: 0.20 ms of CPU a message with 4 KiB, 0.15 with 32 KiB, 0.10 with 128 KiB).
RECEIVE_BYTES = 128 * 1024

# pika reports every lost connection with a stack trace at ERROR; we say it once, in one line.
logging.getLogger("pika").setLevel(logging.CRITICAL)
_transport = getattr(io_services_utils, "_AsyncTransportBase", None)
if hasattr(_transport, "_MAX_RECV_BYTES"):
    _transport._MAX_RECV_BYTES = RECEIVE_BYTES  # type: ignore[union-attr]  # noqa: SLF001 - pika has no setting for it


def parameters_of(url: str) -> pika.URLParameters:
    """Parameters for `url`, with time limits on everything.

    Raises:
        ConfigError: when it is no AMQP URL; does not repeat it, for it holds a password.
    """
    try:
        parameters = pika.URLParameters(url)
    except Exception:  # noqa: BLE001 - pika and urllib raise half a dozen types, some of which quote the URL
        raise ConfigError("LOGMILL_BROKER_URL is no valid amqp:// or amqps:// URL") from None
    if "heartbeat=" not in url:
        parameters.heartbeat = HEARTBEAT_S
    parameters.blocked_connection_timeout = BLOCKED_TIMEOUT_S
    parameters.socket_timeout = CONNECT_TIMEOUT_S
    parameters.stack_timeout = 2 * CONNECT_TIMEOUT_S
    # Attempts are ours to count: pika's own would wait without jitter.
    parameters.connection_attempts = 1
    return parameters


class _Overdue(exceptions.AMQPConnectionError):
    """The time of an errand is over."""


_WORDS: dict[type[BaseException], str] = {
    _Overdue: "the time for it is over",
    AMQPConnectorStackTimeout: "it does not answer",
    exceptions.AMQPConnectionError: "cannot connect to it",
}


def words_of(error: BaseException) -> str:
    """What went wrong, in a few words without addresses and credentials."""
    while True:
        inner = getattr(error, "exceptions", None) or [getattr(error, "exception", None)]
        if not isinstance(inner[-1], BaseException):
            break
        error = inner[-1]
    if isinstance(error, (exceptions.ProbableAuthenticationError, exceptions.ProbableAccessDeniedError)):
        return "the broker refused user, password or virtual host"
    if isinstance(error, exceptions.ConnectionClosedByBroker):
        return f"closed by the broker: {error.reply_code} {error.reply_text}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return _WORDS.get(type(error), type(error).__name__)


@contextlib.contextmanager
def errand(parameters: pika.URLParameters, timeout_s: float = ERRAND_S) -> Iterator[BlockingConnection]:
    """A short-lived connection, used by one thread; failures become `BrokerUnavailable`.

    So does whatever is asked of the broker over it and not answered once `timeout_s` are over, connecting included.
    """
    timeout_s = max(_LEAST_ERRAND_S, timeout_s)
    deadline_s = time.monotonic() + timeout_s
    hurried = copy.copy(parameters)
    hurried.socket_timeout = min(CONNECT_TIMEOUT_S, timeout_s)
    hurried.stack_timeout = min(2 * CONNECT_TIMEOUT_S, timeout_s)
    try:
        with BlockingConnection(hurried) as connection:
            _end_at(connection, deadline_s)
            yield connection
    # The connector's exceptions are no AMQPError.
    except (exceptions.AMQPError, AMQPConnectorException, OSError) as error:
        raise unavailable(words_of(error)) from None


def _end_at(connection: BlockingConnection, deadline_s: float) -> None:
    """Have every call on the connection fail from then on, also one that waits for the broker just then.

    pika's own timers for callers run only between calls. This is how it ends a connection that is blocked too long.
    """
    inner = connection._impl  # type: ignore[attr-defined]  # noqa: SLF001 - pika has no setting for it
    left_s = max(0.0, deadline_s - time.monotonic())
    inner._adapter_call_later(left_s, lambda: inner._terminate_stream(_Overdue()))  # noqa: SLF001 - as above


def is_missing(error: exceptions.ChannelClosedByBroker) -> bool:
    """Whether the broker closed the channel because there is no such queue."""
    return error.reply_code == _NOT_FOUND


class Link:
    """One connection, kept up from `start` to `stop`. Callbacks run on its thread and must not block.

    Args:
        parameters: where to.
        purpose: "publisher" or "consumer"; with host and process id it is the connection's name on the broker.
        on_open: called with each new connection.
        on_down: called when the connection is gone, or could not be made, with the reason in words.
    """

    def __init__(
        self,
        parameters: pika.URLParameters,
        purpose: str,
        on_open: Callable[[SelectConnection], None],
        on_down: Callable[[str], None],
    ) -> None:
        self._parameters = parameters
        self._purpose = purpose
        self._on_open = on_open
        self._on_down = on_down
        self._loop: IOLoop | None = None
        self._thread: threading.Thread | None = None
        self._connection: SelectConnection | None = None
        self._failures = 0
        self._stopping = False

    def start(self) -> None:
        """Begin to connect, on a new thread."""
        self._loop = IOLoop()
        name = f"logmill {self._purpose} {socket.gethostname()}:{os.getpid()}"
        self._parameters.client_properties = {"connection_name": name}
        self._thread = threading.Thread(target=self._run, name=f"amqp-{self._purpose}", daemon=True)
        self._thread.start()

    def call(self, callback: Callable[[], None]) -> None:
        """Run `callback` on the connection's thread, soon; from any thread, once started."""
        if self._loop is not None:
            self._loop.add_callback_threadsafe(callback)

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> None:
        """Run `callback` after a while. On the connection's thread only."""
        if self._loop is not None:
            self._loop.call_later(delay_s, callback)

    def stop(self, timeout_s: float) -> None:
        """Close the connection in order and end the thread; what was handed to `call` before is done first."""
        if self._thread is None:
            return
        self.call(self._close)
        self._thread.join(timeout_s)
        if self._thread.is_alive() and self._loop is not None:
            # The broker does not answer our close.
            self._loop.add_callback_threadsafe(self._loop.stop)
            self._thread.join(1.0)
        self._thread = None

    def ready(self) -> None:
        """Note that the connection works: the next failure is a first one."""
        self._failures = 0

    def drop(self, reason: str) -> None:
        """Give the connection up and make a new one. On the connection's thread only."""
        if self._connection is not None and self._connection.is_open:
            with contextlib.suppress(exceptions.AMQPError):
                self._connection.close(320, reason[:200])

    def channel_closed(self, _channel: Channel, error: BaseException) -> None:
        """Handle a channel that the broker closed: its state is gone, so the connection is made anew."""
        reason = f"{error.reply_text}" if isinstance(error, exceptions.ChannelClosedByBroker) else words_of(error)
        if not self._stopping:
            log.warning("broker_channel_closed", purpose=self._purpose, reason=reason)
        self.drop(reason)

    def _run(self) -> None:
        self._connect()
        while True:
            loop = self._loop
            if loop is None:
                return
            try:
                loop.start()
            except Exception:
                # A callback of ours or of pika failed; without its thread the process would go deaf for good.
                log.exception("broker_thread_failed", purpose=self._purpose)
                if self._stopping:
                    self._on_down("closed")
                    return
                if self._connection is not None:
                    self._connection = None
                self._loop = IOLoop()
                self._lost("internal error")
                continue
            self._on_down("closed")
            loop.close()
            return

    def _connect(self) -> None:
        if self._stopping:
            return
        try:
            self._connection = SelectConnection(
                self._parameters,
                on_open_callback=self._opened,
                on_open_error_callback=self._failed,
                on_close_callback=self._failed,
                custom_ioloop=self._loop,
            )
        except (exceptions.AMQPError, OSError) as error:
            self._lost(words_of(error))

    def _opened(self, connection: Connection) -> None:
        if isinstance(connection, SelectConnection):
            self._on_open(connection)

    def _failed(self, _connection: Connection, error: BaseException) -> None:
        self._connection = None
        if self._stopping and self._loop is not None:
            self._loop.stop()
            return
        self._lost(words_of(error))

    def _lost(self, reason: str) -> None:
        self._failures += 1
        wait_s = delay_s(self._failures, FIRST_RETRY_S, LONGEST_RETRY_S)
        if self._failures in {1, 10} or self._failures % 100 == 0:
            log.warning("broker_connection_down", purpose=self._purpose, reason=reason, failures=self._failures)
        self._on_down(reason)
        if self._loop is not None:
            self._loop.call_later(wait_s, self._connect)

    def _close(self) -> None:
        self._stopping = True
        connection = self._connection
        if connection is not None and connection.is_closing:
            return
        if connection is not None and connection.is_open:
            with contextlib.suppress(exceptions.AMQPError):
                connection.close()
                return
        # Also in the middle of a handshake: pika 1.4 fails an assertion of its own when it is closed then.
        if self._loop is not None:
            self._loop.stop()


def unavailable(reason: str, retry_after_s: float = 1.0) -> BrokerUnavailable:
    """The error for callers."""
    return BrokerUnavailable(f"no connection to the broker: {reason}", retry_after_s)
