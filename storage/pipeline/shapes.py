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


class Store(Shape):
    """What storage holds; null is not known.

    Attributes:
        memory_logs: logs that are in memory as well.
        days_until_full: if logs go on coming as they did.
    """

    bytes: int | None
    parts: int | None
    logs: int | None
    bytes_per_log: float | None
    oldest: str | None
    newest: str | None
    free_bytes: int | None
    memory_logs: int
    retention: None
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
        configuration: the settings in force; secrets are hidden.
    """

    lanes: list[LaneDepth]
    dead: DeadCount
    rates: Rates
    history: History
    lag: Lag
    processors: list[Processor]
    storage: Store
    producer: Producer
    configuration: list[Shown]
