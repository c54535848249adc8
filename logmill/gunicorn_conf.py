"""What every gunicorn of Logmill is told; the command line adds address, workers and threads."""

from __future__ import annotations

from typing import Any

from prometheus_client import multiprocess

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
limit_request_field_size = 8190


def worker_exit(_server: Any, worker: Any) -> None:
    """Drain and disconnect once the worker's last request is answered."""
    app = getattr(worker, "wsgi", None)
    close = getattr(app, "extensions", {}).get("logmill_close")
    if close is not None:
        close()


def child_exit(_server: Any, worker: Any) -> None:
    """Forget the gauges of a worker that is gone."""
    if metrics_folder() is not None:
        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
