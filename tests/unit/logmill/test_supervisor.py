"""Children that die are started again, and end in order; a folder has one supervisor."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from logmill.errors import AlreadyRunning, ConfigError
from logmill.lifecycle import StopSignal, check_listen, is_loopback
from logmill.locking import FolderLock
from logmill.settings import child_environment, load
from logmill.supervisor import LONGEST_DELAY_S, Program, Supervisor, restart_delay_s
from tests.support.rabbitmq_node import free_port
from tests.support.waiting import wait_until


class Running:
    """A supervisor on a thread, with what it said."""

    def __init__(self, *programs: Program) -> None:
        self.said: list[str] = []
        self._stop = StopSignal()
        self._supervisor = Supervisor(programs, self.said.append, 5.0)
        # preexec's parent-death signal follows the thread that forks; it lives as long as the children here.
        self._thread = threading.Thread(target=self._supervisor.run, args=(self._stop,))

    def __enter__(self) -> Running:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()


def script(name: str, code: str) -> Program:
    return Program(name, [sys.executable, "-c", code], child_environment(load({})))


def test_a_child_that_dies_is_started_again_and_that_is_said(tmp_path: Path):
    log = tmp_path / "starts"
    code = f"import os,time; open({str(log)!r},'a').write(f'{{os.getpid()}}\\n'); time.sleep(60)"
    with Running(script("worker", code)) as running:
        first = int(wait_until(lambda: log.exists() and log.read_text().split())[0])
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: len(log.read_text().split()) == 2)
    assert any("worker ended with signal SIGKILL; starting it again" in line for line in running.said)


def test_children_end_in_order_of_the_list(tmp_path: Path):
    log = tmp_path / "ends"

    def program(name: str) -> Program:
        return script(
            name,
            "import signal,sys,time\n"
            f"def end(*_): open({str(log)!r},'a').write('{name} '); sys.exit(0)\n"
            "signal.signal(signal.SIGTERM, end)\n"
            f"open({str(tmp_path / name)!r},'w').close()\n"
            "time.sleep(60)",
        )

    names = ["producer", "processor-1", "processor-2", "storage"]
    with Running(*(program(name) for name in names)):
        wait_until(lambda: all((tmp_path / name).exists() for name in names))
    ended = log.read_text().split()
    assert ended[0] == "producer"
    assert sorted(ended[1:3]) == ["processor-1", "processor-2"]
    assert ended[3] == "storage"


def test_the_delay_before_a_restart_doubles_up_to_a_cap():
    delays = [restart_delay_s(n) for n in range(1, 12)]
    assert delays[:4] == [0.5, 1.0, 2.0, 4.0]
    assert max(delays) == LONGEST_DELAY_S == delays[-1]


def test_a_folder_has_one_supervisor_at_a_time(tmp_path: Path):
    one, two = (FolderLock(tmp_path / "data", "test.lock", "test") for _ in range(2))
    one.acquire()
    with pytest.raises(AlreadyRunning, match=str(os.getpid())):
        two.acquire()
    one.release()
    two.acquire()
    two.release()


def test_a_port_in_use_is_a_clear_error():
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(AlreadyRunning, match=f"127.0.0.1:{port}"):
            check_listen("127.0.0.1", port, load({}))


def test_nothing_listens_to_the_world_without_a_key():
    port = free_port()
    with pytest.raises(ConfigError, match="LOGMILL_API_KEY"):
        check_listen("0.0.0.0", port, load({}))
    check_listen("0.0.0.0", port, load({}, api_key="k"))
    check_listen("0.0.0.0", port, load({}, allow_no_key=True))
    assert [is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost")] == [True] * 4
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "example.org")] == [False] * 4
