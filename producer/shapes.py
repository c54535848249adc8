"""What the producer's answers hold, and the words that its routes are described with."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from logmill.intake import NDJSON, NDJSON_TYPES, Rejection
from logmill.openapi import Answer, Body, Parameter, Shape, Success
from logmill.openapi.operation import JSON
from logmill.openapi.records import LANE, LINES, SubmittedLog
from producer.formats.text import Defaults
from producer.idempotency import HEADER, REPLAYED

TEXT = "text/plain"
AWAY = "the broker is away, full, or confirms nothing in time; nothing may be taken for accepted"
_TEXT_SCHEMA = {"type": "string"}
_EXAMPLE: dict[str, Any] = {
    "level": "ERROR",
    "service": "auth",
    "message": "login failed",
    "metadata": {"user_id": "7"},
}
_HELP_OF_LINES = {
    "level": "of lines that name none",
    "service": "of all lines",
    "host": "where the lines were written",
    "file": "the file they were read from",
}

KEY = Parameter(
    HEADER,
    "A name of this request: sent again with the same body, it is accepted once. 1 to 255 visible ASCII characters.",
    {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "header",
)
IDS = Parameter(
    "ids", "Whether the answer names the ids of all logs.", {"type": "boolean", "default": False}, may_be_empty=True
)
_LANE = Parameter(
    "lane", "The lane of logs that ask for none themselves.", {"type": "string", "enum": LANE["enum"][:-1]}
)
# Only of text, as the document cannot say: they are refused where the body is JSON.
_OF_TEXT = [Parameter(name, f"Of {TEXT}: {_HELP_OF_LINES[name]}.", _TEXT_SCHEMA) for name in Defaults.__struct_fields__]
OPTIONS = [IDS, _LANE, *_OF_TEXT, KEY]
ONE = Body(
    "One log: a JSON object, or a text that is its message.",
    {JSON: SubmittedLog, NDJSON: LINES, TEXT: _TEXT_SCHEMA},
    {JSON: _EXAMPLE, TEXT: "2026-01-31 12:00:00 ERROR login failed"},
)
MANY = Body(
    "Logs: a JSON array, an object a line, or lines of text.",
    {JSON: Annotated[list[SubmittedLog], Meta(min_length=1)], NDJSON: LINES, TEXT: _TEXT_SCHEMA},
    {JSON: [_EXAMPLE], NDJSON: '{"message": "login failed", "level": "ERROR"}\n', TEXT: "ERROR login failed\n"},
)
ALSO_TAKEN = (
    f"NDJSON goes by {', '.join(sorted(NDJSON_TYPES))}. Bodies may be compressed: `Content-Encoding: gzip` or `zstd`."
)
KEY_REUSED = {422: f"the {HEADER} came with another request before"}


class Accepted(Success):
    """One log was accepted: the broker has it on disk.

    Attributes:
        log_id: its id.
        task_id: the same, for GET /task/{task_id}.
    """

    message: str
    log_id: str
    task_id: str


class BatchAccepted(Success):
    """Logs were accepted, the good ones of a batch.

    Attributes:
        accepted: how many.
        rejected: how many were not.
        errors: why each was not.
        log_ids: the ids of those that were, in their order, where the request asks for them.
    """

    message: str
    accepted: int
    rejected: int
    errors: list[Rejection] | UnsetType = UNSET
    log_ids: list[str] | UnsetType = UNSET


class Task(Shape):
    """What became of a log.

    Attributes:
        status: PENDING also where nobody knows it (yet).
        result: the log as it is stored, once it is.
        reason: why it could not be stored.
    """

    task_id: str
    status: Literal["PENDING", "SUCCESS", "FAILURE"]
    result: dict[str, Any] | None
    reason: str | UnsetType = UNSET


class LaneState(Shape):
    """One lane; null is not known.

    Attributes:
        messages: those that wait to be delivered.
        unacknowledged: those that are with processors.
        bytes: bodies of both.
        accepted: logs taken for it since the producer was started.
    """

    lane: str
    messages: int | None
    unacknowledged: int | None
    bytes: int | None
    accepted: int


class BrokerState(Shape):
    """The broker, and why it cannot be asked."""

    kind: str
    reachable: bool
    reason: str


class DeadCount(Shape):
    """How many dead letters there are; null is not known."""

    count: int | None


class Pipeline(Success):
    """How the pipeline is doing, seen from the producer.

    Attributes:
        ready: whether logs are taken.
        reason: what is waited for where they are not.
        age_s: how old what the broker said is.
    """

    ready: bool
    reason: str
    broker: BrokerState
    age_s: float
    lanes: list[LaneState]
    dead: DeadCount


class Endpoint(Shape):
    """One thing that can be asked; `path` has the names of its parts in braces."""

    method: str
    path: str
    summary: str


class Index(Success):
    """What the service is, and where to go on.

    Attributes:
        service: its name.
        version: of Logmill.
        endpoints: all that it answers.
        links: the paths that can be opened as they are, by name.
    """

    service: str
    version: str
    endpoints: list[Endpoint]
    links: dict[str, str]


def accepted(content: Any) -> Answer:
    """201, and what it has beside it where the request came before."""
    headers = {name: f"{value}, where the same request was accepted before" for name, value in REPLAYED.items()}
    return Answer("the broker has them on disk", content, headers=headers)
