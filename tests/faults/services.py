"""The child processes of the laboratory: started, ended in any way, started again, with their output kept."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import requests

from logmill.supervisor import python_command

ROOT = Path(__file__).resolve().parents[2]
STOP_TIMEOUT_S = 40.0
TAIL_LINES = 25


class Service:
    """One service as a child process with a process group of its own; `start` begins it.

    Args:
        name: for people, and of its output's file.
        command: of the `logmill` command, with its arguments.
        url: where its /ready is.
        environment: of the process.
        folder: where its output is kept.

    Attributes:
        held_down: whether it is meant to be down, so that nobody starts it again.
        preload: more of the environment, from the next start on.
        ends: how often it ended without being asked to.
    """

    def __init__(
        self, name: str, command: str | Sequence[str], url: str, environment: Mapping[str, str], folder: Path
    ) -> None:
        self.name = name
        self.url = url
        self.held_down = False
        self.preload: Mapping[str, str] = {}
        self.ends = 0
        self._command = python_command(*([command] if isinstance(command, str) else command))
        self._environment = environment
        self._output = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._start_at_s = 0.0
        # Faults and the tender start and end it.
        self._lock = threading.RLock()

    def start(self) -> None:
        """Start it, if it does not run."""
        with self._lock, self._output.open("ab") as output:
            self.held_down = False
            if self.running:
                return
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env={**self._environment, **self.preload},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id of its first process."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether its first process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """What its first process answered when it ended; None while it runs."""
        return None if self._process is None else self._process.poll()

    def wait(self, timeout_s: float) -> int:
        """Its exit code, once it ends by itself; it is killed where it does not in time.

        Raises:
            subprocess.TimeoutExpired: it had to be killed.
        """
        assert self._process is not None
        try:
            return self._process.wait(timeout_s)
        finally:
            self.kill()

    def tend(self) -> None:
        """Start it again where it ended without being asked to, as a supervisor would."""
        with self._lock:
            if self.held_down or self.running:
                return
            now_s = time.monotonic()
            if self._process is not None:
                self._process, self._start_at_s = None, now_s + 0.5
                self.ends += 1
            elif now_s >= self._start_at_s:
                self.start()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all its processes."""
        if self._process is not None and self.running:
            os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """End it by kill -9; it stays down until `start`."""
        with self._lock:
            self.held_down = True
            self.signal(signal.SIGKILL)
            if self._process is not None:
                self._process.wait(10.0)

    def stop(self) -> None:
        """End it in order; it stays down until `start`. One that does not end in time is killed, and that is noted."""
        with self._lock:
            self.held_down = True
            if self._process is None or not self.running:
                return
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.ends += 1
                self.kill()

    def is_ready(self) -> bool:
        """Whether it says that it can do its work."""
        try:
            return requests.get(f"{self.url}/ready", timeout=2.0).ok
        except requests.RequestException:
            return False

    def tail(self) -> str:
        """The end of its output."""
        text = self._output.read_text("utf-8", "replace") if self._output.exists() else ""
        return "\n".join(line[:400] for line in text.splitlines()[-TAIL_LINES:])
