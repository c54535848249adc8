"""The handler as an application has it: nothing is lost or doubled, whatever the producer does, and nobody waits."""

from __future__ import annotations

import itertools
import logging
import logging.config
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from logmill.handler import LogmillHandler, losses
from tests.support.odd_taker import Taker, running
from tests.support.ports import free_port
from tests.support.waiting import wait_until

Make = Callable[..., LogmillHandler]


@pytest.fixture
def taker() -> Iterator[Taker]:
    with running() as server:
        yield server


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def logger() -> logging.Logger:
    """One that nobody else listens to."""
    return logging.Logger("shop.cart", logging.DEBUG)  # noqa: LOG001 - nor does pytest then


@pytest.fixture
def make(taker: Taker, logger: logging.Logger, tmp_path: Path, told: list[str]) -> Iterator[Make]:
    """Makes handlers that send to `taker`, quickly, and are closed after the test."""
    made = []

    def make(**options: Any) -> LogmillHandler:
        mine = {"url": taker.url, "service": "shop", "interval_s": 0.05, "spill_dir": tmp_path, "on_error": told.append}
        handler = LogmillHandler(**{**mine, **options})
        made.append(handler)
        logger.addHandler(handler)
        return handler

    yield make
    for handler in made:
        handler.close()


def numbers(taker: Taker) -> list[int]:
    return [int(message.split()[1]) for message in taker.messages() if message.startswith("order ")]


def spilled(folder: Path) -> list[Path]:
    return list(folder.glob("*/*.spill"))


def test_logs_arrive_in_order_without_being_asked_for(make: Make, taker: Taker, logger: logging.Logger):
    make()
    for number in range(5000):
        logger.info("order %d", number)
    wait_until(lambda: len(taker.logs()) == 5000)
    assert numbers(taker) == list(range(5000))
    assert {log["service"] for log in taker.logs()} == {"shop"}


def test_flush_waits_until_all_is_there(make: Make, taker: Taker, logger: logging.Logger):
    handler = make(interval_s=60.0)
    for number in range(100):
        logger.info("order %d", number)
    assert handler.flush(10.0)
    assert numbers(taker) == list(range(100))
    status = handler.status()
    assert (status.taken, status.accepted, status.queued, status.error) == (100, 100, 0, "")


def test_batches_have_as_many_logs_as_allowed(make: Make, taker: Taker, logger: logging.Logger):
    handler = make(batch_records=10, interval_s=60.0)
    for number in range(95):
        logger.info("order %d", number)
    handler.flush(10.0)
    assert sorted(map(len, taker.taken.values())) == [5] + [10] * 9


def test_batches_have_as_many_bytes_as_allowed(make: Make, taker: Taker, logger: logging.Logger):
    handler = make(batch_bytes=10_000, interval_s=60.0)
    for number in range(20):
        logger.info("order %d %s", number, "x" * 6000)
    handler.flush(10.0)
    assert sorted(map(len, taker.taken.values())) == [2] * 10


def test_errors_do_not_wait_for_others(make: Make, taker: Taker, logger: logging.Logger):
    make(interval_s=2.0)
    logger.info("order 1")
    logger.error("order 2")
    wait_until(lambda: numbers(taker) == [2], 1.5)


def test_an_application_that_closes_all_that_is_open_does_not_end_the_sending(
    make: Make, taker: Taker, logger: logging.Logger, tmp_path: Path
):
    taker.answer = (503, b"", {})
    handler = make(spill_after_s=0.0)
    logger.info("order 1")
    wait_until(lambda: spilled(tmp_path))
    for link in Path("/proc/self/fd").iterdir():
        if link.exists() and link.readlink().suffix == ".spill":
            os.close(int(link.name))
    taker.answer = None
    logger.info("order 2")
    wait_until(lambda: 2 in numbers(taker), 30.0)
    assert handler.flush(10.0)


def test_levels_below_that_of_the_handler_stay_out(make: Make, taker: Taker, logger: logging.Logger):
    handler = make(level="warning")
    logger.info("order 1")
    logger.warning("order 2")
    handler.flush(10.0)
    assert numbers(taker) == [2]


