"""The Flask app of storage; run it in one process with threads, which alone holds the data folder."""

from __future__ import annotations

from pathlib import Path

import structlog
from flask import Flask

from logmill import web
from logmill.errors import StorageUnavailable
from logmill.lifecycle import is_loopback
from logmill.locking import FolderLock
from logmill.logs import configure_logs
from logmill.rules.ruleset import rules_of
from logmill.settings import Settings, load
from storage import blocks
from storage.alerting.service import Alerting
from storage.audit import Audit
from storage.metrics import Metrics
from storage.pipeline.activity import Activity
from storage.pipeline.overview import Overview
from storage.pipeline.producer import ProducerClient
from storage.retention.figures import Figures
from storage.retention.horizon import Horizon
from storage.retention.ledger import Ledger
from storage.retention.service import Retention
from storage.routes import (
    alerts,
    dashboard,
    export,
    ingest,
    logs,
    patterns,
    pipeline,
    rejections,
    results,
    statistics,
    tail,
)
from storage.routes.limits import Limits
from storage.store import Store

log = structlog.get_logger()

# Of the dashboard: rates, contents, disk use, settings.
LIVE_PAGE = "./?tab=pipeline"


def create_app(settings: Settings | None = None) -> Flask:
    """The app on an open store; call it after the fork, since the engine does not survive one.

    `app.extensions["logmill_close"]` closes the store and lets go of the data folder; `["logmill_drain"]`, before it,
    ends the answers that would go on without end.

    Raises:
        AlreadyRunning: another process holds the data folder.
        ConfigError: the folder cannot be used, or a newer program wrote it; or the rules file is not as it must be.
    """
    settings = settings or load()
    configure_logs("storage", settings)
    folder = Path(settings.data_dir)
    lock = FolderLock(folder, "store.lock", "storage")
    lock.acquire()
    try:
        blocks.warm_up()
        from storage.engine.chdb_engine import ChdbEngine

        engine = ChdbEngine(folder / "store", settings)
        alerting = Alerting(engine, folder, rules_of(settings).detectors, settings)
        ledger = Ledger(folder)
        store = Store(engine, settings, alerting.arriving, Horizon(ledger.entries.dropped_through))
        store.warm_up()
        audit = Audit(engine)
    except BaseException:
        lock.release()
        raise
    activity = Activity()
    producer = ProducerClient(settings)
    kept = Figures(Retention(store, ledger, settings), store, activity, folder)
    overview = Overview(store, activity, producer, kept, settings)
    metrics = Metrics(store, activity, alerting, kept)
    state = {"readiness": "ready"}

    def close() -> None:
        if state["readiness"] == "ready":
            state["readiness"] = "shutting down"
            limits.close()
            overview.close()
            kept.retention.stop()
            alerting.stop()
            audit.close()
            store.close()
            # After the store: what is stored until then is noted first.
            alerting.close()
            lock.release()

    def readiness() -> str:
        try:
            store.check_room()
        except StorageUnavailable as error:
            return str(error)
        return state["readiness"]

    app = web.make_app("storage", settings, readiness=readiness, registry=metrics.registry, live_page=LIVE_PAGE)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_ingest_bytes
    limits = Limits(settings, metrics)
    limits.install(app)
    for routes in (
        ingest.blueprint(store, metrics, activity, settings),
        export.blueprint(store, metrics, settings, limits),
        logs.blueprint(store, metrics, settings, may_clear=may_clear(settings)),
        statistics.blueprint(store),
        patterns.blueprint(store),
        results.blueprint(store),
        tail.blueprint(store, settings, limits),
        rejections.blueprint(store, metrics, settings),
        dashboard.blueprint(),
        pipeline.blueprint(overview, producer),
        alerts.blueprint(alerting),
    ):
        app.register_blueprint(routes)
    kept.retention.start()
    overview.start()
    alerting.start()
    app.extensions["logmill_close"] = close
    app.extensions["logmill_drain"] = store.tails.stop
    log.info("store open", folder=str(folder), **store.disk_use())
    return app


def may_clear(settings: Settings) -> bool:
    """Whether DELETE /logs/clear is allowed; `auto` allows it where only this machine can ask."""
    if settings.allow_clear != "auto":
        return settings.allow_clear == "true"
    return is_loopback(settings.storage_host)
