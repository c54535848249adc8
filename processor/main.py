"""Wires a processor together and runs it until it is told to stop."""

from __future__ import annotations

import os
import socket

import structlog

from logmill.broker import open_broker, without_password
from logmill.errors import BrokerUnavailable
from logmill.lifecycle import StopSignal, check_listen
from logmill.settings import Settings
from processor.metrics import Metrics, StatusServer
from processor.sink import StorageSink
from processor.worker import Worker

log = structlog.get_logger()

# Short, because a signal is only heeded between two tries.
DECLARE_TIMEOUT_S = 1.0


def run(settings: Settings, stop: StopSignal) -> None:
    """Consume until `stop`; waits for the broker as long as it takes, and says so.

    Raises:
        AlreadyRunning: the port of the status server is taken.
        ConfigError: it would listen to the world without a key.
    """
    processor_id = settings.processor_id or f"{socket.gethostname()}-{os.getpid()}"
    broker = open_broker(settings.broker_url)
    consumer = broker.consumer(prefetch=settings.prefetch)
    sink = StorageSink(settings, stop)
    metrics = Metrics()

    def readiness() -> str:
        waits = [f"{name}: {state}" for name, state in (("broker", consumer.state), ("storage", sink.state))]
        return "; ".join(text for text in waits if not text.endswith(": ready")) or "ready"

    if settings.processor_metrics_port:
        check_listen(settings.processor_metrics_host, settings.processor_metrics_port, settings)
    status = StatusServer(settings, metrics, readiness)
    try:
        while not stop.is_set():
            try:
                broker.declare(DECLARE_TIMEOUT_S)
                break
            except BrokerUnavailable as error:
                log.warning("waiting for the broker", broker=without_password(settings.broker_url), reason=str(error))
                stop.wait(error.retry_after_s)
        log.info("processor started", processor_id=processor_id)
        Worker(consumer, sink, settings, processor_id=processor_id, metrics=metrics, stop=stop).run()
    finally:
        consumer.close()
        sink.close()
        status.close()
        log.info("processor stopped", processor_id=processor_id)
