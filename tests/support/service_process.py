"""One service by itself, as `logmill producer`, `logmill processor` or `logmill storage` runs it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType

import requests

from logmill.settings import child_environment, load
from logmill.supervisor import python_command
from tests.support.ports import free_port
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


class ServiceProcess:
    """Starts on construction. Use it as a context manager, which kills what is left.

    Args:
        name: producer, processor or storage.
        folder: an existing folder, for its data and its log.
        settings: by field name, instead of those made up here.
    """

    def __init__(self, name: str, folder: Path, **settings: object) -> None:
        self.name = name
        mine = {
            "broker_url": f"sqlite:///{folder / 'broker.sqlite3'}",
            "data_dir": str(folder / "data"),
            "producer_port": free_port(),
            "storage_port": free_port(),
            "processor_metrics_port": free_port(),
            "storage_url": f"http://127.0.0.1:{free_port()}",
        }
        self.settings = load({}, **{**mine, **settings})
        port = {
            "producer": self.settings.producer_port,
            "storage": self.settings.storage_port,
            "processor": self.settings.processor_metrics_port,
        }[name]
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._log = folder / f"{name}-{port}.log"
        with self._log.open("ab") as output:
            self.process = subprocess.Popen(
                python_command(name),
                env=child_environment(self.settings),
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        """Everything it wrote."""
        return self._log.read_text()

    def readiness(self) -> tuple[int, str]:
        """What /ready answers: the status, 0 where nobody answers, and in words what it waits for."""
        try:
            answer = requests.get(f"{self.url}/ready", timeout=5)
        except requests.RequestException as error:
            return 0, type(error).__name__
        body = answer.json()
        return answer.status_code, body.get("message", body["status"])

    def wait_ready(self, timeout_s: float = 60.0) -> ServiceProcess:
        """Return once it is ready."""
        wait_until(
            lambda: self.readiness()[0] == 200 or self.process.poll() is not None, timeout_s, f"{self.name} ready"
        )
        assert self.process.poll() is None, self.said
        return self

    def send(self, *numbers: signal.Signals, apart_s: float = 0.6) -> None:
        """Send signals, one after the other."""
        for place, number in enumerate(numbers):
            time.sleep(apart_s if place else 0.0)
            self.process.send_signal(number)

    def end(self, timeout_s: float = 40.0) -> int:
        """Its exit code, once it has ended."""
        return self.process.wait(timeout_s)

    def group(self) -> list[int]:
        """Its processes: itself, and its workers."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    fields = (folder / "stat").read_text().rpartition(")")[2].split()
                    threads = len(list((folder / "task").iterdir()))
                except (FileNotFoundError, ProcessLookupError):
                    continue
                # One that was killed is not gone, nor are its locks, while a thread of it still ends.
                if int(fields[2]) == self.process.pid and (fields[0] != "Z" or threads > 1):
                    found.append(int(folder.name))
        return found

    def __enter__(self) -> ServiceProcess:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for pid in self.group():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)
        wait_until(lambda: not self.group(), 10, "its workers are gone, and with them their locks")
