"""Every setting in one table: name, type, default, unit, help; the only reader of the environment.

A field `broker_url` is set by the environment variable `LOGMILL_BROKER_URL`. `.env.example` and
`docs/settings.md` are written from this table by `logmill settings`, and a test holds them to it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import msgspec
from msgspec import Meta

from logmill.errors import ConfigError

PREFIX = "LOGMILL_"


def _doc(help_: str, unit: str = "", *, secret: bool = False, **limits: Any) -> Meta:
    return Meta(description=help_, extra={"unit": unit, "secret": secret}, **limits)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What can be set, and to what it is set now."""

    # shared
    broker_url: Annotated[
        str,
        _doc(
            "Broker: amqp://, amqps:// (RabbitMQ) or sqlite:///path (embedded); "
            "empty: embedded, in broker.sqlite3 of the data folder."
        ),
    ] = ""
    data_dir: Annotated[str, _doc("Folder of everything that is kept on this machine.")] = "data"
    storage_url: Annotated[
        str,
        _doc(
            "Where producer and processors find storage; empty: on this machine, at LOGMILL_STORAGE_PORT.",
            pattern="^(https?://.+)?$",
        ),
    ] = ""
    producer_url: Annotated[
        str,
        _doc(
            "Where storage finds the producer, for GET /pipeline; empty: on this machine, at LOGMILL_PRODUCER_PORT.",
            pattern="^(https?://.+)?$",
        ),
    ] = ""
    queue_max_messages: Annotated[
        int,
        _doc(
            "Messages a lane holds before the producer answers 503; 0: 2,000,000 on RabbitMQ, 500,000 embedded. "
            "A queue that exists on RabbitMQ has to be emptied and deleted first.",
            "messages",
            ge=0,
        ),
    ] = 0
    queue_max_bytes: Annotated[
        int, _doc("The same in bytes; 0: 32 GiB on RabbitMQ, 8 GiB embedded.", "bytes", ge=0)
    ] = 0
    api_key: Annotated[
        str, _doc("Key that callers must send as `Authorization: Bearer KEY`; empty asks for none.", secret=True)
    ] = ""
    allow_no_key: Annotated[
        bool, _doc("Listen beyond loopback without a key. For networks that nobody else reaches, as in Compose.")
    ] = False
    trusted_hosts: Annotated[
        str, _doc("Names that requests may use for the services where no key is asked for, comma-separated; * is any.")
    ] = "localhost,127.0.0.1,[::1]"
    cors_origins: Annotated[
        str,
        _doc(
            "Pages of other sites that may ask the services from a browser: origins as in https://app.example, "
            "comma-separated; * is any, and needs an API key; empty: none."
        ),
    ] = ""
    rules_file: Annotated[
        str,
        _doc("YAML file of rules: redaction, parsing, tags, severity, anomalies, detectors; empty: the shipped ones."),
    ] = ""
    redaction_key: Annotated[
        str,
        _doc(
            "Key of the hashes that stand for redacted text in mode hash, the same for all processors; 16 to 64 bytes.",
            secret=True,
            pattern="^(.{16,64})?$",
        ),
    ] = ""
    log_level: Annotated[str, _doc("Level of Logmill's own logs.", pattern="^(DEBUG|INFO|WARNING|ERROR|CRITICAL)$")] = (
        "INFO"
    )
    drain_timeout_s: Annotated[
        float, _doc("How long a service may take to finish its work after SIGTERM.", "s", ge=0)
    ] = 30.0

    # producer
    producer_host: Annotated[str, _doc("Address the producer listens on.")] = "127.0.0.1"
    producer_port: Annotated[int, _doc("Port the producer listens on.", ge=1, le=65535)] = 5000
    producer_workers: Annotated[int, _doc("Producer processes.", ge=1, le=256)] = 1
    producer_threads: Annotated[int, _doc("Threads per producer process; each serves one request.", ge=1, le=1024)] = 32
    producer_pin_cores: Annotated[
        bool,
        _doc(
            "Keep each producer process on one core; its threads share an interpreter, and moving between cores costs."
        ),
    ] = True
    confirm_timeout_s: Annotated[
        float, _doc("How long a request waits for the broker's confirm before it answers 503.", "s", gt=0)
    ] = 5.0
    stall_timeout_s: Annotated[
        float, _doc("Requests get 503 once the broker has confirmed nothing of their lane for so long.", "s", gt=0)
    ] = 0.8
    idempotency_keep_s: Annotated[
        float, _doc("How long an Idempotency-Key is known with the body it came with.", "s", ge=0)
    ] = 86_400.0
    idempotency_max_keys: Annotated[
        int, _doc("Most keys that are known at a time; the oldest are forgotten first.", "keys", ge=1)
    ] = 1_000_000
    publish_buffer_bytes: Annotated[
        int,
        _doc(
            "Unconfirmed bytes per producer process; beyond it requests get 503, DEBUG logs from 3/4 of it on.",
            "bytes",
            ge=1024,
        ),
    ] = 64 * 1024 * 1024
    max_body_bytes: Annotated[int, _doc("Largest request body as sent.", "bytes", ge=1024)] = 16 * 1024 * 1024
    max_decoded_bytes: Annotated[int, _doc("Largest request body after decompression.", "bytes", ge=1024)] = (
        64 * 1024 * 1024
    )
    max_batch_records: Annotated[int, _doc("Most records in one request.", "records", ge=1)] = 50_000
    max_message_bytes: Annotated[int, _doc("Longest `message` of a record.", "bytes", ge=16)] = 1024 * 1024
    max_metadata_bytes: Annotated[int, _doc("Longest `metadata` of a record.", "bytes", ge=16)] = 256 * 1024

    # processor
    processors: Annotated[int, _doc("Processors that `logmill up` starts.", ge=1, le=256)] = 2
    processor_id: Annotated[str, _doc("Name of this worker; empty takes host name and process id.")] = ""
    processor_metrics_host: Annotated[str, _doc("Address of a processor's /health, /ready and /metrics.")] = "127.0.0.1"
    processor_metrics_port: Annotated[
        int, _doc("Port of the same; `logmill up` counts up from it, 0 serves none.", ge=0, le=65535)
    ] = 5101
    block_rows: Annotated[
        int, _doc("Most rows that are forwarded to storage in one block.", "records", ge=1, le=500_000)
    ] = 50_000
    block_bytes: Annotated[
        int, _doc("Most bytes of batches, decompressed, that are taken into one block.", "bytes", ge=1024)
    ] = 128 * 1024 * 1024
    block_wait_ms: Annotated[
        int,
        _doc(
            "Time between two blocks that are not full; each insert costs storage 10 ms of CPU.", "ms", ge=0, le=10_000
        ),
    ] = 250
    prefetch: Annotated[
        int, _doc("Unacknowledged messages a processor holds per lane.", "messages", ge=1, le=10_000)
    ] = 250
    max_deliveries: Annotated[
        int,
        _doc(
            "A message that was delivered so often without being settled becomes a dead letter.",
            "deliveries",
            ge=2,
            le=99,
        ),
    ] = 50
    breaker_share: Annotated[
        float,
        _doc("A processor pauses a lane of which more than this share becomes dead letters; 1: never.", ge=0, le=1),
    ] = 0.5
    breaker_messages: Annotated[
        int, _doc("It looks at so many messages of the lane, the newest.", "messages", ge=10, le=100_000)
    ] = 100
    breaker_pause_s: Annotated[
        float, _doc("How long the first pause is; each that follows a failed trial is twice as long.", "s", gt=0)
    ] = 10.0
    storage_timeout_s: Annotated[float, _doc("How long a call to storage may take.", "s", gt=0)] = 60.0
    slow_response_ms: Annotated[float, _doc("Response time from which a record is an anomaly.", "ms", gt=0)] = 1000.0

    # storage
    storage_host: Annotated[str, _doc("Address storage listens on.")] = "127.0.0.1"
    storage_port: Annotated[int, _doc("Port storage listens on.", ge=1, le=65535)] = 5002
    storage_threads: Annotated[int, _doc("Threads of the storage service; each serves one request.", ge=1, le=256)] = 16
    max_tails: Annotated[
        int, _doc("Live tails (GET /logs/tail) that may be open at a time; each has one more thread.", ge=0, le=256)
    ] = 16
    engine_threads: Annotated[int, _doc("Processor cores that one query may use.", ge=1, le=256)] = 2
    engine_memory_bytes: Annotated[int, _doc("Memory that one query may use.", "bytes", ge=100_000_000)] = 4_000_000_000
    min_free_bytes: Annotated[
        int, _doc("Storage takes nothing while its disk has less room, so that it can still merge.", "bytes", ge=0)
    ] = 256 * 1024 * 1024
    deduplicate: Annotated[
        bool, _doc("Look for what was stored before. Only `make bench` turns it off, to measure what it costs.")
    ] = True
    max_ingest_bytes: Annotated[int, _doc("Largest body of POST /ingest and POST /logs.", "bytes", ge=1024)] = (
        512 * 1024 * 1024
    )
    query_timeout_s: Annotated[float, _doc("How long a query may take.", "s", gt=0)] = 30.0
    max_limit: Annotated[int, _doc("Largest `limit` of a query.", "records", ge=1)] = 10_000
    max_exports: Annotated[
        int,
        _doc(
            "Exports at a time; each keeps a thread of storage, so there are fewer than threads, but one at least.",
            "exports",
            ge=1,
            le=255,
        ),
    ] = 2
    export_timeout_s: Annotated[
        float, _doc("How long an export may take, with the time its client takes to read it.", "s", gt=0)
    ] = 3600.0
    recent_max_records: Annotated[
        int,
        _doc("Recent logs kept in memory, and beside them a fifth as many ERROR and CRITICAL ones.", "records", ge=0),
    ] = 100_000
    recent_max_bytes: Annotated[
        int, _doc("Memory for recent logs, and beside it a fifth as much for errors.", "bytes", ge=0)
    ] = 128 * 1024 * 1024
    allow_clear: Annotated[
        str,
        _doc(
            "Whether DELETE /logs/clear works; auto: where storage listens on loopback.", pattern="^(auto|true|false)$"
        ),
    ] = "auto"
    alert_interval_s: Annotated[
        float, _doc("How often the detectors are evaluated; 0: never, and there are no alerts.", "s", ge=0)
    ] = 10.0
    alert_rule_timeout_s: Annotated[
        float, _doc("How long one look of a detector at the store may take.", "s", gt=0)
    ] = 10.0
    alert_webhook_url: Annotated[
        str, _doc("Where changes of alerts are sent (POST); empty: nowhere.", secret=True, pattern="^(https?://.+)?$")
    ] = ""
    alert_webhook_secret: Annotated[
        str, _doc("What these requests are signed with (HMAC-SHA256); empty: they are not.", secret=True)
    ] = ""
    alert_webhook_give_up_s: Annotated[
        float, _doc("A change that could not be delivered for so long is given up.", "s", gt=0)
    ] = 86_400.0

    # generator: what `logmill generate` does where its options do not say otherwise
    generate_rate: Annotated[str, _doc("Logs that `logmill generate` makes, or max.", "logs/s")] = "10"
    generate_format: Annotated[
        str, _doc("Their format: json, csv, text, access, logfmt, or a template such as %(asctime)s %(message)s.")
    ] = "json"
    generate_producer: Annotated[
        str, _doc("Producer that they are sent to; empty: none.", pattern="^(https?://.+)?$")
    ] = ""
    generate_file: Annotated[str, _doc("File that they are written to; empty: standard output.")] = ""
    generate_bursts: Annotated[
        str, _doc("When there are more, as in 10x:30s:every=5m; several with blanks between them.")
    ] = ""
    generate_incidents: Annotated[
        str, _doc("When something goes wrong, as in payment-outage:at=2m:for=30s:every=10m; several as above.")
    ] = ""
    generate_frequency_s: Annotated[float, _doc("Time from one heartbeat to the next.", "s", gt=0)] = 5.0
    generate_level: Annotated[str, _doc("Level of heartbeats.")] = "INFO"
    generate_status_file: Annotated[
        str, _doc("File in which it notes every second how it is going, for health checks; empty: none.")
    ] = ""


