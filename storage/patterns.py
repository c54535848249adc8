"""Logs grouped by what they say: those whose messages differ only in their variable parts have one fingerprint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from logmill.masking import MASK, VARIABLE
from storage import reading
from storage.clustering.clusters import clusters
from storage.clustering.tokens import MAX_CHARS, template
from storage.counting import Buckets, buckets_over
from storage.engine import schema
from storage.engine.protocol import Engine, Value
from storage.recent import Place
from storage.search.filters import Between, Bounds, Filter, both, highest, lowest
from storage.search.sql import condition
from storage.statements import statement

# A pattern's services that are named; it may have any number.
MAX_SERVICES = 20
# Fingerprints that are clustered, and characters of their messages together; of more, the most frequent.
MAX_CLUSTERED = 50_000
MAX_CLUSTERED_CHARS = 8_000_000
_LOOKUP_PLACES = 10_000


@dataclass(frozen=True, slots=True)
class Group:
    """Fingerprints that are shown as one pattern.

    Attributes:
        fingerprints: as the records have them, the most frequent first; ties by number.
        template: what their messages have in common; None where it is the masked message of a single one.
    """

    fingerprints: tuple[int, ...]
    template: str | None = None


@dataclass(frozen=True, slots=True)
class Pattern:
    """The logs of one group.

    Attributes:
        group: whose they are.
        logs: how many.
        trend: how many in each bucket.
        oldest_us: the smallest timestamp, microseconds since 1970-01-01 UTC.
        newest_us: the largest.
        levels: how many have each level.
        services: how many have each service, of the MAX_SERVICES most frequent; ties by name.
        newest: where the last one in the order stands, as an example of them.
    """

    group: Group
    logs: int
    trend: list[int]
    oldest_us: int
    newest_us: int
    levels: dict[str, int]
    services: dict[str, int]
    newest: Place


@dataclass(frozen=True, slots=True)
class Patterns:
    """The most frequent patterns, in this order; ties by their first fingerprint.

    Attributes:
        total: logs that pass, of all patterns.
        is_truncated: whether there are more patterns, or more fingerprints than are clustered.
        buckets: the times of the trends; None where no log passes.
        shown: the patterns.
    """

    total: int
    is_truncated: bool
    buckets: Buckets | None
    shown: tuple[Pattern, ...]


def most_frequent(
    engine: Engine, wanted: Filter, limit: int, bucket_count: int, *, is_clustered: bool = False
) -> Patterns:
    """Count fingerprints, then look at the details of the most frequent patterns only.

    Args:
        engine: where the logs are.
        wanted: the filter.
        limit: patterns at most.
        bucket_count: buckets at most, but for one.
        is_clustered: whether fingerprints with similar messages are one pattern. Which are depends on the set of
            masked messages that pass, and on nothing else.
    """
    where, params = condition(wanted)
    most = MAX_CLUSTERED if is_clustered else limit
    top = engine.select(statement("patterns", "most_frequent", where=where), {**params, "limit": most + 1})
    if not top.num_rows:
        return Patterns(0, is_truncated=False, buckets=None, shown=())
    since_us, until_us = lowest(wanted, "timestamp"), highest(wanted, "timestamp")
    since_us = top["oldest_us"][0].as_py() if since_us is None else since_us
    until_us = top["newest_us"][0].as_py() if until_us is None else until_us
    buckets = buckets_over(int(since_us), max(int(until_us), int(since_us)) + 1, bucket_count)
    counted = top.slice(0, most)
    is_truncated = top.num_rows > most
    if is_clustered:
        groups, is_all = _clustered(engine, counted)
        is_truncated = is_truncated or not is_all
    else:
        groups = [Group((fingerprint,)) for fingerprint in _numbers(counted)]
    shown = _details(engine, wanted, buckets, groups[:limit])
    return Patterns(top["total"][0].as_py(), is_truncated or len(groups) > limit, buckets, shown)


def examples(engine: Engine, patterns: tuple[Pattern, ...]) -> pa.Table:
    """The logs at the patterns' places, in any order; `masked` is what is left of the message without its variables."""
    return _at_places(engine, [pattern.newest for pattern in patterns], schema.READ_LIST)


