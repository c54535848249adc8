"""Settings of the processors."""

from __future__ import annotations

from typing import Annotated

from logmill.settings.described import described
from logmill.settings.producer import ProducerSettings


class ProcessorSettings(ProducerSettings, frozen=True, kw_only=True):
    """What processors add."""

    processors: Annotated[int, described("Processors that `logmill up` starts.", ge=1, le=256)] = 2
    processor_id: Annotated[str, described("Name of this worker; empty takes host name and process id.")] = ""
    processor_metrics_host: Annotated[str, described("Address of a processor's /health, /ready and /metrics.")] = (
        "127.0.0.1"
    )
    processor_metrics_port: Annotated[
        int, described("Port of the same; `logmill up` counts up from it, 0 serves none.", ge=0, le=65535)
    ] = 5101
    block_rows: Annotated[
        int, described("Most rows that are forwarded to storage in one block.", "records", ge=1, le=500_000)
    ] = 50_000
    block_bytes: Annotated[
        int, described("Most bytes of batches, decompressed, that are taken into one block.", "bytes", ge=1024)
    ] = 128 * 1024 * 1024
    block_wait_ms: Annotated[
        int,
        described(
            "Time between two blocks that are not full; each insert costs storage 10 ms of CPU.", "ms", ge=0, le=10_000
        ),
    ] = 250
    prefetch: Annotated[
        int, described("Unacknowledged messages a processor holds per lane.", "messages", ge=1, le=10_000)
    ] = 250
    max_deliveries: Annotated[
        int,
        described(
            "A message that was delivered so often without being settled becomes a dead letter.",
            "deliveries",
            ge=2,
            le=99,
        ),
    ] = 50
    breaker_share: Annotated[
        float,
        described(
            "A processor pauses a lane of which more than this share becomes dead letters; 1: never.", ge=0, le=1
        ),
    ] = 0.5
    breaker_messages: Annotated[
        int, described("It looks at so many messages of the lane, the newest.", "messages", ge=10, le=100_000)
    ] = 100
    breaker_pause_s: Annotated[
        float, described("How long the first pause is; each that follows a failed trial is twice as long.", "s", gt=0)
    ] = 10.0
    storage_timeout_s: Annotated[float, described("How long a call to storage may take.", "s", gt=0)] = 60.0
    slow_response_ms: Annotated[float, described("Response time from which a record is an anomaly.", "ms", gt=0)] = (
        1000.0
    )
