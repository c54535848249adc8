"""What is said of one route: its parameters, its body, its answers; `describe` says it beside the code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

JSON = "application/json"
View = TypeVar("View", bound=Callable[..., Any])
# The headings of what every service has.
STATE, DOCUMENTATION = COMMON_TAGS = ("State", "Documentation")
_ATTRIBUTE = "logmill_operation"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter.

    Attributes:
        name: as in the request; of a path, as in its route.
        help: one sentence for people.
        schema: JSON Schema of its value; one of type array may be given several times.
        place: where in the request it is.
        is_required: whether it must be there; one of a path must.
        may_be_empty: whether it is as if it were not there where its value is empty.
    """

    name: str
    help: str
    schema: Mapping[str, Any]
    place: Literal["query", "path", "header"] = "query"
    is_required: bool = False
    may_be_empty: bool = False


@dataclass(frozen=True, slots=True)
class Body:
    """What a request carries.

    Attributes:
        help: one sentence for people.
        content: by media type, the type that msgspec has a schema of, a tuple of such types, or a schema.
        examples: by media type, one body that is taken.
    """

    help: str
    content: Mapping[str, Any]
    examples: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back with one status.

    Attributes:
        help: one sentence for people.
        content: the type that msgspec has a schema of, a tuple of such types, or a schema; None for no body.
        media: the media types of the body.
        headers: those that it may have beside the usual, with what they say.
        others: what it may hold instead, by media type.
    """

    help: str
    content: Any = None
    media: Sequence[str] = (JSON,)
    headers: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """All that is said of a route.

    Attributes:
        summary: what it does, in a few words.
        tag: the heading it stands under.
        answers: by status, those that are no errors.
        errors: by status, when it comes; each has the one shape of errors.
        parameters: in the order they are shown.
        body: what the request carries, if it does.
        help: what else there is to say, in Markdown.
    """

    summary: str
    tag: str
    answers: Mapping[int, Answer]
    errors: Mapping[int, str] = field(default_factory=dict)
    parameters: Sequence[Parameter] = ()
    body: Body | None = None
    help: str = ""


def describe(
    summary: str,
    *,
    tag: str,
    answers: Mapping[int, Answer],
    errors: Mapping[int, str] | None = None,
    parameters: Sequence[Parameter] = (),
    body: Body | None = None,
    help: str = "",  # noqa: A002 - it is read beside the names of `Operation`
) -> Callable[[View], View]:
    """Say of a view function what the document shows of it; the arguments are those of `Operation`.

    Errors that every route may answer need not be named: 401 or 421, and of a body 400, 408, 413 and 415.
    """
    operation = Operation(summary, tag, answers, errors or {}, parameters, body, help)

    def attach(view: View) -> View:
        setattr(view, _ATTRIBUTE, operation)
        return view

    return attach


def operation_of(view: Callable[..., Any]) -> Operation | None:
    """What was said of a view function or method; None where nothing was."""
    found: Operation | None = getattr(view, _ATTRIBUTE, None)
    return found
