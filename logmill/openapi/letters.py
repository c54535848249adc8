"""Requests for dead letters and their answers, which the producer gives and storage passes on."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from logmill.openapi.operation import JSON, Body, Parameter
from logmill.openapi.shapes import Shape, Success

TAG = "Dead letters"
DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
MAX_IDS = 10_000


class Chosen(msgspec.Struct, forbid_unknown_fields=True):
    """Which letters: those of ids, or all."""

    ids: Annotated[list[str], Meta(max_length=MAX_IDS)] = []
    all: bool = False


class Letter(Shape):
    """A dead letter: a message that could not be processed.

    Attributes:
        lane: where it travelled.
        reason: why it is here.
        at: since when.
        origin: where it came from.
        message_id: its batch id, or what its sender called it.
        bytes: how long it is.
        records: how many logs it has, where that is known.
    """

    id: str
    lane: str
    reason: str
    at: str
    origin: str
    message_id: str
    content_type: str
    bytes: int
    records: int | UnsetType = UNSET


class WholeLetter(Letter, kw_only=True):
    """A dead letter with its content.

    Attributes:
        form: how the content is shown: a list of logs, UTF-8, or base64 of anything else.
        truncated: whether there is more of it.
    """

    form: Literal["records", "text", "base64"]
    content: list[dict[str, Any]] | str
    truncated: bool


class Letters(Success):
    """Some dead letters.

    Attributes:
        count: how many there are.
        letters: the oldest.
    """

    count: int
    letters: list[Letter]


class OneLetter(Success):
    """One dead letter."""

    letter: WholeLetter


class Replayed(Success):
    """What was sent on its way again.

    Attributes:
        replayed: how many letters.
        missing: how many ids none was found for.
        searched: among how many letters, where there are more.
    """

    replayed: int
    missing: int
    searched: int | UnsetType = UNSET


class Purged(Success):
    """What was removed; the fields are those of `Replayed`."""

    purged: int
    missing: int
    searched: int | UnsetType = UNSET


CHOSEN = Body("The letters: their ids, or all.", {JSON: Chosen}, {JSON: {"all": True}})
LIMIT = Parameter(
    "limit",
    "How many letters at most.",
    {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
)
LETTER_ID = Parameter("letter_id", "Its id.", {"type": "string"}, "path")
NONE = {404: "there is no such letter"}
