"""A shared reading: taken once for all who ask, given out for its time, and never waited for too long."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from logmill.cached import Cached
from logmill.errors import Retry
from tests.support.waiting import wait_until


class Source:
    """Counts how often it is read; a read lasts until `gate` is set."""

    def __init__(self, *, open_: bool = True) -> None:
        self.reads = 0
        self.gate = threading.Event()
        if open_:
            self.gate.set()

    def __call__(self) -> int:
        self.reads += 1
        mine = self.reads
        assert self.gate.wait(30)
        return mine


def test_it_is_read_once_within_its_age_and_again_after_it() -> None:
    source = Source()
    cached = Cached(source, 0.2, 1.0)
    assert [cached.get() for _ in range(5)] == [1] * 5
    time.sleep(0.25)
    assert cached.get() == 2


@pytest.mark.parametrize("aside", [False, True])
def test_all_who_ask_at_once_share_one_reading(aside: bool) -> None:
    source = Source(open_=False)
    cached = Cached(source, 10.0, 20.0, aside=aside)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(cached.get) for _ in range(8)]
        wait_until(lambda: source.reads)
        source.gate.set()
        assert [one.result(30) for one in asked] == [1] * 8
    assert source.reads == 1


def test_while_a_reading_is_taken_others_get_the_one_before() -> None:
    source = Source()
    cached = Cached(source, 0.5, 20.0)
    assert cached.get() == 1
    source.gate.clear()
    time.sleep(0.55)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(cached.get)
        wait_until(lambda: source.reads == 2)
        started_s = time.monotonic()
        assert cached.get() == 1
        assert time.monotonic() - started_s < 0.5
        source.gate.set()
        assert slow.result(30) == 2


def test_one_that_is_very_old_is_not_given_out_instead() -> None:
    source = Source()
    cached = Cached(source, 0.05, 0.2)
    assert cached.get() == 1
    source.gate.clear()
    time.sleep(0.3)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(cached.get)
        wait_until(lambda: source.reads == 2)
        with pytest.raises(Retry):
            cached.get()
        source.gate.set()
        assert slow.result(30) == 2


def test_aside_nobody_waits_longer_than_allowed_and_what_comes_late_is_kept() -> None:
    source = Source(open_=False)
    cached = Cached(source, 10.0, 0.2, aside=True)
    for _ in range(2):
        started_s = time.monotonic()
        with pytest.raises(Retry):
            cached.get()
        assert 0.1 < time.monotonic() - started_s < 5
    assert source.reads == 1
    source.gate.set()
    assert wait_until(lambda: _got(cached)) == 1


def test_aside_where_no_thread_can_be_started_the_next_one_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    cached = Cached(Source(), 10.0, 5.0, aside=True)
    with monkeypatch.context() as no_threads:
        no_threads.setattr(threading.Thread, "start", start)
        started_s = time.monotonic()
        for _ in range(2):
            with pytest.raises(Retry, match="can't start new thread"):
                cached.get()
        assert time.monotonic() - started_s < 2
    assert cached.get() == 1


def _got(cached: Cached[int]) -> int | None:
    try:
        return cached.get()
    except Retry:
        return None


def test_where_reading_fails_the_next_one_reads_again() -> None:
    outcomes = iter([ValueError("no"), None])

    def read() -> str:
        error = next(outcomes)
        if error:
            raise error
        return "yes"

    cached = Cached(read, 10.0, 1.0)
    with pytest.raises(ValueError, match="no"):
        cached.get()
    assert cached.get() == "yes"
