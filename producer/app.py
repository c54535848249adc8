"""The producer's Flask app, made anew in each worker process."""

from __future__ import annotations

from pathlib import Path

from flask import Flask

from logmill.broker import broker_of
from logmill.lifecycle import keep_on_one_core
from logmill.logs import configure_logs
from logmill.settings import Settings, load
from logmill.web import make_app
from producer.accepting import Acceptor
from producer.batching import LaneBatcher
from producer.idempotency import FILE_NAME as KEYS_FILE
from producer.idempotency import KeyRegistry
from producer.metrics import Metrics
from producer.routes import add_routes
from producer.routes_dead import add_dead_routes
from producer.routes_files import add_file_route
from producer.routes_pipeline import add_pipeline_route


def create_app(settings: Settings | None = None) -> Flask:
    """The app, connected to the broker; call it after fork, once a process.

    `app.extensions["logmill_close"]` drains and disconnects.

    Raises:
        ConfigError: a setting is wrong.
    """
    settings = settings or load()
    configure_logs("producer", settings)
    if settings.producer_pin_cores:
        keep_on_one_core()
    broker = broker_of(settings)
    publisher = broker.publisher()
    publisher.connect()
    batcher = LaneBatcher(publisher, settings.publish_buffer_bytes, settings.stall_timeout_s)
    keys = KeyRegistry(
        Path(settings.data_dir) / KEYS_FILE,
        keep_s=settings.idempotency_keep_s,
        max_keys=settings.idempotency_max_keys,
    )
    metrics = Metrics()

    def readiness() -> str:
        return "ready" if batcher.state == "ready" else f"broker: {batcher.state}"

    app = make_app("producer", settings, readiness=readiness, registry=metrics.registry)
    metrics.watch_buffer(lambda: batcher.unconfirmed_bytes)
    acceptor = Acceptor(batcher, keys, settings, metrics)
    add_routes(app, acceptor, settings, metrics)
    add_file_route(app, acceptor, settings, metrics)
    add_dead_routes(app, broker, settings)
    add_pipeline_route(app, broker, metrics, readiness)

    def close() -> None:
        batcher.close()
        publisher.close(settings.drain_timeout_s)
        keys.close()

    app.extensions["logmill_close"] = close
    return app
