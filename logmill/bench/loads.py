"""What is sent, and what an answer to it means: logs for the producer, questions for storage."""

from __future__ import annotations

import random
from typing import Protocol

import msgspec

from logmill.bench.connection import TIMEOUT, Answer, Request
from logmill.bench.counts import Counts
from logmill.bench.plan import Part, Plan
from logmill.bench.recorder import Outcome
from logmill.bench.records import Bodies

ACCEPTED, FOUND = 201, 200
REFUSALS = frozenset({429, 503})
_CLIENT_ERRORS = range(400, 500)
NOT_ASKED = "(not asked)"


class Load(Protocol):
    """A kind of load; for many threads.

    Attributes:
        dropped_name: under which requests count that were not sent.
    """

    dropped_name: str

    def request(self, number: int) -> Request:
        """The request with this number: the same for the same seed, but for times."""

    def outcome(self, request: Request, answer: Answer) -> Outcome:
        """How a request ended that got this answer."""


class _Accepted(msgspec.Struct):
    """The answer to a batch; that to a single log has no numbers."""

    accepted: int | None = None
    rejected: int = 0


class _Error(msgspec.Struct):
    code: str = ""
    message: str = ""


class Ingest:
    """Logs for the producer, as `Bodies` makes them. No Idempotency-Key, since nothing is sent twice."""

    dropped_name = Part.INGEST.value

    def __init__(self, plan: Plan) -> None:
        self._batch = plan.batch
        self._path = "/logs" if plan.batch == 1 else "/logs/batch"
        self._bodies = Bodies(plan.seed, plan.run, plan.batch)

    def request(self, number: int) -> Request:
        """As `Load`."""
        return Request(Part.INGEST.value, "POST", self._path, self._bodies.body(number), self._batch)

    def outcome(self, request: Request, answer: Answer) -> Outcome:
        """As `Load`."""
        counts = Counts(bytes_sent=len(request.body), bytes_received=answer.received_bytes)
        if answer.status == ACCEPTED:
            try:
                told = msgspec.json.decode(answer.body, type=_Accepted)
            except msgspec.DecodeError:
                counts.logs_unsure = request.logs
                return failed(counts, answer, "answer is no JSON")
            counts.ok = 1
            counts.logs_accepted = request.logs if told.accepted is None else told.accepted
            counts.logs_rejected = told.rejected
            return Outcome(counts, is_timed=True, example=_text(answer) if told.rejected else "")
        if (outcome := refused(counts, answer)) is not None:
            counts.logs_refused = request.logs
            return outcome
        if answer.status in _CLIENT_ERRORS:
            counts.logs_rejected = request.logs
        else:
            counts.logs_unsure = request.logs
        return failed(counts, answer)


class Query:
    """Questions for storage, drawn from those of the plan, each of them as often."""

    dropped_name = NOT_ASKED

    def __init__(self, plan: Plan) -> None:
        self._seed = plan.seed
        self._questions = plan.questions

    def request(self, number: int) -> Request:
        """As `Load`."""
        question = random.Random(self._seed << 40 ^ number).choice(self._questions)  # noqa: S311 - no secret
        return Request(question.name, "GET", question.path)

    def outcome(self, _request: Request, answer: Answer) -> Outcome:
        """As `Load`."""
        counts = Counts(bytes_received=answer.received_bytes)
        if answer.status == FOUND:
            counts.ok = 1
            return Outcome(counts, is_timed=True)
        return refused(counts, answer) or failed(counts, answer)


def load_of(part: Part, plan: Plan) -> Load:
    """The load of a part of the plan, ingest or query."""
    return Ingest(plan) if part is Part.INGEST else Query(plan)


def refused(counts: Counts, answer: Answer) -> Outcome | None:
    """How a request ended that may be sent again; None where this answer says something else."""
    if answer.status not in REFUSALS:
        return None
    counts.refused = 1
    return Outcome(counts, is_timed=False)


def failed(counts: Counts, answer: Answer, kind: str = "") -> Outcome:
    """How a request ended that was not answered well.

    Args:
        counts: what it counts for beside.
        answer: what it got.
        kind: of its failure; by its answer where there is none.
    """
    counts.failed = 1
    return Outcome(
        counts, answer.trouble == TIMEOUT, kind or answer.trouble or f"status {answer.status}", _text(answer)
    )


def _text(answer: Answer) -> str:
    """What an answer says, in words where it is one of ours."""
    try:
        error = msgspec.json.decode(answer.body, type=_Error)
    except msgspec.DecodeError:
        error = _Error()
    said = f"{error.code}: {error.message}" if error.code else answer.body.decode("utf-8", "replace")
    return f"{answer.status} {said}" if answer.status else ""
