"""Publishes logs to the broker, in batches as the producer makes them, each in the lane of its levels."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass

import msgspec

from generator.log import Log, Made
from generator.outputs.batched import BatchedOutput, Batching
from generator.outputs.shipper import Shipper
from logmill.broker import Broker, Message, Publisher
from logmill.columns import Columns
from logmill.errors import BrokerUnavailable
from logmill.ids import new_batch_id
from logmill.record import LANE_OF_LEVEL, Lane
from logmill.timestamps import now_us
from logmill.wire import pack

_CONFIRM_TIMEOUT_S = 30.0
_CLOSE_TIMEOUT_S = 2.0
_PROTOCOL = "amqp"


@dataclass(frozen=True, slots=True)
class _Batch:
    message: Message
    count: int


class _Channel:
    """See `Transport`."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    def send(self, parcel: _Batch) -> int:
        """See `Transport`. A message that is published twice keeps its id, so it is stored once."""
        confirmed: Future[None] = self._publisher.publish(parcel.message)
        try:
            confirmed.result(_CONFIRM_TIMEOUT_S)
        except FutureTimeoutError:
            raise BrokerUnavailable(f"the broker did not confirm within {_CONFIRM_TIMEOUT_S:g} s") from None
        return 0

    def close(self) -> None:
        """See `Transport`. The publisher is shared."""


class _Lanes:
    """See `Gathering`."""

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder().encode
        self._times_us: dict[Lane, list[int]] = {lane: [] for lane in Lane}
        self._logs: dict[Lane, list[Log]] = {lane: [] for lane in Lane}

    def add(self, made: Made) -> None:
        """See `Gathering`."""
        for time_us, log in zip(made.times_us, made.logs, strict=True):
            lane = LANE_OF_LEVEL[log.level]
            self._times_us[lane].append(time_us)
            self._logs[lane].append(log)

    def take(self) -> list[_Batch]:
        """See `Gathering`: a message for each lane that has logs."""
        batches = []
        for lane in Lane:
            logs = self._logs[lane]
            if logs:
                columns = self._columns(self._times_us[lane], logs)
                message = pack(columns, batch_id=new_batch_id(), lane=lane, received_at=now_us())
                batches.append(_Batch(message, len(logs)))
                self._logs[lane], self._times_us[lane] = [], []
        return batches

    def _columns(self, times_us: list[int], logs: list[Log]) -> Columns:
        encode = self._encode
        return Columns(
            timestamp=times_us,
            level=[log.level for log in logs],
            message=[log.message for log in logs],
            service=[log.service for log in logs],
            metadata=[encode(log.metadata) for log in logs],
            trace_id=_where_any([log.trace_id for log in logs]),
            span_id=_where_any([log.span_id for log in logs]),
            host=_where_any([log.host for log in logs]),
            protocol=[_PROTOCOL] * len(logs),
        )


def _where_any(texts: list[str]) -> Sequence[str]:
    return texts if any(texts) else ()


class AmqpOutput(BatchedOutput[_Batch]):
    """See `Output`.

    Args:
        broker: where to.
        batching: how logs travel; the connections are batches that are not confirmed, on one connection.
    """

    def __init__(self, broker: Broker, batching: Batching) -> None:
        self._publisher = broker.publisher()
        self._publisher.connect()
        shipper = Shipper(lambda: _Channel(self._publisher), lambda batch: batch.count, batching.connections)
        super().__init__(_Lanes(), shipper, batching)

    def close(self) -> None:
        """See `Output`."""
        super().close()
        self._publisher.close(_CLOSE_TIMEOUT_S)
