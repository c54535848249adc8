"""Settings of storage: queries, exports, recent logs, alerts."""

from __future__ import annotations

from typing import Annotated

from logmill.settings.described import ADDRESS, described
from logmill.settings.processor import ProcessorSettings


class StorageSettings(ProcessorSettings, frozen=True, kw_only=True):
    """What storage adds."""

    storage_host: Annotated[str, described("Address storage listens on.")] = "127.0.0.1"
    storage_port: Annotated[int, described("Port storage listens on.", ge=1, le=65535)] = 5002
    storage_threads: Annotated[
        int, described("Threads of the storage service; each serves one request.", ge=1, le=256)
    ] = 16
    max_tails: Annotated[
        int,
        described("Live tails (GET /logs/tail) that may be open at a time; each has one more thread.", ge=0, le=256),
    ] = 16
    engine_threads: Annotated[int, described("Processor cores that one query may use.", ge=1, le=256)] = 2
    engine_memory_bytes: Annotated[int, described("Memory that one query may use.", "bytes", ge=100_000_000)] = (
        4_000_000_000
    )
    min_free_bytes: Annotated[
        int, described("Storage takes nothing while its disk has less room, so that it can still merge.", "bytes", ge=0)
    ] = 256 * 1024 * 1024
    deduplicate: Annotated[
        bool, described("Look for what was stored before. Only `make bench` turns it off, to measure what it costs.")
    ] = True
    max_ingest_bytes: Annotated[int, described("Largest body of POST /ingest and POST /logs.", "bytes", ge=1024)] = (
        512 * 1024 * 1024
    )
    query_timeout_s: Annotated[float, described("How long a query may take.", "s", gt=0)] = 30.0
    max_limit: Annotated[int, described("Largest `limit` of a query.", "records", ge=1)] = 10_000
    max_exports: Annotated[
        int,
        described(
            "Exports at a time; each keeps a thread of storage, so there are fewer than threads, but one at least.",
            "exports",
            ge=1,
            le=255,
        ),
    ] = 2
    export_timeout_s: Annotated[
        float, described("How long an export may take, with the time its client takes to read it.", "s", gt=0)
    ] = 3600.0
    recent_max_records: Annotated[
        int,
        described(
            "Recent logs kept in memory, and beside them a fifth as many ERROR and CRITICAL ones.", "records", ge=0
        ),
    ] = 100_000
    recent_max_bytes: Annotated[
        int, described("Memory for recent logs, and beside it a fifth as much for errors.", "bytes", ge=0)
    ] = 128 * 1024 * 1024
    retention_days: Annotated[
        int,
        described(
            "Logs are kept for so many days (UTC) after the one they were received on, then deleted; 0: for ever.",
            "days",
            ge=0,
            le=36_500,
        ),
    ] = 0
    retention_max_bytes: Annotated[
        int,
        described(
            "While the logs take more room on disk, the oldest day is deleted, but never today's; 0: no bound.",
            "bytes",
            ge=0,
        ),
    ] = 0
    retention_interval_s: Annotated[
        float, described("How often storage looks whether days are to be deleted.", "s", gt=0)
    ] = 60.0
    archive_dir: Annotated[
        str, described("Folder for the logs of deleted days, as .json.gz; empty: they are not kept.")
    ] = ""
    archive_max_bytes: Annotated[
        int, described("While the archive takes more room, its oldest files are deleted; 0: no bound.", "bytes", ge=0)
    ] = 0
    allow_clear: Annotated[
        str,
        described(
            "Whether DELETE /logs/clear works; auto: where storage listens on loopback.", pattern="^(auto|true|false)$"
        ),
    ] = "auto"
    alert_interval_s: Annotated[
        float, described("How often the detectors are evaluated; 0: never, and there are no alerts.", "s", ge=0)
    ] = 10.0
    alert_rule_timeout_s: Annotated[
        float, described("How long one look of a detector at the store may take.", "s", gt=0)
    ] = 10.0
    alert_webhook_url: Annotated[
        str,
        described("Where changes of alerts are sent (POST); empty: nowhere.", secret=True, pattern=ADDRESS),
    ] = ""
    alert_webhook_secret: Annotated[
        str, described("What these requests are signed with (HMAC-SHA256); empty: they are not.", secret=True)
    ] = ""
    alert_webhook_give_up_s: Annotated[
        float, described("A change that could not be delivered for so long is given up.", "s", gt=0)
    ] = 86_400.0
