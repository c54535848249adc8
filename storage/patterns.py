"""Logs grouped by what they say: those whose messages differ only in their variable parts have one fingerprint."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from storage.counting import Buckets, buckets_over
from storage.engine import schema
from storage.engine.protocol import Engine
from storage.recent import Place
from storage.search.filters import Between, Bounds, Filter, both, highest, lowest
from storage.search.sql import condition
from storage.statements import statement

# A fingerprint's services that are named; it may have any number.
MAX_SERVICES = 20


@dataclass(frozen=True, slots=True)
class Pattern:
    """One fingerprint's logs.

    Attributes:
        fingerprint: as the record has it.
        logs: how many.
        trend: how many in each bucket.
        oldest_us: the smallest timestamp, microseconds since 1970-01-01 UTC.
        newest_us: the largest.
        levels: how many have each level.
        services: how many have each service, of the MAX_SERVICES most frequent; ties by name.
        newest: where the last one in the order stands, as an example of them.
    """

    fingerprint: int
    logs: int
    trend: list[int]
    oldest_us: int
    newest_us: int
    levels: dict[str, int]
    services: dict[str, int]
    newest: Place


@dataclass(frozen=True, slots=True)
class Patterns:
    """The most frequent patterns, in this order; ties by fingerprint.

    Attributes:
        total: logs that pass, of all patterns.
        is_truncated: whether there are more patterns.
        buckets: the times of the trends; None where no log passes.
        shown: the patterns.
    """

    total: int
    is_truncated: bool
    buckets: Buckets | None
    shown: tuple[Pattern, ...]


def most_frequent(engine: Engine, wanted: Filter, limit: int, bucket_count: int) -> Patterns:
    """Count fingerprints, then look at the details of the most frequent only.

    Args:
        engine: where the logs are.
        wanted: the filter.
        limit: patterns at most.
        bucket_count: buckets at most, but for one.
    """
    where, params = condition(wanted)
    top = engine.select(statement("patterns", "most_frequent", where=where), {**params, "limit": limit + 1})
    if not top.num_rows:
        return Patterns(0, is_truncated=False, buckets=None, shown=())
    since_us, until_us = lowest(wanted, "timestamp"), highest(wanted, "timestamp")
    since_us = top["oldest_us"][0].as_py() if since_us is None else since_us
    until_us = top["newest_us"][0].as_py() if until_us is None else until_us
    buckets = buckets_over(int(since_us), max(int(until_us), int(since_us)) + 1, bucket_count)
    shown = _details(engine, wanted, buckets, top["fingerprint"].to_pylist()[:limit])
    return Patterns(top["total"][0].as_py(), top.num_rows > limit, buckets, shown)


def examples(engine: Engine, patterns: tuple[Pattern, ...]) -> pa.Table:
    """The logs at the patterns' places, in any order."""
    places = [pattern.newest for pattern in patterns]
    params = {
        "us": [str(place.timestamp_us) for place in places],
        "batches": [place.batch_id.hex() for place in places],
        "ordinals": [str(place.ordinal) for place in places],
    }
    return engine.select(statement("patterns", "at_places", columns=schema.READ_LIST), params)


def _details(engine: Engine, wanted: Filter, buckets: Buckets, fingerprints: list[int]) -> tuple[Pattern, ...]:
    # What was stored since the fingerprints were counted may lie outside the buckets.
    end_us = buckets.start_us + buckets.width_us * buckets.count
    within = Between("timestamp", Bounds(buckets.start_us, end_us, with_high=False))
    where, params = condition(both(wanted, within))
    params |= {
        "fingerprints": [str(fingerprint) for fingerprint in fingerprints],
        "services": MAX_SERVICES,
        "buckets": buckets.count,
        "start_us": buckets.start_us,
        "width_us": buckets.width_us,
    }
    bucket = statement("counts", "bucket_of_row")
    table = engine.select(statement("patterns", "details", where=where, bucket=bucket), params)
    found = (
        Pattern(
            fingerprint=row["fingerprint"],
            logs=row["logs"],
            trend=row["trend"],
            oldest_us=row["oldest_us"],
            newest_us=row["newest_us"],
            levels=dict(row["levels"]),
            services={one["name"]: one["logs"] for one in row["services"]},
            newest=Place(row["place_us"], row["place_batch"], row["place_ordinal"]),
        )
        for row in table.to_pylist()
    )
    return tuple(sorted(found, key=lambda pattern: (-pattern.logs, pattern.fingerprint)))
