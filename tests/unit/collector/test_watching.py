"""Events of folders, and what is done where the system has no more of them."""

import errno
import threading

import pytest

from collector.files import watching
from collector.files.watching import Watch


@pytest.fixture
def watch():
    made = Watch(threading.Event(), "events")
    yield made
    made.close()


def test_where_no_watches_are_left_that_is_tried_again_later_and_not_at_each_look(watch, tmp_path, monkeypatch):
    tries = []

    def refuse(_folders):
        tries.append(1)
        raise OSError(errno.ENOSPC, "no space left on device")

    start = watch._start
    monkeypatch.setattr(watch, "_start", refuse)
    for _ in range(3):
        watch.watch({str(tmp_path): False})
    assert len(tries) == 1
    assert "no space left" in watch.problem
    monkeypatch.setattr(watching, "RETRY_S", 0.0)
    monkeypatch.setattr(watch, "_start", start)
    watch._retry_at = 0.0
    watch.watch({str(tmp_path): False})
    assert watch.has_events
