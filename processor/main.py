"""Wires a processor together and runs it until it is told to stop."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from functools import partial

import structlog

from logmill.broker import broker_of
from logmill.errors import DrainLimitPassed, Retry
from logmill.lifecycle import StopSignal
from logmill.logs import configure_logs
from logmill.rules.ruleset import rules_of
from logmill.settings import Settings
from logmill.status_server import StatusServer
from logmill.urls import without_credentials
from processor.drain import Drain
from processor.metrics import Metrics
from processor.redaction.encoded import redact_message
from processor.redaction.rules import redactor_of
from processor.sink import StorageSink
from processor.worker import Worker

log = structlog.get_logger()

# Short, because a signal is only heeded between two tries.
DECLARE_TIMEOUT_S = 1.0
RETRY_S = 0.5
COMPLAIN_EVERY_S = 30.0


def run(settings: Settings, stop: StopSignal) -> None:
    """Consume until `stop`, then finish what is here.

    Waits for the broker and for storage as long as it takes, and says so.

    Raises:
        AlreadyRunning: the port of the status server is taken.
        ConfigError: it would listen to the world without a key, or the broker's queues were made otherwise.
        DrainLimitPassed: what is left goes back to the broker.
    """
    processor_id = settings.processor_id or f"{socket.gethostname()}-{os.getpid()}"
    broker = broker_of(settings)
    consumer = broker.consumer(prefetch=settings.prefetch)
    drain = Drain(stop, settings.drain_timeout_s)
    sink = StorageSink(settings, drain)
    metrics = Metrics()
    redactor = redactor_of(rules_of(settings), settings)
    # What a library says of a log that it cannot take may quote it.
    configure_logs("processor", settings, clean=partial(redact_message, redactor=redactor))
    worker = Worker(
        consumer, sink, settings, processor_id=processor_id, metrics=metrics, drain=drain, redactor=redactor
    )

    def states() -> dict[str, str]:
        return {"broker": consumer.state, "storage": sink.state, "lanes": worker.breaker.state}

    metrics.watch(states, lambda: worker.breaker.paused, redactor.found)
    status = StatusServer(
        "processor",
        (settings.processor_metrics_host, settings.processor_metrics_port),
        settings,
        registry=metrics.registry,
        readiness=lambda: _waits(states()),
    )
    finished = True
    try:
        _await("the broker", without_credentials(settings.broker_url), lambda: broker.declare(DECLARE_TIMEOUT_S), stop)
        # Else it would take messages from the broker only to hold them.
        _await("storage", settings.storage_url, sink.check, stop)
        if not stop.is_set():
            log.info("processor started", processor_id=processor_id)
            finished = worker.run()
    finally:
        consumer.close()
        sink.close()
        status.close()
        log.info("processor stopped", processor_id=processor_id, finished=finished)
    if not finished:
        raise DrainLimitPassed("the work in hand was not finished in time; the broker delivers it again")


def _waits(states: dict[str, str]) -> str:
    """What the processor waits for, "ready" where for nothing."""
    return "; ".join(f"{name}: {state}" for name, state in states.items() if state != "ready") or "ready"


def _await(name: str, address: str, attempt: Callable[[], None], stop: StopSignal) -> None:
    """Try until it succeeds or the process is to stop; says what it waits for at once, and then now and again."""
    complain_at_s = 0.0
    waits = True
    while waits and not stop.is_set():
        try:
            attempt()
            waits = False
        except Retry as error:
            if time.monotonic() >= complain_at_s:
                complain_at_s = time.monotonic() + COMPLAIN_EVERY_S
                log.warning("waiting", waits_for=name, address=address, reason=str(error))
            stop.wait(max(error.retry_after_s, RETRY_S))
