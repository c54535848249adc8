"""The producer's Flask app, made anew in each worker process."""

from __future__ import annotations

from flask import Flask

from logmill.broker import open_broker
from logmill.lifecycle import keep_on_one_core
from logmill.logs import configure_logs
from logmill.settings import Settings, load
from logmill.web import make_app
from producer.batching import LaneBatcher
from producer.metrics import Metrics
from producer.routes import add_routes


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
    publisher = open_broker(settings.broker_url).publisher()
    publisher.connect()
    batcher = LaneBatcher(publisher, settings.publish_buffer_bytes)
    metrics = Metrics()
    app = make_app("producer", settings, readiness=lambda: publisher.state, registry=metrics.registry)
    metrics.watch_buffer(lambda: batcher.unconfirmed_bytes)
    add_routes(app, batcher, settings, metrics)

    def close() -> None:
        batcher.close()
        publisher.close(settings.drain_timeout_s)

    app.extensions["logmill_close"] = close
    return app
