"""A log as the generator makes it: what `POST /logs/batch` takes, and what all formats are written from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import msgspec


class Metadata(msgspec.Struct, omit_defaults=True, gc=False):
    """What is known of a log beside its text; what there is none of is empty and left out.

    Attributes:
        request_id: the same in all logs of one request, whichever service wrote them.
        user_id: whose request it is.
        session_token: what the user is known by; redaction takes it out on the way, as it should.
        client_ip: where the request came from; of the range for tests (198.18.0.0/15), so nobody's.
        method: of the HTTP request, or of the call between services.
        path: of the same.
        status_code: how it was answered.
        response_time_ms: how long that took.
        error_code: what went wrong, for programs.
        tags: what it is about.
        user_agent: the browser.
        bytes: of the answer.
    """

    request_id: str = ""
    user_id: str = ""
    session_token: str = ""
    client_ip: str = ""
    method: str = ""
    path: str = ""
    status_code: int = 0
    response_time_ms: float | None = None
    error_code: str = ""
    tags: Sequence[str] = ()
    user_agent: str = ""
    bytes: int = 0


class Log(msgspec.Struct, omit_defaults=True, gc=False):
    """One log. Its time is kept beside it (`Made.times_us`); `timestamp` is that time once a format has written it."""

    timestamp: str
    level: str
    service: str
    message: str
    host: str = ""
    trace_id: str = ""
    span_id: str = ""
    metadata: Metadata = msgspec.field(default_factory=Metadata)


class Made(NamedTuple):
    """Logs in the order of their times, which are microseconds since 1970-01-01 UTC."""

    times_us: list[int]
    logs: list[Log]


# A log on its way into an `Agenda`: its time (microseconds) and its number, both negative, so that sorting puts the
# next one last, where it is taken cheaply.
Item = tuple[int, int, Log]
# What is put behind the members of `Metadata`, one text for each custom field.
NewMetadata = Callable[..., Metadata]
OWN_NAMES = frozenset(Metadata.__struct_fields__)


def metadata_with(names: Sequence[str]) -> NewMetadata:
    """What makes metadata that has these members too, all of them text, behind those of `Metadata`."""
    if not names:
        return Metadata
    attributes = [f"custom_{place}" for place in range(len(names))]
    made = msgspec.defstruct(
        "CustomMetadata",
        [(attribute, str, "") for attribute in attributes],
        bases=(Metadata,),
        omit_defaults=True,
        gc=False,
        rename=dict(zip(attributes, names, strict=True)),
    )
    return cast("NewMetadata", made)
