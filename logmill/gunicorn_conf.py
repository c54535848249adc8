"""What every gunicorn of Logmill is told; the command line adds socket, workers, threads and the drain limit."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from prometheus_client import multiprocess

from logmill.errors import ExitCode
from logmill.gunicorn_app import ENDINGS
from logmill.lifecycle import DRAIN_MARGIN_S, StopSignal
from logmill.readiness import ReadinessLog
from logmill.settings import metrics_folder

preload_app = False
# Else every gunicorn of this user opens the same control socket in the home folder.
control_socket_disable = True
keepalive = 75
timeout = 120
accesslog = None
loglevel = "warning"
# Clients and our own services keep connections; a header line of ours never nears these.
limit_request_fields = 64
# A search is part of the first line; this is the most that gunicorn can be told.
limit_request_line = 8190
limit_request_field_size = 8190

_stop = StopSignal()
# The workers that were there when the stop began.
_draining: set[int] = set()


def when_ready(server: Any) -> None:
    """Take the signals over: gunicorn drains on SIGTERM only, and a second one changes nothing.

    SIGHUP too, which else starts workers beside the old ones; storage can only be open once.
    """

    def drain() -> None:
        _draining.update(server.WORKERS)
        server.signal(signal.SIGTERM, None)

    def kill_workers() -> None:
        for pid in list(server.WORKERS):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    _stop.on_first, _stop.before_end = drain, kill_workers
    _stop.install()


def post_fork(_server: Any, worker: Any) -> None:
    """Have the worker stop waiting for requests at the drain limit; what its master allows is a little more."""
    worker.cfg.set("graceful_timeout", max(1, worker.cfg.graceful_timeout - DRAIN_MARGIN_S))


def post_worker_init(worker: Any) -> None:
    """Say what the service waits for, and when it is ready."""
    worker.readiness_log = ReadinessLog(worker.wsgi)
    worker.readiness_log.start()


def worker_exit(_server: Any, worker: Any) -> None:
    """Drain and disconnect once the worker's last request is answered; runs in the worker, however it ends."""
    if worker.pid != os.getpid():  # the master's own call, for a worker that is gone
        return
    if hasattr(worker, "readiness_log"):
        worker.readiness_log.close()
    close = getattr(getattr(worker, "wsgi", None), "extensions", {}).get("logmill_close")
    code = ExitCode.ERROR
    try:
        if close is not None:
            close()
        if ENDINGS.failure is not None:
            code = ENDINGS.failure
        elif worker.booted:
            code = ExitCode.DRAIN_LIMIT if worker.unfinished else ExitCode.STOPPED
    finally:
        ENDINGS.tell(code)
        if worker.unfinished:  # else Python waits for its threads, which is what took too long
            sys.stdout.flush()
            os._exit(ExitCode.STOPPED)


def child_exit(_server: Any, worker: Any) -> None:
    """Forget the gauges of a worker that is gone; end where it could not make its app.

    Raises:
        StopIteration: gunicorn's own way to end the master in order.
    """
    if metrics_folder() is not None:
        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
    if not _stop.is_set() and ENDINGS.known().get(worker.pid) in {ExitCode.ERROR, ExitCode.USAGE, ExitCode.IN_USE}:
        raise StopIteration


def on_exit(_server: Any) -> None:
    """End with the worst of what the workers told; one that told nothing was killed at the drain limit.

    Raises:
        SystemExit: always, for gunicorn's own codes mean other things.
    """
    known = ENDINGS.known()
    failed = [code for code in known.values() if code not in {ExitCode.STOPPED, ExitCode.DRAIN_LIMIT}]
    if failed:
        sys.exit(failed[-1])
    drained = all(known.get(pid) == ExitCode.STOPPED for pid in _draining)
    sys.exit(ExitCode.STOPPED if drained else ExitCode.DRAIN_LIMIT)
