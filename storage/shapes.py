"""What storage's answers hold, and the words that its routes are described with."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from logmill.openapi import Answer, Parameter, Shape, Success
from storage.log_schemas import Log, ShownLog

BAD_PARAMETER = {
    400: "a parameter is unknown, given too often, or has no such value",
    414: "path and parameters are longer than 8 KiB",
}
ENGINE_ERRORS = {
    400: "a parameter has no such value",
    413: "the answer would be too large; narrow the query",
    499: "the client did not wait for the answer",
    503: "the store cannot answer for now",
    504: "the query takes longer than it may",
}
QUERY_ERRORS = {**ENGINE_ERRORS, **BAD_PARAMETER}
STORE_FULL = {503: "the disk is full, or the store cannot take them for now; nothing was stored"}
LOG_ID = Parameter(
    "log_id",
    "The id of a log, <batch id>-<number>.",
    {"type": "string", "examples": ["01890a5d-ac96-774b-bcce-b302099a8057-7"]},
    "path",
)


class StoredBlock(Success):
    """What became of a block.

    Attributes:
        stored: how many of its logs are new.
        duplicates: how many were stored before.
        expired: how many were received on a day that was dropped, and are not stored; where there are any.
    """

    stored: int
    duplicates: int
    expired: int | UnsetType = UNSET


class StoredLog(Success):
    """One log is stored, now or before."""

    id: str


class StoredLogs(StoredBlock, kw_only=True):
    """Logs are stored, now or before.

    Attributes:
        count: how many.
        ids: theirs, in the order of the body.
    """

    count: int
    ids: list[str]


class LogPage(Success):
    """A page of logs, newest first.

    Attributes:
        count: how many it shows.
        truncated: whether there are more.
        next_cursor: for the next page, null where there is none.
    """

    count: int
    truncated: bool
    logs: list[ShownLog]
    next_cursor: str | None


class AnomalyPage(LogPage):
    """A page of anomalies.

    Attributes:
        truncated: whether there are more, or more reasons.
        by_reason: how many logs that pass have each reason, on all pages.
    """

    by_reason: dict[str, int]


class Context(Shape):
    """The logs around one, of the same service, host and file; both lists oldest first."""

    before: list[Log]
    after: list[Log]


class OneLog(Success):
    """One log.

    Attributes:
        context: those around it, where they are asked for.
    """

    log: Log
    context: Context | UnsetType = UNSET


class StoredState(Success):
    """The log is stored."""

    state: Literal["stored"]
    log: Log


class RejectedState(Success):
    """The log was accepted and could not be stored."""

    state: Literal["rejected"]
    reason: str
    code: str


class UnknownState(Success):
    """Nobody knows the log (yet)."""

    state: Literal["unknown"]


class Cleared(Success):
    """All logs are gone."""

    message: str


class RejectionsStored(Success):
    """Rejections were noted; `stored` says how many."""

    stored: int


class ShownRejection(Shape):
    """A log, or a whole batch, that was accepted and could not be stored.

    Attributes:
        batch_id: the batch's UUID.
        ordinal: the log's place in it, null for the whole batch.
        code: a short stable name of the fault.
        reason: the fault in words.
        lane: where it travelled.
        at: when it was rejected.
    """

    batch_id: str
    ordinal: int | None
    code: str
    reason: str
    lane: str
    at: str


class RejectionPage(Success):
    """The newest rejections; `truncated` says whether there are more."""

    count: int
    truncated: bool
    rejections: list[ShownRejection]


def upto(most: int, default: int, least: int = 1) -> dict[str, Any]:
    """The schema of a parameter that is a whole number."""
    return {"type": "integer", "minimum": least, "maximum": most, "default": default}


def found(content: Any, help_: str = "what was found") -> dict[int, Answer]:
    """200 with this content."""
    return {200: Answer(help_, content)}
