"""Settings of the producer."""

from __future__ import annotations

from typing import Annotated

from logmill.settings.described import described
from logmill.settings.shared import SharedSettings


class ProducerSettings(SharedSettings, frozen=True, kw_only=True):
    """What the producer adds."""

    producer_host: Annotated[str, described("Address the producer listens on.")] = "127.0.0.1"
    producer_port: Annotated[int, described("Port the producer listens on.", ge=1, le=65535)] = 5000
    producer_workers: Annotated[int, described("Producer processes.", ge=1, le=256)] = 1
    producer_threads: Annotated[
        int, described("Threads per producer process; each serves one request.", ge=1, le=1024)
    ] = 32
    producer_pin_cores: Annotated[
        bool,
        described(
            "Keep each producer process on one core; its threads share an interpreter, and moving between cores costs."
        ),
    ] = True
    confirm_timeout_s: Annotated[
        float, described("How long a request waits for the broker's confirm before it answers 503.", "s", gt=0)
    ] = 5.0
    stall_timeout_s: Annotated[
        float, described("Requests get 503 once the broker has confirmed nothing of their lane for so long.", "s", gt=0)
    ] = 0.8
    idempotency_keep_s: Annotated[
        float, described("How long an Idempotency-Key is known with the body it came with.", "s", ge=0)
    ] = 86_400.0
    idempotency_max_keys: Annotated[
        int, described("Most keys that are known at a time; the oldest are forgotten first.", "keys", ge=1)
    ] = 1_000_000
    publish_buffer_bytes: Annotated[
        int,
        described(
            "Unconfirmed bytes per producer process; beyond it requests get 503, DEBUG logs from 3/4 of it on.",
            "bytes",
            ge=1024,
        ),
    ] = 64 * 1024 * 1024
    max_body_bytes: Annotated[int, described("Largest request body as sent.", "bytes", ge=1024)] = 16 * 1024 * 1024
    max_decoded_bytes: Annotated[int, described("Largest request body after decompression.", "bytes", ge=1024)] = (
        64 * 1024 * 1024
    )
    max_batch_records: Annotated[int, described("Most records in one request.", "records", ge=1)] = 50_000
    max_message_bytes: Annotated[int, described("Longest `message` of a record.", "bytes", ge=16)] = 1024 * 1024
    max_metadata_bytes: Annotated[int, described("Longest `metadata` of a record.", "bytes", ge=16)] = 256 * 1024
