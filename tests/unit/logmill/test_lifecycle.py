"""The first signal asks, the second ends; a listening socket outlives who serves it; exit codes are documented."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner

from logmill.cli import main
from logmill.errors import AlreadyRunning, ConfigError, DrainLimitPassed, ExitCode
from logmill.gunicorn_app import Endings
from logmill.lifecycle import StopSignal, open_listener
from logmill.locking import FolderLock
from logmill.processes import is_group_alive, parent_of
from logmill.running import RunFolder, Service, installation_lock
from logmill.settings import load
from tests.support.ports import free_port
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
WAITS = """
import sys, time
from logmill.lifecycle import StopSignal
stop = StopSignal()
stop.before_end = lambda: print("before the end", flush=True)
stop.install()
print("installed", flush=True)
while not stop.wait(30):
    pass
print("asked", flush=True)
time.sleep(float(sys.argv[1]))
print("finished", flush=True)
"""


class Waiting:
    """A process that drains for `drain_s` after it is asked to stop."""

    def __init__(self, drain_s: float, prefix: tuple[str, ...] = ()) -> None:
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-c", WAITS, str(drain_s)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            # Where these tests run under nohup themselves, it would be ignored.
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
        )
        assert self.line() == "installed"

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def __enter__(self) -> Waiting:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.process.kill()
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_first_signal_asks_and_the_process_ends_in_order(number: signal.Signals):
    with Waiting(0) as waiting:
        waiting.process.send_signal(number)
        assert [waiting.line(), waiting.line()] == ["asked", "finished"]
        assert waiting.process.wait(10) == ExitCode.STOPPED


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_second_signal_ends_the_process_at_once_with_128_and_its_number(number: signal.Signals):
    with Waiting(60) as waiting:
        waiting.process.send_signal(signal.SIGTERM)
        assert waiting.line() == "asked"
        wait_until(lambda: waiting.process.send_signal(number) or waiting.process.poll() is not None, 5)
        assert waiting.line() == "before the end"
        assert waiting.process.returncode == 128 + number == ExitCode.second_signal(number)


def test_a_signal_that_is_sent_twice_at_once_counts_once():
    with Waiting(0.5) as waiting:
        for _ in range(2):
            waiting.process.send_signal(signal.SIGTERM)
        assert [waiting.line(), waiting.line()] == ["asked", "finished"]
        assert waiting.process.wait(10) == 0


def test_under_nohup_the_terminal_may_go():
    with Waiting(0, prefix=("nohup",)) as waiting:
        waiting.process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.process.wait(0.5)


def test_a_stop_that_is_set_calls_on_first_once():
    stop, calls = StopSignal(), []
    stop.on_first = lambda: calls.append(1)
    assert not stop.wait(0.0)
    stop.set()
    stop.set()
    assert stop.wait(10)
    assert (stop.is_set(), calls) == (True, [1])


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_stop_is_waited_for_in_a_process_with_thousands_of_descriptors_and_gives_its_own_back():
    with ExitStack() as held, Path(os.devnull).open() as one:
        for _ in range(1100):
            held.callback(os.close, os.dup(one.fileno()))
        before = descriptors()
        stop = StopSignal()
        assert not stop.wait(0.01)
        stop.set()
        assert stop.wait(10)
        del stop
        assert descriptors() == before


def test_connections_wait_while_nobody_serves_the_socket():
    port = free_port()
    with open_listener("127.0.0.1", port, load({})) as listener:
        with pytest.raises(AlreadyRunning, match=f"127.0.0.1:{port}"):
            open_listener("127.0.0.1", port, load({}))
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(b"hello")
            with listener.dup() as served_later:
                taken, _address = served_later.accept()
            with taken:
                taken.settimeout(5)
                assert taken.recv(5) == b"hello"
    open_listener("127.0.0.1", port, load({})).close()


def test_a_listener_is_inherited_only_by_the_child_it_is_passed_to():
    with open_listener("127.0.0.1", free_port(), load({})) as listener:
        look = [sys.executable, "-c", f"import os; os.fstat({listener.fileno()})"]
        passed = subprocess.run(look, pass_fds=(listener.fileno(),), timeout=30)
        other = subprocess.run(look, capture_output=True, timeout=30)
    assert (passed.returncode, other.returncode) == (0, 1)


def test_the_world_is_not_listened_to_without_a_key():
    with pytest.raises(ConfigError, match="LOGMILL_API_KEY"):
        open_listener("0.0.0.0", free_port(), load({}))


def test_exit_codes_are_those_that_are_documented():
    assert [(code.name, int(code)) for code in ExitCode] == [
        ("STOPPED", 0),
        ("ERROR", 1),
        ("USAGE", 2),
        ("IN_USE", 3),
        ("DRAIN_LIMIT", 4),
    ]
    assert [error("x").exit_code for error in (ConfigError, AlreadyRunning, DrainLimitPassed)] == [2, 3, 4]
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    told = " ".join(CliRunner().invoke(main, ["--help"]).output.split())
    for code in ExitCode:
        assert f"| {code:d} | {code.meaning}" in page
        assert f"{code:d} {code.meaning}" in told


def test_a_usage_error_ends_with_its_code():
    assert CliRunner().invoke(main, ["up", "--no-such-option"]).exit_code == ExitCode.USAGE


def test_a_master_knows_how_its_workers_ended(monkeypatch: pytest.MonkeyPatch):
    endings = Endings()
    assert endings.known() == {}
    told = {4711: ExitCode.IN_USE, 70_000: ExitCode.STOPPED}
    for pid, code in told.items():
        monkeypatch.setattr(os, "getpid", lambda pid=pid: pid)
        endings.tell(code)
    assert endings.known() == told == endings.known()


def test_only_children_of_the_supervisor_that_holds_the_folder_count_as_running(tmp_path: Path):
    folder = RunFolder(tmp_path)
    lock = installation_lock(tmp_path)
    assert folder.services() == {}
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        folder.note(Service("producer", child.pid, "http://127.0.0.1:1/ready"))
        folder.note(Service("storage", os.getppid()))
        assert folder.services() == {}, "nobody holds the folder"
        lock.acquire()
        assert folder.services() == {"producer": Service("producer", child.pid, "http://127.0.0.1:1/ready")}
        folder.forget("producer")
        folder.forget("producer")
        assert folder.services() == {}
    finally:
        child.kill()
        child.wait(10)
        lock.release()


def test_a_lock_says_who_holds_it(tmp_path: Path):
    lock = FolderLock(tmp_path, "test.lock", "test")
    assert lock.holder() is None
    lock.acquire()
    assert FolderLock(tmp_path, "test.lock", "test").holder() == os.getpid()
    lock.release()


def test_a_group_is_alive_as_long_as_one_of_it_runs():
    script = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    leader = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    assert parent_of(leader.pid) == os.getpid()
    leader.wait(30)
    assert is_group_alive(leader.pid)
    os.killpg(leader.pid, signal.SIGKILL)
    wait_until(lambda: not is_group_alive(leader.pid), 5)
    assert parent_of(leader.pid) is None
