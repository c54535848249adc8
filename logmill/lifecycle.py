"""Starting and ending processes: checks before a service listens, the gunicorn of each, signals and exit codes."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import sys
import tempfile
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path

from logmill.errors import AlreadyRunning, ConfigError, Stop
from logmill.settings import Settings, child_environment

# gunicorn ends a worker that has not drained by then; a little more than the drain itself may take.
DRAIN_MARGIN_S = 5
# The exit code of a worker that gunicorn takes as "it will never start", and ends with itself.
GUNICORN_GIVES_UP = 3
WORKER_CLASS = "logmill.gunicorn_worker.LingeringThreadWorker"


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
    if not is_loopback(host) and not settings.api_key and not settings.allow_no_key:
        raise ConfigError(
            f"listening on {host} needs a key: set LOGMILL_API_KEY, or LOGMILL_ALLOW_NO_KEY=true where nobody else "
            "reaches that address"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise AlreadyRunning(f"cannot listen on {host}:{port}: {error.strerror}") from None


def exec_gunicorn(app: str, *, host: str, port: int, workers: int, threads: int, settings: Settings) -> None:
    """Become gunicorn serving `app`; does not return.

    The app is made in each worker after fork, since neither a broker connection nor the engine survives one.

    Raises:
        ConfigError: as in `check_listen`.
        AlreadyRunning: as in `check_listen`.
    """
    check_listen(host, port, settings)
    more = {}
    if workers > 1:
        more["PROMETHEUS_MULTIPROC_DIR"] = _fresh_metrics_folder(port)
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    arguments = [
        sys.executable, "-m", "gunicorn", f"logmill.lifecycle:load_app('{app}')",
        "--config", "python:logmill.gunicorn_conf",
        "--bind", bind, "--workers", str(workers), "--threads", str(threads), "--worker-class", WORKER_CLASS,
        "--graceful-timeout", str(int(settings.drain_timeout_s) + DRAIN_MARGIN_S),
    ]  # fmt: skip
    sys.stdout.flush()
    os.execve(sys.executable, arguments, child_environment(settings, **more))  # noqa: S606 - no shell wanted


def load_app(module: str) -> object:
    """The WSGI app that `create_app` of this module makes; gunicorn calls it in each worker.

    Raises:
        SystemExit: it cannot be made; the reason was printed, and gunicorn gives up instead of trying again.
    """
    try:
        return import_module(module).create_app()
    except Stop as error:
        print(f"logmill: {error}", file=sys.stderr, flush=True)  # noqa: T201 - for people, before there are logs
        raise SystemExit(GUNICORN_GIVES_UP) from None


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
    """Set by the first SIGTERM or SIGINT, so that a loop can drain; a second one ends the process at once.

    A pipe instead of a `threading.Event`: the handler runs in the middle of whatever the main thread does, also of
    waiting for the event, whose lock it could then never get.
    """

    def __init__(self) -> None:
        self._asked = False
        self._reader, self._writer = os.pipe()

    def install(self) -> None:
        """Listen for the signals; call it in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _frame: object) -> None:
        if self._asked:
            os._exit(128 + number)
        self.set()

    def set(self) -> None:
        """Ask to stop."""
        self._asked = True
        os.write(self._writer, b"x")

    def is_set(self) -> bool:
        """Whether to stop."""
        return self._asked

    def wait(self, timeout_s: float) -> bool:
        """Wait until it is time to stop, at most `timeout_s`; says whether it is."""
        if not self._asked:
            select.select([self._reader], [], [], max(0.0, timeout_s))
        return self._asked