def test_filters_decide_and_may_change_the_record(make: Make, taker: Taker, logger: logging.Logger):
    handler = make()

    def mark(record: logging.LogRecord) -> bool:
        record.tenant = "a"
        return "secret" not in record.getMessage()

    handler.addFilter(mark)
    logger.info("order 1")
    logger.info("secret")
    handler.flush(10.0)
    assert [(log["message"], log["metadata"]["tenant"]) for log in taker.logs()] == [("order 1", "a")]


def test_a_filter_that_fails_disturbs_nobody(make: Make, logger: logging.Logger, capsys: pytest.CaptureFixture[str]):
    make().addFilter(lambda record: record.missing)
    logger.info("order 1")
    assert "AttributeError" in capsys.readouterr().err


@pytest.mark.parametrize("is_plain", [True, False], ids=["of basicConfig", "of another class"])
def test_formatters(make: Make, taker: Taker, logger: logging.Logger, is_plain: bool):
    class Loud(logging.Formatter):
        pass

    handler = make()
    handler.setFormatter((logging.Formatter if is_plain else Loud)("%(levelname)s! %(message)s"))
    logger.info("order 1")
    handler.flush(10.0)
    assert taker.messages() == ["order 1" if is_plain else "INFO! order 1"]


def test_an_outage_loses_and_doubles_nothing(make: Make, taker: Taker, logger: logging.Logger, tmp_path: Path):
    handler = make(spill_after_s=0.2, batch_records=10)
    taker.answer = (503, {"status": "error", "code": "unavailable"}, {"Retry-After": "1"})
    for number in range(500):
        logger.info("order %d", number)
        time.sleep(0.001)
    wait_until(lambda: handler.status().spilled == 500, 10.0)
    assert handler.status().memory_bytes == 0
    assert handler.status().error == "it answers 503"
    assert spilled(tmp_path)
    taker.answer = None
    for number in range(500, 600):
        logger.info("order %d", number)
    assert handler.flush(20.0)
    assert numbers(taker) == list(range(600))
    keys = [headers["Idempotency-Key"] for _method, _path, headers, _body in taker.seen]
    assert len(set(keys)) < len(keys), "what was refused came again under its key"
    assert handler.status().accepted == 600


def test_retry_after_is_waited_for(make: Make, taker: Taker, logger: logging.Logger):
    make()
    taker.answer = (503, {"status": "error"}, {"Retry-After": "2"})
    logger.info("order 1")
    wait_until(lambda: taker.seen, 5.0)
    began_s = time.monotonic()
    taker.answer = None
    wait_until(lambda: len(taker.seen) > 1, 10.0)
    assert time.monotonic() - began_s > 1.5


def test_tries_come_less_often(make: Make, taker: Taker, logger: logging.Logger):
    make()
    taker.answer = (500, b"", {})
    logger.info("order 1")
    time.sleep(3.0)
    assert 2 <= len(taker.seen) <= 5


def test_bad_logs_are_counted_told_and_not_sent_again(
    make: Make, taker: Taker, logger: logging.Logger, told: list[str]
):
    handler = make()
    fault = {"index": 0, "code": "invalid_field", "message": "message must be text"}
    taker.answer = (400, {"status": "error", "code": "all_rejected", "errors": [fault]}, {})
    logger.info("order 1")
    assert handler.flush(10.0)
    assert handler.status().rejected == 1
    taker.answer = None
    logger.info("order 2")
    wait_until(lambda: any("lost" in message for message in taker.messages()), 20.0)
    assert numbers(taker) == [2]
    (report,) = [log for log in taker.logs() if log["metadata"]["logger"] == "logmill.handler"]
    assert report["message"] == "1 log of this process lost: 1 rejected (message must be text)"
    assert (report["level"], report["metadata"]["lost.rejected"]) == ("WARNING", 1)
    assert told == ["1 log rejected, 1 in all: message must be text"]


@pytest.mark.parametrize("status", [404, 501])
def test_a_wrong_address_is_told_once_with_what_to_set_and_the_logs_are_kept(
    make: Make,
    taker: Taker,
    logger: logging.Logger,
    told: list[str],
    monkeypatch: pytest.MonkeyPatch,
    status: int,
):
    # As after minutes: nothing else than that it was told holds the next line back.
    monkeypatch.setattr(losses, "TELL_EVERY_S", 0.0)
    handler = make()
    taker.answer = (status, b"<h1>Not here</h1>", {})
    for number in range(10):
        logger.info("order %d", number)
        handler.flush(0.1)
    assert len(taker.seen) > 1
    assert len(told) == 1
    assert told[0].startswith(
        f"logs cannot be sent to {taker.url}: what answers ({status}) is no producer of Logmill; "
    )
    assert "set url to the address of Logmill's producer" in told[0]
    taker.answer = None
    assert handler.flush(10.0)
    assert numbers(taker) == list(range(10))


