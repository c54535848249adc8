"""Blocks as a processor sends them to storage: polars frames with the record's columns, as Arrow streams."""

from __future__ import annotations

import io
import random
import uuid
from collections.abc import Sequence
from itertools import islice, permutations
from typing import Any

import polars as pl

from logmill.ids import new_batch_id
from logmill.record import COLUMNS, LEVELS, PRIORITY_OF_LEVEL, Kind
from logmill.timestamps import now_us

_POLARS = {
    Kind.BATCH_ID: pl.Binary,
    Kind.TIME: pl.Datetime("us", "UTC"),
    Kind.LABEL: pl.Categorical,
    Kind.TEXT: pl.String,
    Kind.LABELS: pl.List(pl.String),
    Kind.BOOL: pl.Boolean,
    Kind.U8: pl.UInt8,
    Kind.U16: pl.UInt16,
    Kind.U32: pl.UInt32,
    Kind.U64: pl.UInt64,
    Kind.F32_OR_NULL: pl.Float32,
}
SCHEMA = {column.name: _POLARS[column.kind] for column in COLUMNS}
_ABSENT: dict[Kind, Any] = {
    Kind.LABEL: "",
    Kind.TEXT: "",
    Kind.LABELS: [],
    Kind.BOOL: False,
    **dict.fromkeys((Kind.U8, Kind.U16, Kind.U32, Kind.U64), 0),
}
SERVICES = ("auth", "payment", "inventory", "user", "api-gateway")
# A search that finds nothing, and takes the engine many seconds over 200,000 rows of `realistic`: each has these names,
# so that no index helps, and none has them within each other.
_NAMES = ("request_id", "user_id", "status_code", "method", "path")
SLOW = " OR ".join(f"metadata.{'.'.join(path)}:>1" for path in islice(permutations(_NAMES, 3), 60))


def row(batch_id: uuid.UUID, ordinal: int, **fields: Any) -> dict[str, Any]:
    """A row with defaults; times in microseconds."""
    level = fields.get("level", "INFO")
    return {
        **{column.name: _ABSENT.get(column.kind) for column in COLUMNS},
        "timestamp": 1_700_000_000_000_000 + ordinal,
        "received_at": 1_700_000_000_000_000,
        "processed_at": 1_700_000_000_500_000,
        "level": level,
        "service": "test",
        "metadata": "{}",
        "priority": PRIORITY_OF_LEVEL[level],
        "batch_id": batch_id.bytes,
        "ordinal": ordinal,
        **fields,
    }


def batch(count: int, batch_id: uuid.UUID | None = None, **fields: Any) -> list[dict[str, Any]]:
    """A batch of `count` rows."""
    batch_id = batch_id or new_batch_id()
    return [row(batch_id, ordinal, message=f"message {ordinal}", **fields) for ordinal in range(count)]


def frame(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA)


def stream(rows: Sequence[dict[str, Any]] | pl.DataFrame, **options: Any) -> bytes:
    """The Arrow stream of rows."""
    table = rows if isinstance(rows, pl.DataFrame) else frame(rows)
    sink = io.BytesIO()
    table.write_ipc_stream(sink, compat_level=pl.CompatLevel.oldest(), **options)
    return sink.getvalue()


def realistic(count: int, *, batch_rows: int = 1000, seed: int = 1, start_us: int | None = None) -> pl.DataFrame:
    """A block like those of a busy pipeline: whole batches, metadata of six fields, times 20 ms apart."""
    rng = random.Random(seed)
    received = now_us()
    start = received - count * 20_000 if start_us is None else start_us
    rows: list[dict[str, Any]] = []
    batch_id = new_batch_id()
    for i in range(count):
        if i % batch_rows == 0:
            batch_id = new_batch_id()
        level = rng.choices(LEVELS, (20, 60, 12, 7, 1))[0]
        status = rng.choice((200, 200, 201, 204, 400, 404) if level in {"DEBUG", "INFO"} else (401, 404, 500, 503))
        path = rng.choice(("/api/v1/login", "/api/v1/orders", f"/api/v1/items/{rng.randrange(5000)}", "/cart", "/pay"))
        user, request = f"user-{rng.randrange(10_000)}", f"{rng.getrandbits(64):016x}"
        method, ms = rng.choice(("GET", "POST")), round(rng.lognormvariate(3.5, 1), 1)
        kind = rng.randrange(4)
        message = (
            f"Request to {path} completed with {status}",
            f"User {user} fetched {path}",
            f"Payment of {rng.randrange(900)}.{rng.randrange(100)} accepted for order {rng.randrange(10**6)}",
            f"cache miss for key item:{rng.randrange(10**6)}",
        )[kind]
        bad = level in {"ERROR", "CRITICAL"}
        rows.append(
            row(
                batch_id,
                i % batch_rows,
                timestamp=start + i * 20_000,
                received_at=received,
                processed_at=received + 1000,
                level=level,
                service=rng.choice(SERVICES),
                message=message,
                metadata=f'{{"request_id":"{request}","user_id":"{user}","status_code":{status},"method":"{method}",'
                f'"path":"{path}","response_time_ms":{ms},"region":"{rng.choice(("eu-1", "us-2"))}"}}',
                severity=70 if bad else 20,
                severity_class="high" if bad else "low",
                anomaly=bad or status >= 500,
                anomaly_reasons=["error_level"] if bad else [],
                tags=[rng.choice(("api", "auth", "payment", "general"))],
                fingerprint=(7919 * (kind + 1)) << 40,
                processor_id="worker-1",
                protocol="http",
                status_code=status,
                response_time_ms=ms,
                method=method,
                path=path,
                user_id=user,
                request_id=request,
            )
        )
    return frame(rows)


def later(block: pl.DataFrame, shift_s: float) -> pl.DataFrame:
    """The same rows under new batch ids, at later times; quicker than making others."""
    ids: dict[bytes, bytes] = {}
    fresh = [ids.setdefault(one, new_batch_id().bytes) for one in block["batch_id"].to_list()]
    return block.with_columns(
        batch_id=pl.Series(fresh, dtype=pl.Binary), timestamp=pl.col("timestamp") + pl.duration(seconds=shift_s)
    )