def cut(masked: str) -> str:
    """A masked message of one of the `examples`, with a mask for what is too long to be shown."""
    return masked if len(masked) <= MAX_CHARS else masked[:MAX_CHARS] + MASK


def _clustered(engine: Engine, counted: pa.Table) -> tuple[list[Group], bool]:
    """The fingerprints in clusters, most frequent first, and whether nothing was left out for being too much."""
    logs = dict(zip(_numbers(counted), counted["logs"].to_pylist(), strict=True))
    columns = (counted[name].to_pylist() for name in ("place_us", "place_batch", "place_ordinal"))
    places = [Place(us, batch_id, ordinal) for us, batch_id, ordinal in zip(*columns, strict=True)]
    fingerprints: list[int] = []
    messages: list[str] = []
    chars, at = 0, 0
    while at < len(places) and chars <= MAX_CLUSTERED_CHARS:
        # What was cleared meanwhile is not found any more.
        found = _at_places(engine, places[at : at + _LOOKUP_PLACES], "fingerprint")
        for fingerprint, masked in sorted(
            zip(_numbers(found), found["masked"].to_pylist(), strict=True), key=lambda one: (-logs[one[0]], one[0])
        ):
            chars += len(masked)
            if chars > MAX_CLUSTERED_CHARS:
                break
            fingerprints.append(fingerprint)
            messages.append(masked)
        at += _LOOKUP_PLACES
    groups = []
    clustered = clusters(messages, reading.check)
    for pattern, members in clustered.found:
        # They are in their order by now.
        groups.append(Group(tuple(fingerprints[member] for member in members), template(pattern)))
    groups.sort(key=lambda group: (-sum(logs[one] for one in group.fingerprints), group.fingerprints[0]))
    return groups, chars <= MAX_CLUSTERED_CHARS and clustered.is_whole


def _at_places(engine: Engine, places: Sequence[Place], columns: str) -> pa.Table:
    params: dict[str, Value] = {
        "us": [str(place.timestamp_us) for place in places],
        "batches": [place.batch_id.hex() for place in places],
        "ordinals": [str(place.ordinal) for place in places],
        "variable": VARIABLE,
        "mask": MASK,
        # One more, to see whether it is cut.
        "chars": MAX_CHARS + 1,
    }
    sql = statement("patterns", "at_places", columns=f"{columns}, {statement('patterns', 'masked')}")
    return engine.select(sql, params)


def _numbers(table: pa.Table) -> list[int]:
    found: list[int] = table["fingerprint"].to_pylist()
    return found


def _details(engine: Engine, wanted: Filter, buckets: Buckets, groups: list[Group]) -> tuple[Pattern, ...]:
    # What was stored since the fingerprints were counted may lie outside the buckets.
    end_us = buckets.start_us + buckets.width_us * buckets.count
    within = Between("timestamp", Bounds(buckets.start_us, end_us, with_high=False))
    where, params = condition(both(wanted, within))
    numbered = [(one, number) for number, group in enumerate(groups) for one in group.fingerprints]
    params |= {
        "fingerprints": [str(fingerprint) for fingerprint, _ in numbered],
        "groups": [str(number) for _, number in numbered],
        "services": MAX_SERVICES,
        "buckets": buckets.count,
        "start_us": buckets.start_us,
        "width_us": buckets.width_us,
    }
    bucket = statement("counts", "bucket_of_row")
    table = engine.select(statement("patterns", "details", where=where, bucket=bucket), params)
    found = (
        Pattern(
            group=groups[row["number"]],
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
    return tuple(sorted(found, key=lambda pattern: (-pattern.logs, pattern.group.fingerprints[0])))
