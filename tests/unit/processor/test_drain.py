"""Between the signal and the limit the work in hand is finished; waits end with the limit, not with the signal."""

from __future__ import annotations

import threading
import time

from logmill.lifecycle import StopSignal
from processor.drain import Drain


def test_nothing_is_over_before_the_signal() -> None:
    drain = Drain(StopSignal(), 0.0)
    assert not drain.begun()
    assert not drain.over()
    assert not drain.wait(0.01)


def test_after_the_signal_waits_last_until_the_limit() -> None:
    stop = StopSignal()
    drain = Drain(stop, 0.2)
    stop.set()
    started_s = time.monotonic()
    assert drain.begun()
    assert not drain.over()
    assert not drain.wait(0.01)
    assert drain.wait(10.0)
    assert 0.15 < time.monotonic() - started_s < 5.0
    assert drain.over()


def test_a_signal_in_the_middle_of_a_wait_starts_the_limit() -> None:
    stop = StopSignal()
    drain = Drain(stop, 0.1)
    threading.Timer(0.1, stop.set).start()
    started_s = time.monotonic()
    assert drain.wait(30.0)
    assert time.monotonic() - started_s < 5.0
