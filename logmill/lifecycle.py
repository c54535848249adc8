"""Starting and ending processes: sockets that listen, the gunicorn of each service, signals."""

from __future__ import annotations

import errno
import math
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import time
import weakref
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

from logmill.errors import AlreadyRunning, ConfigError, ExitCode
from logmill.settings import Settings, child_environment

# gunicorn ends a worker that has not drained by then; a little more than the drain itself may take.
DRAIN_MARGIN_S = 5
WORKER_CLASS = "logmill.gunicorn_worker.LingeringThreadWorker"
# Connections that the kernel keeps for a service that is being started again; it may allow fewer (net.core.somaxconn).
BACKLOG = 2048
# `timeout`, and service managers that signal every process of a group, send the same signal twice at once.
SAME_SIGNAL_S = 0.25


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def check_listen(host: str, port: int, settings: Settings) -> None:
    """Refuse to listen to the world without a key, or on a port that is taken.

    Raises:
        ConfigError: beyond loopback without a key.
        AlreadyRunning: the port is in use.
    """
    _bound_socket(host, port, settings).close()


def open_listener(host: str, port: int, settings: Settings) -> socket.socket:
    """A socket that listens. Children inherit it only where it is passed to them.

    As long as one process holds it open, connections are neither refused nor lost while no other process takes them:
    they wait in the kernel, BACKLOG of them.

    Raises:
        ConfigError: as in `check_listen`.
        AlreadyRunning: as in `check_listen`.
    """
    listener = _bound_socket(host, port, settings)
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _cannot_listen(host, port, settings, error) from None
    return listener


def _bound_socket(host: str, port: int, settings: Settings) -> socket.socket:
    if not is_loopback(host) and not settings.api_key and not settings.allow_no_key:
        raise ConfigError(
            f"listening on {host} needs a key: set LOGMILL_API_KEY, or LOGMILL_ALLOW_NO_KEY=true where nobody else "
            "reaches that address"
        )
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise _cannot_listen(host, port, settings, error) from None
    return bound


def _cannot_listen(host: str, port: int, settings: Settings, error: OSError) -> AlreadyRunning:
    first = settings.processor_metrics_port
    names = {
        **dict.fromkeys(range(first, first + settings.processors), "LOGMILL_PROCESSOR_METRICS_PORT"),
        settings.producer_port: "LOGMILL_PRODUCER_PORT",
        settings.storage_port: "LOGMILL_STORAGE_PORT",
        settings.collect_port: "--port (LOGMILL_COLLECT_PORT)",
    }
    helps = error.errno == errno.EADDRINUSE and port in names
    remedy = f"; {names[port]} chooses another port" if helps else ""
    return AlreadyRunning(f"cannot listen on {host}:{port}: {error.strerror}{remedy}")


def exec_gunicorn(
    app: str, *, host: str, port: int, workers: int, threads: int, settings: Settings, listen_fd: int | None = None
) -> None:
    """Become gunicorn serving `app`; does not return.

    The app is made in each worker after fork, since neither a broker connection nor the engine survives one.

    Args:
        app: the module whose `create_app` makes it.
        host: where to listen.
        port: where to listen; also names the folder of metrics.
        workers: processes.
        threads: per process.
        settings: those in force.
        listen_fd: a listening socket that was passed to this process, instead of one of its own.

    Raises:
        ConfigError: as in `check_listen`.
        AlreadyRunning: as in `check_listen`.
    """
    if listen_fd is None:
        listen_fd = open_listener(host, port, settings).detach()
        os.set_inheritable(listen_fd, True)
    more = {}
    if workers > 1:
        more["PROMETHEUS_MULTIPROC_DIR"] = _fresh_metrics_folder(port)
    arguments = [
        sys.executable, "-m", "gunicorn", f"logmill.gunicorn_app:load_app('{app}')",
        "--config", "python:logmill.gunicorn_conf",
        "--bind", f"fd://{listen_fd}", "--workers", str(workers), "--threads", str(threads),
        "--worker-class", WORKER_CLASS,
        "--graceful-timeout", str(math.ceil(settings.drain_timeout_s) + DRAIN_MARGIN_S),
    ]  # fmt: skip
    sys.stdout.flush()
    os.execve(sys.executable, arguments, child_environment(settings, **more))  # noqa: S606 - no shell wanted


def keep_on_one_core() -> None:
    """Keep this process on one of the cores it may use, a different one than its neighbour by process id.

    Threads of one Python process run in turns. When the turn passes to a thread on another core, that core has to be
    woken: measured with sixteen clients sending single records, this took a quarter of a request's CPU.
    """
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[os.getpid() % len(cores)]})


def _fresh_metrics_folder(port: int) -> str:
    folder = Path(tempfile.gettempdir()) / f"logmill-metrics-{os.getuid()}-{port}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    return str(folder)


class StopSignal:
    """Set by the first SIGTERM, SIGINT or SIGHUP, so that a loop can drain; a second one ends the process at once.

    A pipe instead of a `threading.Event`: the handler runs in the middle of whatever the main thread does, also of
    waiting for the event, whose lock it could then never get.

    Attributes:
        on_first: called when it is set, if by a signal then in the middle of whatever the main thread does.
        before_end: the same for the second signal, right before the process ends.
    """

    def __init__(self) -> None:
        self._asked_at: float | None = None
        self._reader, self._writer = os.pipe()
        weakref.finalize(self, _close, self._reader, self._writer).atexit = False
        self.on_first: Callable[[], None] = lambda: None
        self.before_end: Callable[[], None] = lambda: None

    def install(self) -> None:
        """Listen for the signals; call it in the main thread. SIGHUP stays ignored where it is, as under `nohup`."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _frame: object) -> None:
        if self._asked_at is None:
            self.set()
        elif time.monotonic() >= self._asked_at + SAME_SIGNAL_S:
            self.before_end()
            os._exit(ExitCode.second_signal(number))

    def set(self) -> None:
        """Ask to stop."""
        if self._asked_at is None:
            self._asked_at = time.monotonic()
            os.write(self._writer, b"x")
            self.on_first()

    def is_set(self) -> bool:
        """Whether to stop."""
        return self._asked_at is not None

    def wait(self, timeout_s: float) -> bool:
        """Wait until it is time to stop, at most `timeout_s`; says whether it is."""
        if not self.is_set():
            # Not select(), which refuses descriptors from 1024 on: a process with many connections has those.
            asked = select.poll()
            asked.register(self._reader, select.POLLIN)
            asked.poll(max(0.0, timeout_s) * 1000)
        return self.is_set()


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
