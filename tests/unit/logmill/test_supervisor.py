"""Children that die are started again, also those that were stopped, and end in order; a folder has one supervisor."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from logmill.errors import AlreadyRunning, ConfigError, ExitCode
from logmill.lifecycle import StopSignal, check_listen, is_loopback
from logmill.locking import FolderLock
from logmill.running import RunFolder
from logmill.settings import child_environment, load
from logmill.supervisor import LONGEST_DELAY_S, Program, Supervisor, restart_delay_s
from tests.support.ports import free_port
from tests.support.waiting import wait_until


class Running:
    """A supervisor on a thread, with what it said."""

    def __init__(self, folder: Path, *programs: Program, limit_s: float = 5.0) -> None:
        self.said: list[str] = []
        self.code: ExitCode | None = None
        self._stop = StopSignal()
        self._supervisor = Supervisor(programs, self.said.append, limit_s, RunFolder(folder))
        # preexec's parent-death signal follows the thread that forks; it lives as long as the children here.
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        self.code = self._supervisor.run(self._stop)

    def __enter__(self) -> Running:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()


def script(name: str, code: str) -> Program:
    return Program(name, [sys.executable, "-c", code], child_environment(load({})))


def ending(name: str, folder: Path, at_end: str = "sys.exit(0)") -> Program:
    """One that notes its start in `folder/name`, and its end in `folder/ends`, then does `at_end`."""
    return script(
        name,
        "import os,signal,sys,time\n"
        f"def end(*_): open({str(folder / 'ends')!r},'a').write('{name} '); {at_end}\n"
        "signal.signal(signal.SIGTERM, end)\n"
        f"open({str(folder / name)!r},'a').write(f'{{os.getpid()}}\\n')\n"
        "while True: time.sleep(60)",
    )


def starts(folder: Path, name: str) -> list[int]:
    path = folder / name
    return [int(pid) for pid in path.read_text().split()] if path.exists() else []


def test_a_child_that_dies_is_started_again_and_that_is_said(tmp_path: Path):
    with Running(tmp_path, ending("worker", tmp_path)) as running:
        first = wait_until(lambda: starts(tmp_path, "worker"))[0]
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: len(starts(tmp_path, "worker")) == 2)
    assert any("worker ended with signal SIGKILL; starting it again" in line for line in running.said)
    assert running.code == ExitCode.STOPPED


@pytest.mark.parametrize(("code", "words"), [(0, "was stopped; "), (4, "before the work was done); ")])
def test_a_child_that_was_stopped_is_started_again_at_once(tmp_path: Path, code: int, words: str):
    with Running(tmp_path, ending("worker", tmp_path, f"sys.exit({code})")) as running:
        first = wait_until(lambda: starts(tmp_path, "worker"))[0]
        wait_until((tmp_path / "run" / "worker.json").exists)
        time.sleep(1.2)
        os.kill(first, signal.SIGTERM)
        wait_until(lambda: len(starts(tmp_path, "worker")) == 2, 5)
        said = list(running.said)
    assert said[0].endswith(f"{words}starting it again")
    assert not (tmp_path / "run" / "worker.json").exists()


def test_a_child_that_ends_by_itself_at_once_is_not_a_busy_loop(tmp_path: Path):
    with Running(tmp_path, script("worker", "pass")) as running:
        wait_until(lambda: running.said)
    assert running.said[0] == "worker ended with exit code 0; starting it again in 0.5 s"


def test_a_child_that_cannot_run_with_its_settings_ends_all_when_it_is_started_first(tmp_path: Path):
    with Running(tmp_path, ending("producer", tmp_path), script("worker", "import sys; sys.exit(2)")) as running:
        wait_until(lambda: running.code is not None)
    assert running.code == ExitCode.USAGE
    assert "worker cannot run with these settings; stopping" in running.said


def test_a_child_that_ran_and_cannot_any_more_is_tried_again_since_the_others_can(tmp_path: Path):
    marker = tmp_path / "ran"
    code = (
        "import sys, pathlib\n"
        f"marker = pathlib.Path({str(marker)!r})\n"
        "ran = marker.exists()\n"
        "marker.touch()\n"
        "sys.exit(2 if ran else 1)"
    )
    with Running(tmp_path, script("worker", code)) as running:
        wait_until(lambda: any("exit code 2; starting it again" in line for line in running.said))
        assert running.code is None


def test_a_child_is_not_started_beside_what_its_killed_master_left(tmp_path: Path):
    master = (
        "import os,subprocess,sys,time\n"
        f"open({str(tmp_path / 'worker')!r},'a').write(f'{{os.getpid()}}\\n')\n"
        'code = "import signal,time; signal.signal(15, lambda *_: (time.sleep(1.5), exit(0))); time.sleep(60)"\n'
        "left = subprocess.Popen([sys.executable, '-c', code])\n"
        f"time.sleep(0.5); open({str(tmp_path / 'left')!r},'a').write(f'{{left.pid}}\\n')\n"
        "time.sleep(60)"
    )
    with Running(tmp_path, script("worker", master)):
        left = wait_until(lambda: starts(tmp_path, "left"))[0]
        os.kill(starts(tmp_path, "worker")[0], signal.SIGKILL)
        wait_until(lambda: len(starts(tmp_path, "worker")) == 2)
        assert not _runs(left)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_children_end_in_order_of_the_list(tmp_path: Path):
    names = ["producer", "processor-1", "processor-2", "storage"]
    with Running(tmp_path, *(ending(name, tmp_path) for name in names)) as running:
        wait_until(lambda: all(starts(tmp_path, name) for name in names))
    ended = (tmp_path / "ends").read_text().split()
    assert ended[0] == "producer"
    assert sorted(ended[1:3]) == ["processor-1", "processor-2"]
    assert ended[3] == "storage"
    assert running.code == ExitCode.STOPPED


@pytest.mark.parametrize(
    ("at_end", "code"),
    [("sys.exit(4)", ExitCode.DRAIN_LIMIT), ("sys.exit(1)", ExitCode.ERROR), ("None", ExitCode.DRAIN_LIMIT)],
)
def test_how_the_children_ended_is_how_the_supervisor_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_end: str, code: ExitCode
):
    monkeypatch.setattr("logmill.supervisor.HANG_MARGIN_S", 0.5)
    well, other = ending("producer", tmp_path), ending("storage", tmp_path, at_end)
    with Running(tmp_path, well, other, limit_s=0.5) as running:
        wait_until(lambda: starts(tmp_path, "producer") and starts(tmp_path, "storage"))
    assert running.code == code
    assert ("storage does not end within 1 s; killing it" in running.said) == (at_end == "None")


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
        with pytest.raises(AlreadyRunning, match="LOGMILL_STORAGE_PORT"):
            check_listen("127.0.0.1", port, load({}, storage_port=port))
    with pytest.raises(AlreadyRunning) as elsewhere:
        check_listen("192.0.2.7", port, load({}, storage_port=port, allow_no_key=True))
    assert "another port" not in str(elsewhere.value)


def test_nothing_listens_to_the_world_without_a_key():
    port = free_port()
    with pytest.raises(ConfigError, match="LOGMILL_API_KEY"):
        check_listen("0.0.0.0", port, load({}))
    check_listen("0.0.0.0", port, load({}, api_key="k"))
    check_listen("0.0.0.0", port, load({}, allow_no_key=True))
    assert [is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost")] == [True] * 4
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "example.org")] == [False] * 4
