"""Publishing to RabbitMQ from many threads over one connection, with many confirms in flight."""

from __future__ import annotations

import contextlib
import struct
import threading
import time
from collections import deque
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass

import pika
from pika import exceptions
from pika.adapters.select_connection import SelectConnection
from pika.channel import Channel
from pika.frame import Method
from pika.spec import Basic, BasicProperties, Connection

from logmill.broker.in_flight import InFlight
from logmill.broker.protocol import Message
from logmill.broker.rabbitmq_connection import FIRST_CONNECT_S, Link, unavailable
from logmill.broker.rabbitmq_messages import properties_of
from logmill.broker.rabbitmq_setup import declare_all
from logmill.broker.topology import MAX_MESSAGE_BYTES, MAX_UNCONFIRMED, MAX_UNCONFIRMED_BYTES, Topology
from logmill.errors import BrokerFull, BrokerUnavailable, LogmillError, Refused
from logmill.record import Lane


@dataclass(slots=True)
class _Handed:
    """A message on its way, and who waits for it."""

    queue: str
    body: bytes
    properties: BasicProperties
    future: Future[None]
    size_bytes: int
    returned: bool = False


class RabbitPublisher:
    """A `Publisher`; see there. Any thread may call any method.

    Args:
        parameters: where to.
        topology: the queues; they are declared on each connection, so a broker that was wiped is set up again.
        max_unconfirmed: messages that may wait for their confirm.
        max_unconfirmed_bytes: their bodies.
    """

    def __init__(
        self,
        parameters: pika.URLParameters,
        topology: Topology,
        *,
        max_unconfirmed: int = MAX_UNCONFIRMED,
        max_unconfirmed_bytes: int = MAX_UNCONFIRMED_BYTES,
    ) -> None:
        self._topology = topology
        self._link = Link(parameters, "publisher", self._on_open, self._on_down)
        # Guards what follows; the dict and the channel belong to the connection's thread.
        self._lock = threading.Condition()
        self._queue: deque[_Handed] = deque()
        self._woken = False
        self._in_flight = InFlight(max_unconfirmed, max_unconfirmed_bytes)
        self._state = "not connected yet"
        self._started = False
        self._closed = False
        self._first_attempt = threading.Event()
        self._channel: Channel | None = None
        self._pending: dict[int, _Handed] = {}
        self._next_tag = 1
        self._declaring = False

    @property
    def state(self) -> str:
        """See `Publisher`."""
        return self._state

    @property
    def unconfirmed(self) -> int:
        """See `Publisher`."""
        return self._in_flight.count

    def stalled_s(self, lane: Lane) -> float:
        """See `Publisher`."""
        with self._lock:
            return self._in_flight.stalled_s(self._topology.queue(lane))

    def publish(self, message: Message) -> Future[None]:
        """See `Publisher`.

        Raises:
            Refused: when the message is larger than the broker takes.
        """
        return self.publish_to(self._topology.queue(message.lane), message.body, properties_of(message))

    def publish_to(self, queue: str, body: bytes, properties: BasicProperties) -> Future[None]:
        """As `publish`, for any queue and properties."""
        if len(body) > MAX_MESSAGE_BYTES:
            raise Refused(f"a message has at most {MAX_MESSAGE_BYTES} bytes", code="too_large", status=413)
        self._start()
        future: Future[None] = Future()
        # From here on `cancel` does nothing: what was handed over cannot be called back.
        future.set_running_or_notify_cancel()
        handed = _Handed(queue, body, properties, future, len(body))
        with self._lock:
            if self._closed:
                raise BrokerUnavailable("the publisher is closed")
            if self._state != "ready":
                raise self._refusal()
            self._in_flight.add(queue, len(body))
            self._queue.append(handed)
            wake = not self._woken
            self._woken = True
        if wake:
            self._link.call(self._drain)
        return future

    def _refusal(self) -> LogmillError:
        if self._state.startswith("blocked"):
            return BrokerFull(f"the broker takes nothing for now: {self._state}")
        # "ready" until its connection is reported as gone, though its channel is closed already.
        return unavailable("closing" if self._state == "ready" else self._state)

    def connect(self) -> None:
        """See `Publisher`."""
        with self._lock:
            if not self._started and not self._closed:
                self._started = True
                self._link.start()

    def _start(self) -> None:
        self.connect()
        # Set for good after the first attempt, be it good or bad.
        self._first_attempt.wait(FIRST_CONNECT_S)

    def close(self, timeout_s: float) -> None:
        """See `Publisher`."""
        deadline_s = time.monotonic() + timeout_s
        with self._lock:
            self._closed = True
            self._lock.wait_for(lambda: self._in_flight.count == 0, timeout_s)
        self._link.stop(max(0.5, deadline_s - time.monotonic()))
        self._state = "closed"
        self._fail_all("closed")

    # From here on: the connection's thread.

    def _on_open(self, connection: SelectConnection) -> None:
        connection.add_on_connection_blocked_callback(self._on_blocked)
        connection.add_on_connection_unblocked_callback(self._on_unblocked)
        connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Channel) -> None:
        channel.add_on_close_callback(self._link.channel_closed)
        channel.add_on_return_callback(self._on_return)
        channel.confirm_delivery(self._on_confirm)
        self._next_tag = 1
        self._channel = channel
        declare_all(channel, self._topology, self._on_ready)

    def _on_ready(self) -> None:
        self._link.ready()
        self._state = "ready"
        self._first_attempt.set()

    def _on_down(self, reason: str) -> None:
        self._state = reason
        self._channel = None
        self._declaring = False
        self._first_attempt.set()
        self._fail_all(reason)

    def _on_blocked(self, _connection: object, frame: Method[Connection.Blocked]) -> None:
        """Fail at once what waits: nobody knows when the broker reads on. It stays counted until it is answered."""
        self._state = f"blocked by the broker: {frame.method.reason}"
        for handed in self._pending.values():
            _tell(handed, self._refusal())

    def _on_unblocked(self, _connection: object, _frame: object) -> None:
        self._state = "ready"

    def _drain(self) -> None:
        with self._lock:
            batch, self._queue = self._queue, deque()
            self._woken = False
        channel = self._channel
        if self._state != "ready" or channel is None or not channel.is_open:
            for handed in batch:
                self._settle(handed, self._refusal())
            return
        for handed in batch:
            try:
                channel.basic_publish("", handed.queue, handed.body, handed.properties, mandatory=True)
            except (exceptions.AMQPError, struct.error, ValueError, TypeError, AssertionError) as error:
                # pika encodes before it sends, so nothing went out, and the tag is not used up.
                self._settle(handed, _unsendable(error))
                continue
            self._pending[self._next_tag] = handed
            self._next_tag += 1
            # pika holds the bytes now; we need only know whom to tell.
            handed.body = b""

    def _on_confirm(self, frame: Method[Basic.Ack | Basic.Nack]) -> None:
        method = frame.method
        tags = [method.delivery_tag]
        if method.multiple:
            # Tags ascend in the dict, so the confirmed ones are in front. Tag 0 means all of them.
            tags = []
            for tag in self._pending:
                if tag > method.delivery_tag > 0:
                    break
                tags.append(tag)
        for tag in tags:
            handed = self._pending.pop(tag, None)
            if handed is None:
                continue
            error: LogmillError | None = None
            if handed.returned:
                error = BrokerUnavailable(f"queue {handed.queue} does not exist")
            elif isinstance(method, Basic.Nack):
                error = BrokerFull(f"queue {handed.queue} is full")
            self._settle(handed, error)

    def _on_return(self, channel: Channel, method: Basic.Return, properties: BasicProperties, _body: bytes) -> None:
        """Mark the message whose queue is missing; its confirm, which comes next, then means failure.

        A return names no delivery tag, so it is found by queue and message id. Without ids any message of that queue
        will do: they are all returned.
        """
        for handed in self._pending.values():
            same = handed.queue == method.routing_key and handed.properties.message_id == properties.message_id
            if same and not handed.returned:
                handed.returned = True
                break
        if not self._declaring:
            self._declaring = True
            declare_all(channel, self._topology, self._on_declared)

    def _on_declared(self) -> None:
        self._declaring = False

    def _fail_all(self, reason: str) -> None:
        with self._lock:
            left, self._queue = list(self._queue), deque()
            self._woken = False
        left = list(self._pending.values()) + left
        self._pending.clear()
        for handed in left:
            self._settle(handed, unavailable(reason))

    def _settle(self, handed: _Handed, error: LogmillError | None) -> None:
        with self._lock:
            self._in_flight.remove(handed.queue, handed.size_bytes)
            if self._in_flight.count == 0:
                self._lock.notify_all()
        _tell(handed, error)


def _tell(handed: _Handed, error: LogmillError | None) -> None:
    """Resolve the future, unless it failed already because the broker took nothing for a while."""
    with contextlib.suppress(InvalidStateError):
        if error is None:
            handed.future.set_result(None)
        else:
            handed.future.set_exception(error)


def _unsendable(error: Exception) -> LogmillError:
    if isinstance(error, (exceptions.ChannelWrongStateError, exceptions.ConnectionWrongStateError)):
        return unavailable("closing")
    return Refused(f"AMQP cannot carry these headers: {type(error).__name__}", code="invalid_headers")
