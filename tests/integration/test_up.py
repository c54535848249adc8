"""`logmill up` as a person uses it: started, used, stopped with Ctrl-C, started again; what it says when it cannot."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from logmill.errors import ExitCode
from logmill.lifecycle import check_listen
from logmill.processes import is_group_alive
from logmill.running import RunFolder, Service
from logmill.settings import child_environment, load
from tests.support.ports import free_port
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
STOP_TIMEOUT_S = 60


class Up:
    """One `logmill up`."""

    def __init__(self, folder: Path, broker_url_override: str = "", **overrides: object) -> None:
        port = free_port()
        self.settings = load(
            {},
            broker_url=broker_url_override or f"sqlite:///{folder / 'broker.sqlite3'}",
            data_dir=str(folder),
            producer_port=free_port(),
            storage_port=port,
            storage_url=f"http://127.0.0.1:{port}",
            processor_metrics_port=free_port(),
            processors=1,
            **overrides,
        )
        self.producer = f"http://127.0.0.1:{self.settings.producer_port}"
        self.storage = self.settings.storage_url
        self._log = folder.parent / f"{folder.name}.log"
        with self._log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "logmill", "up"],
                env=child_environment(self.settings),
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self) -> str:
        """Everything it and its services wrote."""
        return self._log.read_text()

    def ready(self) -> Up:
        """Wait until it says where it listens."""
        wait_until(lambda: self.process.poll() is not None or f"storage is ready on {self.storage}" in self.said, 60)
        assert self.process.poll() is None, self.said
        return self

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send a signal; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(STOP_TIMEOUT_S)


@contextmanager
def up(folder: Path, **overrides: object) -> Iterator[Up]:
    running = Up(folder, **overrides)
    try:
        yield running.ready()
    finally:
        running.stop()


def total(running: Up) -> int:
    return requests.get(f"{running.storage}/logs/stats", timeout=30).json()["total_logs"]


def test_ctrl_c_stops_it_cleanly_and_the_next_start_has_everything(tmp_path: Path):
    folder = tmp_path / "data"
    with up(folder) as running:
        items = [{"message": f"m{n}", "level": "ERROR"} for n in range(100)]
        assert requests.post(f"{running.producer}/logs/batch", json=items, timeout=30).status_code == 201
        wait_until(lambda: total(running) == 100)
        assert running.stop() == 0
        assert "Traceback" not in running.said
        for name in ("producer", "processor-1", "storage"):
            assert f"{name} stopped\n" in running.said
        assert running.said.rstrip().endswith("logmill: stopped")
    with up(folder) as running:
        assert total(running) == 100
        logs = requests.get(f"{running.storage}/logs?level=error&limit=200", timeout=30).json()["logs"]
        assert {log["message"] for log in logs} == {item["message"] for item in items}


def test_a_second_start_on_the_same_folder_and_a_port_in_use_are_clear_errors(tmp_path: Path):
    folder = tmp_path / "data"
    with up(folder) as running:
        second = Up(folder)
        assert second.process.wait(30) == 3
        assert re.search(rf"data is in use by another `logmill up` \(process {running.process.pid}\)", second.said)
        environment = child_environment(running.settings, LOGMILL_DATA_DIR=str(tmp_path / "other"))
        third = subprocess.run(
            [sys.executable, "-m", "logmill", "up"],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert third.returncode == 3
        assert f"cannot listen on 127.0.0.1:{running.settings.producer_port}" in third.stderr
        assert total(running) == 0


def test_a_service_that_is_killed_is_started_again_and_loses_nothing(tmp_path: Path):
    with up(tmp_path / "data") as running:
        assert requests.post(f"{running.producer}/logs", json={"message": "before"}, timeout=30).status_code == 201
        wait_until(lambda: total(running) == 1)
        for name in ("storage", "processor"):
            pids = [
                pid
                for pid in _children(running.process.pid)
                if f"logmill {name}" in _command(pid) or name in _command(pid)
            ]
            os.kill(min(pids), signal.SIGKILL)
            wait_until(lambda name=name: re.search(rf"{name}\S* ended with signal SIGKILL", running.said))
            answer = requests.post(f"{running.producer}/logs", json={"message": f"after {name}"}, timeout=30)
            assert answer.status_code == 201
        wait_until(lambda: _total_or_none(running) == 3, 60)


def test_a_second_signal_ends_it_at_once_with_all_its_services(tmp_path: Path):
    with up(tmp_path / "data") as running:
        groups = [service.pid for service in services(running).values()]
        address = ("127.0.0.1", running.settings.producer_port)
        with socket.create_connection(address, timeout=30) as client:
            head = ["Host: localhost", "Content-Type: application/json", "Content-Length: 9"]
            client.sendall("\r\n".join(["POST /logs HTTP/1.1", *head, "", "{"]).encode())
            time.sleep(0.5)
            running.process.send_signal(signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):
                running.process.wait(2)
            assert running.stop(signal.SIGINT) == 128 + signal.SIGINT
        wait_until(lambda: not any(is_group_alive(group) for group in groups), 5)
        check_listen(*address, running.settings)


def test_what_is_not_done_at_the_drain_limit_shows_in_the_exit_code(tmp_path: Path):
    with up(tmp_path / "data", drain_timeout_s=1) as running:
        with socket.create_connection(("127.0.0.1", running.settings.producer_port), timeout=30) as client:
            client.sendall(b"POST /logs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
            time.sleep(0.5)
            assert running.stop(signal.SIGTERM) == ExitCode.DRAIN_LIMIT
        assert "producer stopped with exit code 4\n" in running.said
        assert running.said.rstrip().endswith("the drain limit passed before the work was done")


def test_its_services_are_restarted_one_after_the_other(tmp_path: Path):
    folder = tmp_path / "data"
    away = restart(folder)
    assert (away.returncode, "`logmill up` does not run" in away.stderr) == (ExitCode.ERROR, True)
    with up(folder) as running:
        before = services(running)
        assert restart(folder, "collector").returncode == ExitCode.USAGE
        done = restart(folder)
        assert done.returncode == 0, done.stderr + running.said
        said = re.findall(r"restarting (\S+)", done.stdout)
        assert said == ["processor-1", "storage", "producer"]
        after = services(running)
        assert before.keys() == after.keys()
        assert all(after[name].pid != before[name].pid for name in before)
        assert running.said.count("was stopped; starting it again") == 3
        os.kill(after["producer"].pid, signal.SIGTERM)
        wait_until(lambda: services(running).get("producer", after["producer"]) != after["producer"])
        assert requests.post(f"{running.producer}/logs", json={"message": "m"}, timeout=30).status_code == 201
        wait_until(lambda: total(running) == 1)
    assert services(running) == {}


def services(running: Up) -> dict[str, Service]:
    return RunFolder(Path(running.settings.data_dir)).services()


def restart(folder: Path, *names: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "logmill", "restart", "--data-dir", str(folder), *names]
    return subprocess.run(
        command, env=child_environment(load({})), cwd=ROOT, capture_output=True, text=True, timeout=100
    )


def _total_or_none(running: Up) -> int | None:
    try:
        return total(running)
    except requests.RequestException:
        return None


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def test_a_broker_url_of_no_known_kind_is_refused_before_anything_starts(tmp_path: Path):
    command = [sys.executable, "-m", "logmill", "up", "--broker", "mysql://x", "--data-dir", str(tmp_path / "data")]
    refused = subprocess.run(
        command, env=child_environment(load({})), cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    assert (refused.returncode, "unknown scheme 'mysql'" in refused.stderr) == (2, True)


def test_ctrl_c_ends_it_soon_while_it_waits_for_a_broker_that_is_away(tmp_path: Path):
    running = Up(tmp_path / "data", broker_url_override=f"amqp://guest:guest@127.0.0.1:{free_port()}/")
    waits = '"waits_for": "the broker"'
    wait_until(
        lambda: running.process.poll() is not None or (waits in running.said and "store open" in running.said), 60
    )
    assert running.process.poll() is None, running.said
    answer = requests.post(f"{running.producer}/logs", json={"message": "m"}, timeout=30)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert "guest:guest" not in running.said
    started = time.monotonic()
    assert running.stop() == 0
    assert time.monotonic() - started < 15


def test_wrong_settings_are_named_before_anything_starts(tmp_path: Path):
    environment = child_environment(load({}), LOGMILL_DATA_DIR=str(tmp_path), LOGMILL_STORAGE_HOST="0.0.0.0")
    run = [sys.executable, "-m", "logmill", "up"]
    refused = subprocess.run(run, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert (refused.returncode, "LOGMILL_API_KEY" in refused.stderr) == (2, True)
    environment["LOGMILL_PRODUCER_PORT"] = "abc"
    refused = subprocess.run(run, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert (refused.returncode, "LOGMILL_PRODUCER_PORT" in refused.stderr) == (2, True)
    assert "Traceback" not in refused.stderr


def test_a_rule_that_only_a_processor_understands_ends_all_with_its_place(tmp_path: Path):
    rules = tmp_path / "rules.yaml"
    rules.write_text("tags:\n  rules:\n    - tag: x\n      when: {text: '(a'}\n")
    settings = load(
        {},
        data_dir=str(tmp_path / "data"),
        producer_port=free_port(),
        storage_port=free_port(),
        processor_metrics_port=0,
        rules_file=str(rules),
    )
    run = [sys.executable, "-m", "logmill", "up"]
    done = subprocess.run(run, env=child_environment(settings), cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, done.stdout
    assert f"{rules}, line 3, tags.rules[0]" in done.stdout + done.stderr


def test_the_demonstration_passes_and_fails_when_something_is_wrong(tmp_path: Path):
    with up(tmp_path / "data") as running:
        demo = [sys.executable, "test_system.py", "--producer", running.producer, "--storage", running.storage]
        passed = subprocess.run(demo, cwd=ROOT, capture_output=True, text=True, timeout=90)
        assert passed.returncode == 0, passed.stdout + passed.stderr
    failed = subprocess.run([*demo, "--timeout", "2"], cwd=ROOT, capture_output=True, text=True, timeout=90)
    assert failed.returncode == 1
    assert "FAIL" in failed.stdout
