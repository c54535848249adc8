"""Runs the services of one machine as child processes: starts them, restarts what dies, ends them in order."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from logmill.lifecycle import StopSignal

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
# A child that ran this long was well; its next failure starts with the first delay again.
STABLE_AFTER_S = 60.0
TICK_S = 0.2
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Program:
    """One child: its name for people, its command and its environment."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]


def restart_delay_s(failures: int) -> float:
    """How long to wait before the start after `failures` failures in a row (1 and more): doubling, capped."""
    return float(min(FIRST_DELAY_S * 2 ** (failures - 1), LONGEST_DELAY_S))


class _Child:
    """A program and the process that runs it now, if one does."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None
        self.failures = 0
        self.started_at = 0.0
        self.start_at = 0.0

    def start(self) -> None:
        self.started_at = time.monotonic()
        # A session of its own keeps Ctrl-C of the terminal from it: we end children in order.
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            self.program.command,
            env=dict(self.program.environment),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - one prctl call, no locks
        )

    def check(self, say: Callable[[str], None]) -> None:
        """Start it where it is due; note its end and plan the next start."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.start_at:
                self.start()
            return
        code = self.process.poll()
        if code is None:
            return
        self.failures = 1 if now - self.started_at >= STABLE_AFTER_S else self.failures + 1
        delay_s = restart_delay_s(self.failures)
        say(f"{self.program.name} ended with {_exit_words(code)}; starting it again in {delay_s:g} s")
        self.process, self.start_at = None, now + delay_s


def _exit_words(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _die_with_parent() -> None:
    """Have the kernel send SIGTERM to this child when the supervisor is gone, even by kill -9."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Supervisor:
    """Keeps programs running until it is told to stop.

    Args:
        programs: in the order in which they are to be ended: those that take work in first.
        say: takes a line for people.
        drain_timeout_s: how long each may take to end.
    """

    def __init__(self, programs: Sequence[Program], say: Callable[[str], None], drain_timeout_s: float) -> None:
        self._children = [_Child(program) for program in programs]
        self._say = say
        self._drain_timeout_s = drain_timeout_s

    def run(self, stop: StopSignal, on_tick: Callable[[], None] = lambda: None) -> None:
        """Start all, watch them until `stop`, end them in order."""
        try:
            while not stop.wait(TICK_S):
                for child in self._children:
                    child.check(self._say)
                on_tick()
        finally:
            self._end_all()

    def _end_all(self) -> None:
        # Children of one name (processors) drain side by side.
        for name in dict.fromkeys(child.program.name.split("-")[0] for child in self._children):
            group = [c for c in self._children if c.program.name.split("-")[0] == name and c.process is not None]
            for child in group:
                if child.process is not None:
                    child.process.terminate()
            for child in group:
                self._await_end(child)

    def _await_end(self, child: _Child) -> None:
        process = child.process
        if process is None:
            return
        try:
            code = process.wait(self._drain_timeout_s + 10)
        except subprocess.TimeoutExpired:
            self._say(f"{child.program.name} does not end; killing it")
            process.kill()
            code = process.wait(10)
        self._say(f"{child.program.name} stopped" + (f" with {_exit_words(code)}" if code else ""))


def python_command(*arguments: str) -> list[str]:
    """A command that runs the `logmill` command with this interpreter."""
    return [sys.executable, "-m", "logmill", *arguments]
