"""Consuming from RabbitMQ: three queues over one connection, taken from by weight, settled by the thread that works."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence
from functools import partial

import pika
import structlog
from pika.adapters.select_connection import SelectConnection
from pika.channel import Channel
from pika.spec import Basic, BasicProperties

from logmill.broker.lanes import Lanes
from logmill.broker.protocol import EVERY_LANE, Delivery, Message
from logmill.broker.rabbitmq_burial import Burial
from logmill.broker.rabbitmq_connection import Link, unavailable
from logmill.broker.rabbitmq_messages import Tag, delivery_of, tag_of
from logmill.broker.rabbitmq_settling import Settling, acknowledge, leave_to_the_broker, requeue, settling_frames
from logmill.broker.rabbitmq_setup import declare_all
from logmill.broker.rabbitmq_wariness import STEADY_S, Wariness
from logmill.broker.topology import Topology
from logmill.errors import BrokerUnavailable
from logmill.record import Lane

log = structlog.get_logger()

CLOSE_TIMEOUT_S = 5.0
# Since 3.12 a consumer may say how long it takes to settle; the broker's default closes the channel after 30 minutes,
# which counts as a delivery, and a long outage of storage would end among the dead letters. 3.10 ignores it.
_SETTLE_TIMEOUT_MS = 24 * 3600 * 1000
# The broker takes back what is on its way to a consumer at the moment of its cancel, and counts that as a delivery. So
# we cancel when nothing can be on its way: when we hold all that the prefetch allows. Where messages are few that takes
# too long; then it is done after a while without any, since the next one hardly comes in the milliseconds of a cancel.
# Where neither happens in the time given, we cancel all the same, and a message may be redelivered.
_QUIET_S = 0.3
_QUIESCING_POLL_S = 0.01


class RabbitConsumer:
    """A `Consumer`; see there.

    Args:
        parameters: where to.
        topology: the queues; they are declared on each connection.
        prefetch: most unsettled messages of each lane.
    """

    def __init__(self, parameters: pika.URLParameters, topology: Topology, *, prefetch: int) -> None:
        self._topology = topology
        self._prefetch = prefetch
        self._link = Link(parameters, "consumer", self._on_open, self._on_down)
        self._burial = Burial(parameters, topology)
        # Guards what follows; the channel and the consumer tags belong to the connection's thread.
        self._changed = threading.Condition()
        self._lanes: Lanes[Delivery] = Lanes()
        self._state = "not connected yet"
        self._epoch = 0
        self._lost: str | None = None
        self._started = False
        self._stopping = False
        self._closed = False
        # Delivery tags that are not settled, ascending, and how many there are of each lane.
        self._unsettled: dict[int, Lane] = {}
        self._held = dict.fromkeys(Lane, 0)
        # Lanes whose consumer may still be sent something.
        self._consuming: set[Lane] = set()
        # What was settled while we wait for the moment to cancel: told to the broker now, it would send more.
        self._withheld: list[tuple[list[Delivery], Settling]] = []
        self._channel: Channel | None = None
        self._consumer_tags: dict[str, Lane] = {}
        # What the consumers of a lane may hold together.
        self._allowed = prefetch
        self._wariness = Wariness(prefetch)
        # When the newest message of a lane came, or was asked for.
        self._came_s = dict.fromkeys(Lane, 0.0)
        self._cancel_at_s = 0.0
        self._cancelling = False

    @property
    def state(self) -> str:
        """See `Consumer`."""
        return self._state

    def receive(self, timeout_s: float, lanes: Collection[Lane] = EVERY_LANE) -> Delivery | None:
        """See `Consumer`. A lost connection is reported once, at once; that there is none, after `timeout_s` if any."""
        if self._closed:
            raise BrokerUnavailable("the consumer is closed")
        if not self._started and not self._stopping:
            self._started = True
            self._link.start()
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            while True:
                if self._lost is not None:
                    reason, self._lost = self._lost, None
                    # The next one may be there in a moment, and what comes with it should find somebody who works.
                    raise unavailable(reason, retry_after_s=0.0)
                delivery = self._lanes.take(lanes)
                if delivery is not None or self._nothing_comes(lanes):
                    return delivery
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    break
                self._changed.wait(left_s)
            if self._state != "ready" and timeout_s > 0:
                raise unavailable(self._state, retry_after_s=0.0 if self._wariness.is_wary else 1.0)
        return None

    def _nothing_comes(self, lanes: Collection[Lane]) -> bool:
        """Whether it is of no use to wait: see `Consumer.receive`."""
        if self._stopping:
            return not self._consuming
        return any(self._held[lane] >= self._allowed for lane in lanes)

    def acknowledge(self, deliveries: list[Delivery]) -> None:
        """See `Consumer`. The acknowledgement is on its way when this returns; if it is lost, they come again."""
        self._settle(deliveries, acknowledge)

    def release(self, deliveries: list[Delivery]) -> None:
        """See `Consumer`."""
        self._settle(deliveries, requeue)

    def dead_letter(
        self, letters: Sequence[tuple[Delivery, str]], kept: Sequence[Message] | None = None
    ) -> list[Delivery]:
        """See `Consumer`. Goes over a connection of its own: a blocked publisher must not stop acknowledgements."""
        epoch = self._epoch
        ours = [index for index, letter in enumerate(letters) if tag_of(letter[0]).epoch == epoch]
        fates = self._burial.bury([letters[n] for n in ours], None if kept is None else [kept[n] for n in ours])
        self._settle(fates.unsendable, leave_to_the_broker)
        self.acknowledge(fates.confirmed)
        if self._epoch != epoch:
            return [delivery for delivery, _reason in letters]
        return fates.failed + [delivery for delivery, _reason in letters if tag_of(delivery).epoch != epoch]

    def stop_taking(self, limit_s: float) -> None:
        """See `Consumer`."""
        with self._changed:
            self._stopping = True
            self._cancel_at_s = time.monotonic() + limit_s
        self._link.call(self._cancel)

    def close(self) -> None:
        """See `Consumer`. Closing the channel returns what is unsettled."""
        self._closed = True
        self._burial.close(CLOSE_TIMEOUT_S)
        with self._changed:
            self._consuming.clear()
            self._tell_withheld()
        self._link.stop(CLOSE_TIMEOUT_S)
        with self._changed:
            self._state = "closed"
            self._lanes.clear()

    def _settle(self, deliveries: list[Delivery], how: Settling) -> None:
        """Note those of this connection as settled, and have the broker told."""
        with self._changed:
            if self._stopping and self._consuming:
                self._withheld.append((list(deliveries), how))
                return
            tags = [tag for delivery in deliveries if (tag := tag_of(delivery)).epoch == self._epoch]
            settled = {tag.number for tag in tags if tag.number in self._unsettled}
            if not settled:
                return
            # basic.reject takes one at a time.
            single = [(number, False) for number in sorted(settled)]
            frames = single if how is requeue else settling_frames(self._unsettled, settled)
            for number in settled:
                self._held[self._unsettled.pop(number)] -= 1
            # Under the lock, so that calls reach the broker in the order in which their frames were made.
            self._link.call(partial(self._tell, self._epoch, how, frames))

    def _tell_withheld(self) -> None:
        withheld, self._withheld = self._withheld, []
        for deliveries, how in withheld:
            self._settle(deliveries, how)

    # From here on: the connection's thread.

    def _tell(self, epoch: int, how: Settling, frames: list[tuple[int, bool]]) -> None:
        channel = self._channel
        if epoch == self._epoch and channel is not None and channel.is_open:
            for number, multiple in frames:
                how(channel, number, multiple)
            self._link.ready()

    def _on_open(self, connection: SelectConnection) -> None:
        connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Channel) -> None:
        channel.add_on_close_callback(self._link.channel_closed)
        channel.add_on_cancel_callback(self._on_cancelled)
        self._channel = channel
        with self._changed:
            self._epoch += 1
        declare_all(channel, self._topology, partial(self._on_declared, channel))

    def _on_declared(self, channel: Channel) -> None:
        count = self._wariness.began()
        # Not global: the limit holds for each consumer that follows, and 4.3 knows no other.
        channel.basic_qos(prefetch_count=count, callback=partial(self._on_qos, channel, count))

    def _on_qos(self, channel: Channel, count: int, _frame: object) -> None:
        if not channel.is_open:
            return
        self._link.call_later(STEADY_S, partial(self._on_steady, self._epoch))
        with self._changed:
            self._allowed = count
            self._state = "ready"
            if not self._stopping:
                self._consuming = set(Lane)
            self._changed.notify_all()
        self._consume(channel)

    def _on_steady(self, epoch: int) -> None:
        """Take all that the prefetch allows from a connection that has lasted, and see whether it lasts with that."""
        channel = self._channel
        if epoch != self._epoch or channel is None or not channel.is_open:
            return
        self._link.ready()
        more = self._wariness.lasted(self._allowed)
        if more:
            # For consumers beside those that are there: to cancel one would return what is on its way to it.
            channel.basic_qos(prefetch_count=more, callback=partial(self._on_more, channel))

    def _on_more(self, channel: Channel, _frame: object) -> None:
        if not channel.is_open:
            return
        with self._changed:
            if self._stopping:
                return
            self._allowed = self._prefetch
        self._link.call_later(STEADY_S, partial(self._on_steady, self._epoch))
        self._consume(channel)

    def _consume(self, channel: Channel) -> None:
        # The most pressing first: what waits in the others comes in one flood, over the same connection.
        for lane in [lane for lane in Lane if lane in self._consuming]:
            # A lane is not quiet because its first messages are still on their way.
            self._came_s[lane] = time.monotonic()
            tag = channel.basic_consume(
                self._topology.queue(lane),
                partial(self._on_delivery, lane),
                arguments={"x-consumer-timeout": _SETTLE_TIMEOUT_MS},
            )
            self._consumer_tags[tag] = lane

    def _on_cancelled(self, _frame: object) -> None:
        """Handle a deleted queue: connect anew, which declares it again."""
        self._link.drop("the broker cancelled a consumer")

    def _cancel(self) -> None:
        """Cancel one consumer after the other, each in its moment: pika calls back whoever waits for any of them."""
        channel = self._channel
        if channel is None or not channel.is_open or not self._consumer_tags or self._cancelling:
            return
        tag = next((tag for tag, lane in self._consumer_tags.items() if self._is_quiet(lane)), None)
        if tag is None:
            self._link.call_later(_QUIESCING_POLL_S, self._cancel)
            return
        self._cancelling = True
        lane = self._consumer_tags.pop(tag)
        channel.basic_cancel(tag, partial(self._on_cancel_ok, lane))
        # pika rejects what comes before the broker's answer, which counts as a delivery. It is ours, so take it.
        channel._cancelled.discard(tag)  # type: ignore[attr-defined]  # noqa: SLF001 - pika has no setting for it

    def _is_quiet(self, lane: Lane) -> bool:
        now_s = time.monotonic()
        full = self._held[lane] >= self._allowed
        return full or now_s - self._came_s[lane] > _QUIET_S or now_s > self._cancel_at_s

    def _on_cancel_ok(self, lane: Lane, _frame: object) -> None:
        self._cancelling = False
        with self._changed:
            if lane not in self._consumer_tags.values():
                self._consuming.discard(lane)
            if not self._consuming:
                self._tell_withheld()
            self._changed.notify_all()
        self._cancel()

    def _on_delivery(
        self, lane: Lane, _channel: Channel, method: Basic.Deliver, properties: BasicProperties, body: bytes
    ) -> None:
        number = method.delivery_tag or 0
        self._came_s[lane] = time.monotonic()
        delivery = delivery_of(lane, Tag(self._epoch, number, properties), bool(method.redelivered), body)
        with self._changed:
            self._unsettled[number] = lane
            self._held[lane] += 1
            self._lanes.put(lane, delivery)
            self._changed.notify()

    def _on_down(self, reason: str) -> None:
        self._channel = None
        self._consumer_tags.clear()
        self._cancelling = False
        self._wariness.broke()
        with self._changed:
            if self._state == "ready":
                self._lost = reason
            # Deliveries of this connection can no longer be settled from here on.
            self._epoch += 1
            self._state = reason
            self._unsettled.clear()
            self._held = dict.fromkeys(Lane, 0)
            self._consuming.clear()
            self._withheld.clear()
            self._lanes.clear()
            self._changed.notify_all()
