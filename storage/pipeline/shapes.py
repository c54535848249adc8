"""What GET /pipeline answers, for the OpenAPI document."""

from __future__ import annotations

from logmill.configuration import Shown
from logmill.openapi import Shape, Success
from storage.pipeline.lag import Lag
from storage.pipeline.producer import BrokerState, LaneDepth


class DeadCount(Shape):
    """How many dead letters there are; null is not known."""

    count: int | None


class Rates(Shape):
    """Logs a second, of the last 15 s; null is not known."""

    accepted_per_s: float | None
    stored_per_s: float


class History(Shape):
    """The last five minutes in steps, oldest first; null is not known.

    Attributes:
        step_s: how long a step is.
        stored: logs stored in each.
        accepted: logs that the producer accepted in each.
        waiting: messages that waited at the end of each, by lane.
    """

    step_s: int
    stored: list[int | None]
    accepted: list[int | None]
    waiting: dict[str, list[int | None]]


class Processor(Shape):
    """A processor that was seen since storage was started."""

    processor_id: str
    logs: int
    logs_per_s: float
    last_seen: str


class Count(Shape):
    """How many logs have a value."""

    value: str
    count: int


class Content(Shape):
    """The logs since the beginning of the last whole hour: the most frequent values of some fields."""

    since: str
    level: list[Count]
    service: list[Count]
    host: list[Count]
    tags: list[Count]


class RejectedCount(Shape):
    """How many logs, or whole batches, were rejected for a fault, of the time for which logs are kept."""

    code: str
    count: int


class Archive(Shape):
    """Where the logs of dropped days are kept; null is not known.

    Attributes:
        max_bytes: what its files may take, 0 for no bound.
        logs: how many were ever archived.
        pruned_files: how many were deleted for want of room.
        pruned_bytes: what those took.
    """

    folder: str
    max_bytes: int
    files: int | None
    bytes: int | None
    logs: int
    pruned_files: int
    pruned_bytes: int


class Retention(Shape):
    """What becomes of old logs, by whole days (UTC) of `received_at`.

    Attributes:
        days: so many days after its own a day is kept, 0 for ever.
        max_bytes: what all logs may take, 0 for no bound.
        over_bytes: by how much they exceed that, though nothing more may be dropped.
        oldest_day: the oldest day there is.
        drops_on: the day on which that one is too old.
        dropped_through: the last day that was dropped.
        dropped_days: how many were dropped, ever.
        dropped_logs: the logs in them.
        dropped_bytes: what those took on disk.
        expired_logs: logs of dropped days that came since the start, and are not stored.
        doing: archiving, dropping, or nothing.
        day: to which day.
        archived: how many of its logs are archived already.
        error: why the last look failed.
        makes_room: whether days are dropped before the disk is full, at the present rate; null is not known.
    """

    days: int
    max_bytes: int
    over_bytes: int
    oldest_day: str | None
    drops_on: str | None
    dropped_through: str | None
    dropped_days: int
    dropped_logs: int
    dropped_bytes: int
    expired_logs: int
    doing: str
    day: str | None
    archived: int
    error: str
    makes_room: bool | None
    archive: Archive | None


class Store(Shape):
    """What storage holds; null is not known.

    Attributes:
        memory_logs: logs that are in memory as well.
        retention: null where all logs are kept for ever.
        days_until_full: if logs go on coming as they did, and no days are dropped before that.
    """

    bytes: int | None
    parts: int | None
    logs: int | None
    bytes_per_log: float | None
    oldest: str | None
    newest: str | None
    free_bytes: int | None
    memory_logs: int
    retention: Retention | None
    days_until_full: float | None


class Producer(Shape):
    """What the producer says of itself, and why it does not."""

    reachable: bool
    url: str
    ready: bool
    reason: str
    broker: BrokerState | None


class Pipeline(Success):
    """How the pipeline is doing.

    Attributes:
        lag: from accepted to searchable, of the last minute, s; null where nothing came.
        content: null is not known.
        rejected: null is not known.
        configuration: the settings in force; secrets are hidden.
    """

    lanes: list[LaneDepth]
    dead: DeadCount
    rates: Rates
    history: History
    lag: Lag
    processors: list[Processor]
    storage: Store
    content: Content | None
    rejected: list[RejectedCount] | None
    producer: Producer
    configuration: list[Shown]