def test_a_wrong_key_is_told_once_and_the_logs_are_kept(
    make: Make, taker: Taker, logger: logging.Logger, told: list[str]
):
    handler = make(api_key="wrong")
    taker.answer = (401, {"status": "error", "code": "unauthorized"}, {})
    for number in range(10):
        logger.info("order %d", number)
        handler.flush(0.1)
    words = "it refuses the API key (401): check api_key; they are kept, and sent later"
    assert told == [f"logs cannot be sent to {taker.url}: {words}"]
    assert "wrong" not in repr(handler) + str(told)
    taker.answer = None
    assert handler.flush(10.0)
    assert numbers(taker) == list(range(10))
    assert told[1:] == [f"logs are sent to {taker.url} again"]


def test_a_batch_that_is_too_large_is_halved(make: Make, taker: Taker, logger: logging.Logger, told: list[str]):
    take = taker.respond

    def at_most_three(handler: Any) -> None:
        import gzip

        is_large = gzip.decompress(taker.seen[-1][3]).count(b"\n") > 3
        taker.answer = (413, {"status": "error", "code": "too_many", "message": "3 at most"}, {}) if is_large else None
        take(handler)

    taker.respond = at_most_three
    handler = make(interval_s=60.0)
    for number in range(20):
        logger.info("order %d", number)
    assert handler.flush(20.0)
    assert numbers(taker) == list(range(20))
    assert handler.status().accepted == 20
    assert len(told) == 1
    assert "3 at most" in told[0]


def test_halves_of_which_one_must_be_sent_again_count_once(make: Make, taker: Taker, logger: logging.Logger):
    take = taker.respond
    failures = iter([False, True, False, True, False, False])

    def at_most_five(handler: Any) -> None:
        import gzip

        if gzip.decompress(taker.seen[-1][3]).count(b"\n") > 5:
            handler.send(413, b"")
        elif next(failures):
            handler.send(503, b"")
        else:
            take(handler)

    taker.respond = at_most_five
    handler = make(interval_s=60.0)
    for number in range(10):
        logger.info("order %d", number)
    assert handler.flush(20.0)
    assert numbers(taker) == list(range(10))
    assert (handler.status().taken, handler.status().accepted) == (10, 10)


def test_a_single_log_that_is_too_large_is_rejected(make: Make, taker: Taker, logger: logging.Logger):
    handler = make()
    taker.answer = (413, b"", {})
    logger.info("order 1")
    assert handler.flush(10.0)
    assert handler.status().rejected == 1


def test_a_full_queue_drops_and_counts_and_leaves_room_for_warnings(
    make: Make, logger: logging.Logger, told: list[str]
):
    handler = make(queue_records=1000, queue_bytes=64 << 20)
    handler._engine.is_started = True  # no thread takes anything
    for _ in range(1000):
        logger.info("x")
    for _ in range(300):
        logger.warning("x")
    assert (handler.status().queued, handler.status().dropped) == (1000, 250 + 50)


def test_the_queue_is_bounded_by_bytes_too(make: Make, logger: logging.Logger):
    handler = make(queue_bytes=4 << 20)
    handler._engine.is_started = True
    for _ in range(100):
        logger.warning("x" * 100_000)
    assert handler.status().queued == 3 * 1024 * 1024 // 100_600


def test_where_many_wait_the_lines_are_the_same(make: Make, taker: Taker, logger: logging.Logger):
    handler = make(queue_records=1000)
    engine = handler._engine
    engine.is_started = True  # no thread takes anything yet
    for number in range(500):
        logger.info("order %d", number, extra={"order": number, "trace_id": f"t-{number}", "cart": [number]})
    assert engine.queue.is_crowded
    kinds = [type(item[2]) for item in engine.queue._items]
    assert kinds == [str] * 126 + [bytes] * 374
    engine.is_started = False
    engine.start()
    assert handler.flush(20.0)
    assert not engine.queue.is_crowded
    assert numbers(taker) == list(range(500))
    for number, log in enumerate(taker.logs()):
        metadata = log["metadata"]
        assert (log["trace_id"], metadata["order"], metadata["cart"]) == (f"t-{number}", number, [number])
        assert metadata["code.file"] == __file__


