"""Runs the services of one machine as child processes: starts them, restarts what dies, ends them in order."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from logmill.errors import ExitCode
from logmill.lifecycle import StopSignal
from logmill.processes import is_group_alive, signal_group
from logmill.running import RunFolder, Service

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
# A child that ran this long was well; its next failure starts with the first delay again.
STABLE_AFTER_S = 60.0
# A child that ends in order, but sooner than this, is not started again at once, or it could be a busy loop.
SHORTEST_RUN_S = 1.0
# A service ends by itself when its drain limit is over; one that has not so much later hangs.
HANG_MARGIN_S = 10.0
TICK_S = 0.2
_PR_SET_PDEATHSIG = 1
# Found here, for between fork and exec nothing may be done that takes a lock.
_prctl = ctypes.CDLL(None, use_errno=True).prctl


@dataclass(frozen=True, slots=True)
class Program:
    """One child: its name for people, its command and its environment.

    Attributes:
        listener: a listening socket that it inherits, and that stays open while it is started again.
        ready_url: what answers 200 once it is ready; "" where nothing does.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    listener: socket.socket | None = None
    ready_url: str = ""

    @property
    def service(self) -> str:
        """What it is one of: `processor-1` and `processor-2` are both a processor."""
        return self.name.split("-")[0]


def restart_delay_s(failures: int) -> float:
    """How long to wait before the start after `failures` failures in a row (1 and more): doubling, capped."""
    return float(min(FIRST_DELAY_S * 2 ** (failures - 1), LONGEST_DELAY_S))


