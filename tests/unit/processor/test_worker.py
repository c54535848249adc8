"""What becomes of deliveries when something fails on the way: what is not stored is not settled, nothing is kept."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Sequence

import polars as pl
import pytest

from logmill.broker.protocol import EVERY_LANE, Delivery, Message
from logmill.columns import Columns
from logmill.errors import BrokerFull, BrokerUnavailable, Refused, Retry, StorageUnavailable
from logmill.ids import new_batch_id
from logmill.lifecycle import StopSignal
from logmill.record import Entry, Lane
from logmill.settings import load
from logmill.wire import pack
from processor.drain import Drain
from processor.metrics import Metrics
from processor.sink import Stored
from processor.worker import Worker


class Queue:
    """A consumer whose deliveries and faults the test names."""

    state = "ready"

    def __init__(self, *messages: Message, dead_letter_fault: Exception | None = None, attempts: int = 0) -> None:
        self.waiting = [Delivery(message, tag=n, attempts=attempts) for n, message in enumerate(messages)]
        self.stop_limit_s: float | None = None
        self.fault = dead_letter_fault
        self.acknowledged: list[object] = []
        self.dead: list[tuple[object, str]] = []
        self.released: list[object] = []

    def receive(self, timeout_s: float, lanes: Collection[Lane] = EVERY_LANE) -> Delivery | None:
        found = next((one for one in self.waiting if one.message.lane in lanes), None)
        if found is not None:
            self.waiting.remove(found)
        return found

    def stop_taking(self, limit_s: float) -> None:
        self.stop_limit_s = limit_s

    def acknowledge(self, deliveries: list[Delivery]) -> None:
        self.acknowledged += [delivery.tag for delivery in deliveries]

    def dead_letter(self, letters: Sequence[tuple[Delivery, str]], kept: Sequence[Message]) -> list[Delivery]:
        if isinstance(self.fault, Retry):
            return [delivery for delivery, _ in letters]
        if self.fault is not None:
            raise self.fault
        self.dead += [(delivery.tag, reason) for delivery, reason in letters]
        return []

    def release(self, deliveries: list[Delivery]) -> None:
        settled = {*self.acknowledged, *(tag for tag, _ in self.dead)}
        self.released += [delivery.tag for delivery in deliveries if delivery.tag not in settled]


class Sink:
    """Storage as far as a worker sees it; a block that holds `poison` is refused."""

    state = "ready"

    def __init__(self, fault: Exception | None = None, poison: bytes = b"") -> None:
        self.blocks: list[bytes] = []
        self.rejections: list[dict] = []
        self.fault, self.poison = fault, poison

    def store(self, block: bytes, *, may_be_known: bool) -> Stored:
        if self.fault is not None:
            raise self.fault
        if self.poison and self.poison in block:
            raise Refused("poison", code="refused_by_storage")
        self.blocks.append(block)
        return Stored(stored=1, duplicates=0)

    def report_rejections(self, rejections: list[dict]) -> None:
        self.rejections += rejections


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("processor.worker.FAILURE_WAIT_S", 0.0)
    monkeypatch.setattr("processor.gathering.IDLE_WAIT_S", 0.0)


def good(text: str = "good") -> Message:
    columns = Columns.of([Entry(timestamp=1, message=text)])
    return pack(columns, batch_id=new_batch_id(), lane=Lane.NORMAL, received_at=1_800_000_000_000_000)


def bad() -> Message:
    return Message(b"no json", Lane.NORMAL, str(new_batch_id()))


def run(
    queue: Queue, sink: Sink, *, stopped: bool = False, limit_s: float = 20.0, metrics: Metrics | None = None
) -> bool:
    """Let a worker run until the queue is empty, or drain it where it is stopped already; says what `run` says."""
    stop = StopSignal()
    receive = queue.receive

    def receive_or_stop(timeout_s: float, lanes: Collection[Lane] = EVERY_LANE) -> Delivery | None:
        delivery = receive(timeout_s, lanes)
        if delivery is None:
            stop.set()
        return delivery

    queue.receive = receive_or_stop  # type: ignore[method-assign]
    if stopped:
        stop.set()
    settings = load({}, block_wait_ms=0)
    drain = Drain(stop, limit_s)
    worker = Worker(queue, sink, settings, processor_id="p", metrics=metrics or Metrics(), drain=drain)  # type: ignore[arg-type]
    return worker.run()


def test_good_ones_are_stored_and_acknowledged_bad_ones_reported_and_dead_lettered():
    queue, sink = Queue(good(), bad(), good()), Sink()
    run(queue, sink)
    assert sorted(queue.acknowledged) == [0, 2]
    assert [tag for tag, _ in queue.dead] == [1]
    assert [item["code"] for item in sink.rejections] == ["malformed"]
    assert queue.released == []


def test_what_was_parsed_is_counted_by_format():
    metrics = Metrics()
    run(Queue(good('{"msg": "m"}'), good("a=1 b=2"), good("b=1 c=2"), good()), Sink(), metrics=metrics)
    counts = {name: metrics.registry.get_sample_value("logmill_processor_parsed_total", {"format": name})
              for name in ("json", "logfmt", "syslog", "")}  # fmt: skip
    assert counts == {"json": 1, "logfmt": 2, "syslog": None, "": None}


def test_what_an_error_quotes_of_a_log_is_redacted_in_the_reason(monkeypatch):
    def fail(frame: pl.DataFrame) -> pl.DataFrame:
        raise ValueError(f"cannot read {frame['message'][0]}")

    monkeypatch.setattr("processor.worker.make_stages", lambda *_: (("parsing", fail),))
    queue, sink = Queue(good('{"user": "bob\\u0040example.com", "pass\\u0077ord": "hunter2"} bob@example.com')), Sink()
    run(queue, sink)
    ((_tag, reason),) = queue.dead
    assert reason == sink.rejections[0]["reason"]
    assert "<email>" in reason
    assert not [secret for secret in ("bob", "hunter2") if secret in f"{queue.dead} {sink.rejections}"]


@pytest.mark.parametrize("fault", [BrokerUnavailable("full"), BrokerFull("full")])
def test_a_dead_letter_that_cannot_be_written_goes_back_alone(fault: Exception):
    queue, sink = Queue(bad(), good(), good(), dead_letter_fault=fault), Sink()
    run(queue, sink)
    assert sorted(queue.acknowledged) == [1, 2]
    assert queue.released == [0]


def test_an_unexpected_fault_gives_everything_back_and_the_worker_goes_on():
    queue, sink = Queue(good(), bad(), dead_letter_fault=ZeroDivisionError()), Sink()
    run(queue, sink)
    assert queue.acknowledged == [0]
    assert queue.released == [1]
    queue, sink = Queue(good(), good()), Sink(fault=ZeroDivisionError())
    run(queue, sink)
    assert (queue.acknowledged, sorted(queue.released)) == ([], [0, 1])


def test_a_block_that_storage_refuses_is_stored_batch_by_batch_and_only_the_one_at_fault_dies():
    queue, sink = Queue(good("one"), good("poison"), good("three")), Sink(poison=b"poison")
    run(queue, sink)
    assert sorted(queue.acknowledged) == [0, 2]
    assert [tag for tag, _ in queue.dead] == [1]
    assert len(sink.blocks) == 2


def test_batches_of_two_days_are_two_blocks():
    late = pack(
        Columns.of([Entry(timestamp=1, message="m")]),
        batch_id=new_batch_id(),
        lane=Lane.NORMAL,
        received_at=1_800_000_000_000_000 + 86_400_000_000,
    )
    queue, sink = Queue(good(), late, good()), Sink()
    run(queue, sink)
    assert sorted(queue.acknowledged) == [0, 1, 2]
    assert len(sink.blocks) == 2


def test_bad_items_are_reported_with_their_place():
    body = json.dumps([{"message": "good"}, "bad"]).encode()
    queue, sink = Queue(Message(body, Lane.NORMAL, str(new_batch_id()))), Sink()
    run(queue, sink)
    assert queue.acknowledged == [0]
    assert [(item["ordinal"], item["reason"][:7]) for item in sink.rejections] == [(1, "item 1:")]


def test_a_stopped_worker_finishes_what_came_already_and_takes_nothing_more():
    queue, sink = Queue(good(), good()), Sink()
    assert run(queue, sink, stopped=True)
    assert queue.stop_limit_s is not None
    assert sorted(queue.acknowledged) == [0, 1]


@pytest.mark.parametrize(("limit_s", "stop_limit_s"), [(6.0, 2.0), (300.0, 10.0), (0.0, 0.0)])
def test_the_consumer_may_take_a_part_of_the_time_to_stop(limit_s: float, stop_limit_s: float):
    queue = Queue()
    run(queue, Sink(), stopped=True, limit_s=limit_s)
    assert queue.stop_limit_s == pytest.approx(stop_limit_s, abs=0.5)


class DrippingQueue(Queue):
    """Once it is to stop, one message more comes every few milliseconds for as long as it may take."""

    stops_at_s = 0.0
    came = 0

    def stop_taking(self, limit_s: float) -> None:
        self.stops_at_s = time.monotonic() + limit_s

    def receive(self, timeout_s: float, lanes: Collection[Lane] = EVERY_LANE) -> Delivery | None:
        if time.monotonic() >= self.stops_at_s:
            return None
        time.sleep(0.02)
        self.came += 1
        return Delivery(good(), tag=self.came)


def test_a_stopped_worker_to_which_messages_drip_in_finishes_all_of_them_in_time():
    queue = DrippingQueue()
    assert run(queue, Sink(), stopped=True, limit_s=1.5)
    assert queue.came > 1
    assert sorted(queue.acknowledged) == list(range(1, queue.came + 1))


def test_a_stopped_worker_gives_back_what_it_cannot_finish_in_time():
    queue, sink = Queue(good()), Sink(fault=StorageUnavailable("away"))
    assert not run(queue, sink, stopped=True)
    assert (queue.acknowledged, queue.released) == ([], [0])
    assert not run(Queue(good()), Sink(), stopped=True, limit_s=0.0)


def test_a_message_that_was_delivered_too_often_is_reported_and_dead_lettered_unread():
    queue, sink = Queue(good(), attempts=50), Sink()
    run(queue, sink)
    assert queue.dead == [(0, "delivered 50 times and never settled")]
    assert [item["code"] for item in sink.rejections] == ["delivered_too_often"]
    assert sink.blocks == []


def test_messages_that_came_back_often_are_worked_on_one_by_one():
    queue, sink = Queue(good(), good(), good(), attempts=5), Sink()
    run(queue, sink)
    assert len(sink.blocks) == 3
    assert sorted(queue.acknowledged) == [0, 1, 2]


def test_a_lane_of_dead_letters_is_paused_and_the_others_go_on():
    poison = [Message(b"no json", Lane.BULK, str(new_batch_id())) for _ in range(150)]
    queue, sink = Queue(*poison, good()), Sink()
    run(queue, sink)
    assert len(queue.dead) >= 100
    assert queue.acknowledged == [150]