def test_what_found_no_room_is_logged_when_sending_works_again(
    make: Make, taker: Taker, logger: logging.Logger, told: list[str]
):
    taker.answer = (503, b"", {})
    handler = make(spill_dir=None, queue_bytes=4 << 20, batch_records=10, interval_s=0.01)
    number = 0
    while handler.status().dropped == 0 and number < 10_000:
        logger.info("order %d %s", number, os.urandom(5000).hex())
        number += 1
    wait_until(lambda: told, 10.0)
    assert "dropped" in told[0]
    taker.answer = None
    handler.flush(30.0)
    wait_until(lambda: any("lost" in message for message in taker.messages()), 20.0)
    handler.flush(10.0)
    status = handler.status()
    reports = [log["metadata"]["lost.dropped"] for log in taker.logs() if "lost" in log["message"]]
    assert sum(reports) == status.dropped > 0
    assert status.accepted + status.dropped == number + len(reports)
    found = numbers(taker)
    assert found == sorted(set(found)), "the newest were dropped, and the order stays"


def test_the_end_of_a_process_is_not_held_up_by_a_producer_that_is_away(
    make: Make, logger: logging.Logger, tmp_path: Path
):
    handler = make(url=f"http://127.0.0.1:{free_port()}", exit_timeout_s=30.0)
    for number in range(100):
        logger.info("order %d", number)
    began_s = time.monotonic()
    handler.flush()
    handler.close()
    assert time.monotonic() - began_s < 3.0
    assert len(spilled(tmp_path)) == 1


def test_nor_by_one_that_hangs(make: Make, taker: Taker, logger: logging.Logger, tmp_path: Path):
    taker.respond = lambda _handler: time.sleep(20)
    handler = make(exit_timeout_s=0.5)
    logger.info("order 1")
    began_s = time.monotonic()
    handler.flush()
    handler.close()
    assert time.monotonic() - began_s < 4.0
    assert len(spilled(tmp_path)) == 1


def test_nor_by_a_disk_that_hangs(make: Make, taker: Taker, logger: logging.Logger, monkeypatch: pytest.MonkeyPatch):
    release, hangs = threading.Event(), threading.Event()

    def hang(_descriptor: int) -> None:
        hangs.set()
        release.wait(60)

    handler = make(durable=True, exit_timeout_s=0.2)
    monkeypatch.setattr("logmill.handler.segments.os.fsync", hang)
    try:
        logger.info("order 1")
        assert hangs.wait(10)
        began_s = time.monotonic()
        for number in range(2, 1000):
            logger.info("order %d", number)
        assert time.monotonic() - began_s < 1.0, "nor is a call"
        handler.close()
        assert time.monotonic() - began_s < 10.0
    finally:
        release.set()
    assert taker.logs() == [], "nothing is sent before the disk has it"


def test_without_files_the_end_tells_what_is_lost(make: Make, logger: logging.Logger, told: list[str]):
    handler = make(url=f"http://127.0.0.1:{free_port()}", spill_dir=None, exit_timeout_s=0.2)
    logger.info("order 1")
    logger.error("order 2")
    handler.close()
    assert told[-1] == "2 logs dropped, 2 in all: the process ends, and it cannot be reached: Connection refused"