class _Child:
    """A program and the process that runs it now, if one does."""

    def __init__(self, program: Program, say: Callable[[str], None], limit_s: float, run_folder: RunFolder) -> None:
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None
        # Whether it never ran and never will: what it said of its settings when it was started first.
        self.is_hopeless = False
        self._is_first = True
        self._say = say
        self._limit_s = limit_s
        self._run_folder = run_folder
        self._failures = 0
        self._started_at = 0.0
        self._start_at = 0.0
        self._left_group: int | None = None
        self._kill_left_at = 0.0

    def _start(self) -> None:
        self._started_at = time.monotonic()
        listener = self.program.listener
        # A session of its own keeps Ctrl-C of the terminal from it: we end children in order.
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            self.program.command,
            env=dict(self.program.environment),
            stdin=subprocess.DEVNULL,
            pass_fds=() if listener is None else (listener.fileno(),),
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - one prctl call, no locks
        )
        self._run_folder.note(Service(self.program.name, self.process.pid, self.program.ready_url))

    def check(self) -> None:
        """Start it where it is due; note its end and plan the next start."""
        now = time.monotonic()
        if self.process is None:
            if now >= self._start_at and self._is_gone(now):
                self._left_group = None
                self._start()
        elif _has_ended(self.process):
            # Before the process is waited for, since the group's number may be given to others afterwards.
            self._left_group, self._kill_left_at = self.process.pid, now + self._limit_s
            signal_group(self.process.pid, signal.SIGTERM)
            self._plan(self.process.wait(), now)
            self.process = None
            self._run_folder.forget(self.program.name)

    def _plan(self, code: int, now: float) -> None:
        """Decide when to start it again, and say why."""
        ran_s = now - self._started_at
        self.is_hopeless, self._is_first = self._is_first and code == ExitCode.USAGE, False
        if self.is_hopeless:
            self._say(f"{self.program.name} cannot run with these settings; stopping")
            return
        if code in {ExitCode.STOPPED, ExitCode.DRAIN_LIMIT} and ran_s >= SHORTEST_RUN_S:
            self._failures, self._start_at = 0, now
            late = f" ({ExitCode(code).meaning})" if code else ""
            self._say(f"{self.program.name} was stopped{late}; starting it again")
            return
        self._failures = 1 if ran_s >= STABLE_AFTER_S else self._failures + 1
        delay_s = restart_delay_s(self._failures)
        self._start_at = now + delay_s
        self._say(f"{self.program.name} ended with {_exit_words(code)}; starting it again in {delay_s:g} s")

    def _is_gone(self, now: float) -> bool:
        """Whether its workers have ended too, which go on for a while where their master was killed."""
        if self._left_group is None or not is_group_alive(self._left_group):
            return True
        if now >= self._kill_left_at:
            signal_group(self._left_group, signal.SIGKILL)
        return False

    def terminate(self) -> None:
        """Ask it to stop."""
        if self.process is not None:
            self.process.terminate()

    def kill(self) -> None:
        """End it and its workers at once."""
        if self.process is not None:
            signal_group(self.process.pid, signal.SIGKILL)
        if self._left_group is not None:
            signal_group(self._left_group, signal.SIGKILL)

    def await_end(self) -> ExitCode:
        """Wait until it has ended, and kill it where that takes too long; how it ended, as our own exit code."""
        if self.process is None:
            self.kill()
            return ExitCode.STOPPED
        name, hangs = self.program.name, False
        try:
            code = self.process.wait(self._limit_s)
        except subprocess.TimeoutExpired:
            self._say(f"{name} does not end within {self._limit_s:g} s; killing it")
            hangs = True
            self.kill()
            code = self.process.wait(10)
        if code < 0:  # a master that was killed leaves its workers
            self.kill()
        self.process = None
        self._run_folder.forget(name)
        self._say(f"{name} stopped" + (f" with {_exit_words(code)}" if code else ""))
        if hangs or code == ExitCode.DRAIN_LIMIT:
            return ExitCode.DRAIN_LIMIT
        # One that had not got so far as to handle the signal did nothing yet.
        return ExitCode.STOPPED if code in {ExitCode.STOPPED, -signal.SIGTERM} else ExitCode.ERROR


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended; it is not yet waited for."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _exit_words(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _die_with_parent() -> None:
    """Have the kernel send SIGTERM to this child when the supervisor is gone, even by kill -9."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Supervisor:
    """Keeps programs running until it is told to stop.

    Args:
        programs: in the order in which they are to be ended: those that take work in first.
        say: takes a line for people.
        drain_timeout_s: how long each may take to end.
        run_folder: where it notes what runs.
    """

    def __init__(
        self, programs: Sequence[Program], say: Callable[[str], None], drain_timeout_s: float, run_folder: RunFolder
    ) -> None:
        limit_s = drain_timeout_s + HANG_MARGIN_S
        self._children = [_Child(program, say, limit_s, run_folder) for program in programs]

    def run(self, stop: StopSignal, on_tick: Callable[[], None] = lambda: None) -> ExitCode:
        """Start all, watch them until `stop`, end them in order; how that went.

        Ends as well where one says, when it is started first, that it cannot run with its settings: that would not
        change. Later it would be worse to stop the others than to try again. A second signal to `stop` kills them.
        """
        stop.before_end = self._kill_all
        code = ExitCode.ERROR
        try:
            while not self._is_hopeless() and not stop.wait(TICK_S):
                for child in self._children:
                    child.check()
                on_tick()
        finally:
            code = self._end_all()
        return ExitCode.USAGE if self._is_hopeless() else code

    def _is_hopeless(self) -> bool:
        return any(child.is_hopeless for child in self._children)

    def _kill_all(self) -> None:
        for child in self._children:
            child.kill()

    def _end_all(self) -> ExitCode:
        # From here on only the services hold them: who comes after their end is refused instead of waiting for nothing.
        for child in self._children:
            if child.program.listener is not None:
                child.program.listener.close()
        codes = [ExitCode.STOPPED]
        # Children of one name (processors) drain side by side.
        for service in dict.fromkeys(child.program.service for child in self._children):
            group = [child for child in self._children if child.program.service == service]
            for child in group:
                child.terminate()
            codes += [child.await_end() for child in group]
        return ExitCode.ERROR if ExitCode.ERROR in codes else max(codes)


def python_command(*arguments: str) -> list[str]:
    """A command that runs the `logmill` command with this interpreter."""
    return [sys.executable, "-m", "logmill", *arguments]
