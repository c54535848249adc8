"""Settings that several services read: the broker, addresses, keys, rules, logs."""

from __future__ import annotations

from typing import Annotated

import msgspec

from logmill.settings.described import ADDRESS, described


class SharedSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What all services share."""

    broker_url: Annotated[
        str,
        described(
            "Broker: amqp://, amqps:// (RabbitMQ) or sqlite:///path (embedded); "
            "empty: embedded, in broker.sqlite3 of the data folder."
        ),
    ] = ""
    data_dir: Annotated[str, described("Folder of everything that is kept on this machine.")] = "data"
    storage_url: Annotated[
        str,
        described(
            "Where producer and processors find storage; empty: on this machine, at LOGMILL_STORAGE_PORT.",
            pattern=ADDRESS,
        ),
    ] = ""
    producer_url: Annotated[
        str,
        described(
            "Where collectors, and storage for GET /pipeline, find the producer; "
            "empty: on this machine, at LOGMILL_PRODUCER_PORT.",
            pattern=ADDRESS,
        ),
    ] = ""
    queue_max_messages: Annotated[
        int,
        described(
            "Messages a lane holds before the producer answers 503; 0: 2,000,000 on RabbitMQ, 500,000 embedded. "
            "A queue that exists on RabbitMQ has to be emptied and deleted first.",
            "messages",
            ge=0,
        ),
    ] = 0
    queue_max_bytes: Annotated[
        int, described("The same in bytes; 0: 32 GiB on RabbitMQ, 8 GiB embedded.", "bytes", ge=0)
    ] = 0
    api_key: Annotated[
        str, described("Key that callers must send as `Authorization: Bearer KEY`; empty asks for none.", secret=True)
    ] = ""
    allow_no_key: Annotated[
        bool, described("Listen beyond loopback without a key. For networks that nobody else reaches, as in Compose.")
    ] = False
    trusted_hosts: Annotated[
        str,
        described("Names that requests may use for the services where no key is asked for, comma-separated; * is any."),
    ] = "localhost,127.0.0.1,[::1]"
    cors_origins: Annotated[
        str,
        described(
            "Pages of other sites that may ask the services from a browser: origins as in https://app.example, "
            "comma-separated; * is any, and needs an API key; empty: none."
        ),
    ] = ""
    rules_file: Annotated[
        str,
        described(
            "YAML file of rules: redaction, parsing, tags, severity, anomalies, detectors; empty: the shipped ones."
        ),
    ] = ""
    redaction_key: Annotated[
        str,
        described(
            "Key of the hashes that stand for redacted text in mode hash, the same for all processors; 16 to 64 bytes.",
            secret=True,
            pattern="^(.{16,64})?$",
        ),
    ] = ""
    log_level: Annotated[
        str, described("Level of Logmill's own logs.", pattern="^(DEBUG|INFO|WARNING|ERROR|CRITICAL)$")
    ] = "INFO"
    drain_timeout_s: Annotated[
        float, described("How long a service may take to finish its work after SIGTERM.", "s", ge=0)
    ] = 30.0