def test_what_the_end_has_no_time_for_is_counted_and_told(
    make: Make, logger: logging.Logger, told: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("logmill.handler.engine._JOIN_S", 0.2)
    more = {"queue_records": 1_000_000, "queue_bytes": 1 << 30, "spill_dir": None, "exit_timeout_s": 0.0}
    handler = make(url=f"http://127.0.0.1:{free_port()}", **more)
    monkeypatch.setattr(handler._engine, "is_started", True)  # no thread takes anything yet
    for number in range(150_000):
        logger.warning("order %d", number)
    monkeypatch.setattr(handler._engine, "is_started", False)
    logger.warning("order 150000")
    wait_until(lambda: handler.status().queued < 150_001)
    handler.close()
    status = handler.status()
    assert (status.queued, status.dropped) == (0, 150_001)
    assert any("150,001 in all" in line for line in told)


def test_the_next_handler_sends_what_was_left_before_anything_is_logged(
    make: Make, taker: Taker, logger: logging.Logger, tmp_path: Path
):
    taker.answer = (503, b"", {})
    first = make()
    for number in range(50):
        logger.info("order %d", number)
    first.close()
    assert spilled(tmp_path)
    taker.answer = None
    make()
    wait_until(lambda: not spilled(tmp_path), 10.0)
    assert numbers(taker) == list(range(50))


def test_a_durable_log_is_in_a_file_until_it_was_sent(make: Make, taker: Taker, logger: logging.Logger, tmp_path: Path):
    taker.answer = (503, b"", {})
    handler = make(durable=True)
    logger.info("order 1")
    wait_until(lambda: handler.status().spilled == 1, 10.0)
    assert handler.status().memory_bytes == 0
    taker.answer = None
    assert handler.flush(10.0)
    assert handler.status().spilled == 0
    assert numbers(taker) == [1]


def test_after_the_end_nothing_is_taken_and_that_is_told(make: Make, logger: logging.Logger, told: list[str]):
    handler = make()
    handler.close()
    handler.close()
    logger.info("order 1")
    assert handler.status().dropped == 1
    assert told == ["1 log dropped, 1 in all: the handler is closed"]


def test_what_is_logged_while_logs_are_sent_is_not_sent(make: Make, taker: Taker, tmp_path: Path):
    root = logging.getLogger()
    level = root.level
    one, other = make(), make(spill_dir=None)
    root.addHandler(one)
    root.addHandler(other)
    root.setLevel(logging.DEBUG)
    try:
        root.info("order 1")
        assert one.flush(10.0)
        assert other.flush(10.0)
        time.sleep(0.5)
        requests = len(taker.seen)
        time.sleep(0.5)
        assert len(taker.seen) == requests == 2
        assert taker.messages() == ["order 1"] * 2
    finally:
        root.removeHandler(one)
        root.removeHandler(other)
        root.setLevel(level)


def test_a_signals_handler_may_log_in_the_middle_of_a_call(
    make: Make, taker: Taker, logger: logging.Logger, told: list[str]
):
    handler = make()
    signals = itertools.count()

    def on_signal(_number: int, _frame: object) -> None:
        # One step, since a signal may come in the middle of this too.
        logger.error("signal %d", next(signals))

    before = signal.signal(signal.SIGALRM, on_signal)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        began_s = time.monotonic()
        number = 0
        while time.monotonic() - began_s < 2.0:
            logger.info("order %d", number)
            number += 1
            time.sleep(0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    count = next(signals)
    assert handler.flush(30.0), handler.status()
    assert count > 100
    status = handler.status()
    assert (status.accepted, status.dropped) == (number + count, 0), told
    # By their numbers, so that a failure says which log is missing, doubled or another one's.
    assert numbers(taker) == list(range(number))
    others = [message for message in taker.messages() if not message.startswith("order ")]
    assert sorted(others) == sorted(f"signal {one}" for one in range(count))


def test_many_threads_lose_nothing_and_do_not_wait_for_one_that_is_slow(
    make: Make, taker: Taker, logger: logging.Logger
):
    handler = make()
    release = threading.Event()

    class Slow:
        def __str__(self) -> str:
            release.wait(20)
            return "slow"

    slow = threading.Thread(target=logger.info, args=("order 0 %s", Slow()))
    slow.start()
    threads = [
        threading.Thread(target=lambda: [logger.info("order %d", number) for number in range(1, 1001)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15)
    assert handler.flush(20.0)
    assert sorted(numbers(taker)) == sorted(list(range(1, 1001)) * 8)
    release.set()
    slow.join(20)
    assert handler.flush(10.0)
    assert numbers(taker).count(0) == 1


@pytest.mark.parametrize("stream", [None, open(os.devnull, "w")], ids=["none", "closed"])  # noqa: PTH123, SIM115
def test_a_standard_error_that_is_not_there_disturbs_nobody(
    make: Make, logger: logging.Logger, monkeypatch: pytest.MonkeyPatch, stream: Any
):
    if stream is not None:
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)

    class Odd(logging.LogRecord):
        @property
        def exc_info(self) -> None:
            raise RuntimeError

        @exc_info.setter
        def exc_info(self, value: object) -> None:
            pass

    handler = make()
    handler.handle(Odd("shop", 20, "", 0, "x", None, None))
    handler.close()
    assert handler.status().dropped == 1


def test_where_no_thread_can_be_started_the_end_still_sends(
    make: Make, taker: Taker, logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
):
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("logmill-"):
            raise RuntimeError("can't start new thread")
        start(thread)

    handler = make()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        logger.info("order 1")
        handler.close()
    assert numbers(taker) == [1]


def test_a_failure_in_the_threads_is_told_and_they_go_on(
    make: Make, taker: Taker, logger: logging.Logger, told: list[str], monkeypatch: pytest.MonkeyPatch
):
    handler = make()
    broken = {"left": 2}
    post = handler._engine._sender._delivery.post

    def fail(batch: Any) -> Any:
        if broken["left"]:
            broken["left"] -= 1
            raise ZeroDivisionError("a fault of ours")
        return post(batch)

    monkeypatch.setattr(handler._engine._sender._delivery, "post", fail)
    logger.info("order 1")
    wait_until(lambda: numbers(taker) == [1], 20.0)
    assert "ZeroDivisionError" in told[0]


CONFIG = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {
        "logmill": {
            "class": "logmill.handler.LogmillHandler",
            "url": "",
            "service": "shop",
            "level": "INFO",
            "spill_dir": None,
        }
    },
    "loggers": {"configured": {"handlers": ["logmill"], "level": "DEBUG", "propagate": False}},
}


def test_dict_config(taker: Taker):
    config: Any = {**CONFIG, "handlers": {"logmill": {**CONFIG["handlers"]["logmill"], "url": taker.url}}}  # type: ignore[index]
    logging.config.dictConfig(config)
    found = logging.getLogger("configured")
    (handler,) = found.handlers
    assert isinstance(handler, LogmillHandler)
    found.debug("order 1")
    found.info("order 2")
    assert handler.flush(10.0)
    assert numbers(taker) == [2]
    found.removeHandler(handler)
    handler.close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"url": "localhost:5000"}, "url must be that of a producer"),
        ({"url": "ftp://localhost"}, "url must be that of a producer"),
        ({"url": "http://"}, "url must be that of a producer"),
        ({"url": "http://localhost:x"}, "url must be that of a producer"),
        ({"url": 5000}, "url must be that of a producer"),
        ({"url": "http://localhost:5000/?a=b"}, "url must be that of a producer"),
        ({"url": "http://me:secret@localhost"}, "give the key as api_key"),
        ({"service": ""}, "service must be text of 1 to 256 bytes"),
        ({"service": "ä" * 129}, "service must be text of 1 to 256 bytes"),
        ({"service": 7}, "service must be text of 1 to 256 bytes"),
        ({"host": 7}, "host must be text of 1 to 256 bytes"),
        ({"api_key": "a\nb"}, "api_key must be text of visible ASCII characters"),
        ({"api_key": None}, "api_key must be text of visible ASCII characters"),
        ({"batch_records": "10"}, "batch_records must be a whole number from 1 to 50,000; it is '10'"),
        ({"batch_records": 1.5}, "batch_records must be a whole number"),
        ({"batch_records": True}, "batch_records must be a whole number"),
        ({"interval_s": 0}, "interval_s must be a number from 0.01 to 3,600; it is 0"),
        ({"interval_s": float("nan")}, "interval_s must be a number"),
        ({"queue_bytes": 1}, "queue_bytes must be a whole number from 4,194,304"),
        ({"timeout_s": None}, "timeout_s must be a number"),
        ({"context": {"a": 1}}, "context must be a mapping of names to context variables"),
        ({"context": ["a"]}, "context must be a mapping of names to context variables"),
        ({"durable": True, "spill_dir": None}, "durable needs a spill_dir"),
        ({"spill_dir": "/dev/null/x"}, "spill_dir cannot be used"),
        ({"level": "LOUD"}, "Unknown level: 'LOUD'"),
    ],
)
def test_wrong_options_are_named(make: Make, options: dict[str, Any], words: str):
    with pytest.raises(ValueError, match=words) as caught:
        make(**options)
    assert "secret" not in str(caught.value)
