"""What answers that count logs hold: histogram, facets, patterns and statistics."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta

from logmill.openapi import Shape, Success
from storage.log_schemas import Log

Fingerprint: TypeAlias = Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]


class Bucket(Shape):
    """One piece of time.

    Attributes:
        count: logs in it; of a field that is a list, each of its values counts.
        values: the same by value.
    """

    start: str
    count: int
    values: dict[str, int]


class Histogram(Success):
    """Logs over time.

    Attributes:
        by: the field that is counted by.
        total: logs in all buckets.
        bucket_ms: how long each bucket is; null, as the ends are, where no log passes.
        truncated: whether there are more values than the buckets show.
    """

    by: str
    total: int
    bucket_ms: int | None
    since: str | None
    until: str | None
    truncated: bool
    buckets: list[Bucket]


class Value(Shape):
    """A value and how many logs have it; "" stands for those that have none."""

    value: str
    count: int


class Counts(Success):
    """The base of answers that count the values of several fields.

    Attributes:
        truncated: whether any field has more values than are shown.
        truncated_fields: which have.
    """

    truncated: bool
    truncated_fields: list[str]


class Facets(Counts):
    """The most frequent values of fields, by field; `truncated_fields` names those that have more."""

    facets: dict[str, list[Value]]


class Pattern(Shape):
    """Logs whose messages differ only in their variable parts.

    Attributes:
        template: what the messages have in common, `<*>` for what is variable.
        fingerprint: theirs; of several, the most frequent.
        fingerprints: all of them, or the most frequent of more.
        fingerprint_count: how many there are.
        count: logs.
        share: how much of `total` that is, 0 to 1.
        trend: how many in each bucket.
        first_seen: the oldest timestamp of those that pass the filter.
        last_seen: the newest.
        levels: how many have each level.
        services: how many have each of the most frequent services.
        example: the last of them, null where it was cleared meanwhile.
    """

    template: str
    fingerprint: Fingerprint
    fingerprints: list[Fingerprint]
    fingerprint_count: int
    count: int
    share: float
    trend: list[int]
    first_seen: str
    last_seen: str
    levels: dict[str, int]
    services: dict[str, int]
    example: Log | None


class Patterns(Success):
    """What logs say, most frequent first.

    Attributes:
        total: logs that pass, of all patterns.
        count: patterns that are shown.
        truncated: whether there are more, or more fingerprints than are clustered.
        since: where the trends begin; null, as `until` and `bucket_ms` are, where no log passes.
    """

    total: int
    count: int
    truncated: bool
    since: str | None
    until: str | None
    bucket_ms: int | None
    patterns: list[Pattern]


class Rates(Shape):
    """Logs a second, by event time."""

    last_minute: float
    last_5_minutes: float
    last_hour: float


class Disk(Shape):
    """What the store has on disk, of all logs."""

    bytes: int
    parts: int
    bytes_per_log: float | None


class Statistics(Counts):
    """Totals of the logs that pass, and what is on disk of all; `truncated_fields` names the counts that have more."""

    total_logs: int
    by_level: dict[str, int]
    by_service: dict[str, int]
    by_priority: dict[str, int]
    by_host: dict[str, int]
    by_file: dict[str, int]
    logs_per_s: Rates
    oldest: str | None
    newest: str | None
    disk: Disk