# What other heartbeat loggers call the same; taken by `logmill generate --heartbeat` alone, for the names are common.
PLAIN_NAMES = {
    "LOG_FREQUENCY": "generate_frequency_s",
    "LOG_LEVEL": "generate_level",
    "LOG_FORMAT": "generate_format",
    "LOG_FILE": "generate_file",
}


def load(environ: Mapping[str, str] | None = None, *, with_plain_names: bool = False, **overrides: Any) -> Settings:
    """The settings in force: defaults, then the environment, then `overrides` by field name.

    Args:
        environ: the environment; that of this process unless given.
        with_plain_names: whether `PLAIN_NAMES` are read too, where our own names are not set.
        overrides: values by field name; None is as if it were left out.

    Raises:
        ConfigError: names the variable and what is wrong with it; also for a LOGMILL_ variable that does not exist.
    """
    source = os.environ if environ is None else environ
    known = set(Settings.__struct_fields__)
    values: dict[str, Any] = {}
    if with_plain_names:
        values = {field: source[name] for name, field in PLAIN_NAMES.items() if source.get(name)}
    for name, text in source.items():
        if not name.startswith(PREFIX):
            continue
        field = name.removeprefix(PREFIX).lower()
        if field not in known:
            raise ConfigError(f"{name}: no such setting; `logmill settings` lists them")
        if text != "":
            values[field] = text
    values.update({name: value for name, value in overrides.items() if value is not None})
    hints = get_type_hints(Settings, include_extras=True)
    for field, value in values.items():
        try:
            values[field] = msgspec.convert(_bool(value, hints[field]), hints[field], strict=False)
        except msgspec.ValidationError as error:
            is_secret = hints[field].__metadata__[0].extra["secret"]
            shown = "" if is_secret else f" (it is {value!r})"
            raise ConfigError(f"{PREFIX}{field.upper()}: {error}{shown}") from None
    return with_addresses(Settings(**values))


