"""A real storage service (gunicorn and chDB) in a process of its own, for tests and measurements."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

from logmill.lifecycle import WORKER_CLASS
from logmill.settings import child_environment, load
from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
_START_S = 60.0


def poll(condition: Callable[[], bool], what: str, deadline_s: float = _START_S) -> None:
    """Wait until `condition` holds; AssertionError naming `what` after `deadline_s`."""
    end_s = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end_s, f"{what}: not within {deadline_s} s"
        time.sleep(0.02)


class StorageService:
    """Starts on construction; `url` answers then. Use it as a context manager.

    Args:
        data_dir: its data folder.
        overrides: settings by field name.
    """

    def __init__(self, data_dir: Path, **overrides: Any) -> None:
        self.data_dir = data_dir
        # Not that of another pipeline on this machine.
        overrides = {"producer_url": f"http://127.0.0.1:{free_port()}", **overrides}
        self._settings = load({}, data_dir=str(data_dir), **overrides)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = requests.Session()
        self.log_path = data_dir.parent / f"{data_dir.name}-storage-{self.port}.log"
        self.process = self.spawn()
        try:
            self.wait_ready()
        except BaseException:
            self.kill()
            raise

    def spawn(self, port: int | None = None) -> subprocess.Popen[bytes]:
        """A gunicorn on the data folder, as `logmill storage` starts it.

        With its configuration, too: a worker that ends without closing the engine crashes in the engine's destructors.
        """
        command = [sys.executable, "-m", "gunicorn", "--config", "python:logmill.gunicorn_conf", "--workers", "1"]
        command += ["--worker-class", WORKER_CLASS, "--threads", str(8 + self._settings.max_tails)]
        command += ["--bind", f"127.0.0.1:{port or self.port}"]
        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                [*command, "logmill.gunicorn_app:load_app('storage.app')"],
                cwd=ROOT,
                env=child_environment(self._settings),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def settings(self, **overrides: Any) -> None:
        """Other settings from the next start on."""
        self._settings = load({}, data_dir=str(self.data_dir), **overrides)

    def wait_answers(self) -> None:
        """Wait until it answers at all, ready or not."""
        poll(lambda: self._status() is not None, f"storage answers (see {self.log_path})")

    def wait_ready(self) -> None:
        poll(lambda: self._status() == 200, f"storage ready (see {self.log_path})")

    def _status(self) -> int | None:
        """What /ready answers, None where nobody does."""
        assert self.process.poll() is None, self.log_path.read_text("utf-8", "replace")[-3000:]
        try:
            return self.http.get(self.url + "/ready", timeout=5).status_code
        except (requests.ConnectionError, requests.Timeout):  # gunicorn listens before the store is open
            return None

    def kill(self) -> None:
        """SIGKILL for gunicorn and its worker at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self.http.close()
        self.http = requests.Session()

    def stop(self) -> int:
        """SIGTERM; the exit code. Fails where a worker crashed on its way out, of which the code says nothing."""
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(60)
        assert "SIGSEGV" not in self.log_path.read_text("utf-8", "replace")
        self.http.close()
        self.http = requests.Session()
        return code

    def restart(self) -> None:
        """Start again on the same folder after `kill` or `stop`."""
        self.process = self.spawn()
        self.wait_ready()

    def get(self, path: str, **params: object) -> requests.Response:
        return self.http.get(self.url + path, params={k: str(v) for k, v in params.items()}, timeout=60)

    def ingest(self, body: bytes, *, check: bool = False, **headers: str) -> requests.Response:
        headers = {"Content-Type": "application/vnd.apache.arrow.stream", **headers}
        if check:
            headers["X-Logmill-Check"] = "1"
        return self.http.post(self.url + "/ingest", data=body, headers=headers, timeout=120)

    def __enter__(self) -> StorageService:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        self.http.close()


def total(storage: StorageService) -> int:
    """How many logs it says it has."""
    found: int = storage.get("/logs/stats").json()["total_logs"]
    return found


def outcome(response: requests.Response) -> tuple[int, int, int]:
    """Status, rows stored, rows known before."""
    body = response.json()
    return response.status_code, body["stored"], body["duplicates"]