def with_addresses(settings: Settings) -> Settings:
    """The settings, with the addresses that follow from others where they are empty."""
    return msgspec.structs.replace(
        settings,
        broker_url=settings.broker_url or f"sqlite:///{Path(settings.data_dir) / 'broker.sqlite3'}",
        storage_url=settings.storage_url or f"http://127.0.0.1:{settings.storage_port}",
        producer_url=settings.producer_url or f"http://127.0.0.1:{settings.producer_port}",
    )


def _bool(value: Any, hint: Any) -> Any:
    """Spell out the words people use for true and false, which msgspec does not all know."""
    if get_args(hint)[0] is bool and isinstance(value, str):
        return {"yes": True, "on": True, "no": False, "off": False}.get(value.lower(), value)
    return value


def environment(settings: Settings) -> dict[str, str]:
    """The variables that give a child process these settings."""
    spelled = {True: "true", False: "false"}
    return {
        PREFIX + name.upper(): spelled[value] if isinstance(value, bool) else str(value)
        for name, value in msgspec.structs.asdict(settings).items()
    }


def metrics_folder() -> str | None:
    """Where the processes of one service share their metrics (prometheus_client's own variable), if several do."""
    return os.environ.get("PROMETHEUS_MULTIPROC_DIR") or None


def child_environment(settings: Settings, **more: str) -> dict[str, str]:
    """The environment for a child process: ours, these settings, and `more`."""
    return {**os.environ, **environment(settings), **more}


def use_one_polars_thread() -> None:
    """Have polars, imported after this, work on the calling thread alone, unless its own variable says otherwise.

    Processors are what is scaled. With two of them on two cores, a pool of two threads each cost 8 % more CPU a log.
    """
    os.environ.setdefault("POLARS_MAX_THREADS", "1")


def no_color() -> bool:
    """Whether output without colours is asked for (NO_COLOR, see no-color.org, or a terminal that has none)."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


def in_ci() -> bool:
    """Whether this runs in continuous integration, where a missing server is a failure."""
    return os.environ.get("CI", "").lower() in {"1", "true"}
