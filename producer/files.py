"""The files of test results that a request carries: one as its body, or several as the parts of a form."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from logmill.broker.topology import MAX_MESSAGE_BYTES
from logmill.errors import InvalidField, Refused
from logmill.intake import NDJSON, NDJSON_TYPES, Rejection, name_of
from logmill.record import Lane
from logmill.results.message import PackedFile, SentFile
from logmill.results.model import FileResults, Problem, Result, short_name
from logmill.results.reading import read
from logmill.results.records import PROBLEM, left_out, why_unreadable
from logmill.submitted import MAX_LABEL_BYTES, Limits, check_length
from producer.pieces import FilePiece

MAX_FILES = 1000
# So many problems are in an answer; `problem_count` says how many there are.
SHOWN_PROBLEMS = 100
FORM = "multipart/form-data"
SHOWN_TYPES = ("text/plain", "application/xml", NDJSON)
TYPES = ("text/plain", "application/xml", "text/xml", "application/json", *sorted(NDJSON_TYPES))
# What programs say that do not know better.
_ANY = frozenset({"", "application/octet-stream"})
PARAMETERS = ("name", "service", "lane")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came.

    Attributes:
        body: what is in it.
        name: what the request calls it, whatever it says itself.
        hint: what it is called where it does not say so itself.
    """

    body: bytes
    name: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class TakenFile:
    """A file that can be taken; of what was read of it only what is answered, since a form has many.

    Attributes:
        name: of the file.
        format: of the file.
        counts: how many of its results are of each kind.
        problems: the first SHOWN_PROBLEMS.
        problem_count: all of them.
        piece: how it travels.
    """

    name: str
    format: str
    counts: Mapping[Result, int]
    problems: Sequence[Problem]
    problem_count: int
    piece: FilePiece

    @property
    def results(self) -> int:
        """How many it has."""
        return sum(self.counts.values())


def uploads_of(body: bytes, mimetype: str, boundary: str, query: Mapping[str, str]) -> list[Upload]:
    """The files in a body.

    Args:
        body: decompressed.
        mimetype: its content type without parameters, lower case.
        boundary: what parts it, where it is a form.
        query: the request's parameters; `name` names the one file.

    Raises:
        Refused: 415 for another content type, 400 where it is no form or has no file, 413 where it has too many.
        InvalidField: a parameter is unknown, or names several files.
    """
    for unknown in sorted(set(query) - set(PARAMETERS)):
        message = f"there is no parameter {unknown[:100]!r}; known are {', '.join(PARAMETERS)}"
        raise InvalidField(unknown[:100], message, code="unknown")
    name = query.get("name", "")
    if mimetype != FORM:
        if mimetype not in _ANY and mimetype not in TYPES:
            message = f"Content-Type {mimetype!r} is not known; use {', '.join((*SHOWN_TYPES, FORM))}"
            raise Refused(message, code="unsupported_media_type", status=415)
        if not body.strip():
            raise Refused("the body is empty", code="empty")
        return [Upload(body, name)]
    found = list(_parts(body, boundary))
    if not found:
        raise Refused("the form has no file", code="empty")
    if name and len(found) > 1:
        raise InvalidField("name", f"name names one file, and the form has {len(found)}")
    return [Upload(part.body, name, part.hint) for part in found]


def _parts(body: bytes, boundary: str) -> Iterator[Upload]:
    parser = FormDataParser(
        stream_factory=lambda *_args, **_more: io.BytesIO(),
        max_form_memory_size=None,
        max_form_parts=MAX_FILES,
        silent=False,
    )
    try:
        _, form, files = parser.parse(io.BytesIO(body), FORM, len(body), {"boundary": boundary})
    except RequestEntityTooLarge:
        raise Refused(f"more than {MAX_FILES} parts in one form", code="too_many", status=413) from None
    except ValueError as error:
        raise Refused(f"the body is no form: {error}", code="malformed") from None
    for field in form:
        raise InvalidField(field[:100], f"{field[:100]!r} is no file; parameters go into the address", code="unknown")
    for _, found in files.lists():
        for file in found:
            yield Upload(file.stream.read(), hint=file.filename or "")


def digest_body(uploads: Sequence[Upload]) -> bytes:
    """What a retry of the request has in common with it: a form's boundary is another each time."""
    return msgspec.msgpack.encode([(upload.body, upload.hint) for upload in uploads])


def take(upload: Upload, index: int, service: str, lane: Lane, limits: Limits) -> TakenFile:
    """What is in a file, and how it travels.

    Args:
        upload: the file.
        index: its place among the files of the request that are taken.
        service: whose tests they are, "" where nobody says it.
        lane: where it travels.
        limits: what is too much.

    Raises:
        Refused: nothing can be read in it (400), or it is too large (413).
        InvalidField: the service is no name.
    """
    found = read(upload.body, name=upload.name, hint=upload.hint, max_outcomes=limits.max_batch_records)
    called = short_name(upload.name or upload.hint)
    if not found.is_readable:
        raise Refused(why_unreadable(found, called), code="unreadable", more={"errors": _as_errors(found)})
    if found.left_out:
        raise Refused(left_out(found, called), code="too_many", status=413)
    check_length("service", service, MAX_LABEL_BYTES)
    packed = PackedFile.of(SentFile(upload.body, short_name(upload.name), short_name(upload.hint), service))
    if len(packed.body) > MAX_MESSAGE_BYTES:
        message = (
            f"{called or found.name!r} is {len(packed.body)} bytes long when compressed, {MAX_MESSAGE_BYTES} at most"
        )
        raise Refused(message, code="too_large", status=413)
    return TakenFile(
        name=found.name,
        format=found.format,
        counts=found.counts(),
        problems=found.problems[:SHOWN_PROBLEMS],
        problem_count=found.problem_count,
        piece=FilePiece(lane, [index], packed, 1 + len(found.outcomes)),
    )


def _as_errors(found: FileResults) -> list[Rejection]:
    """The problems of a file as errors are told."""
    return [
        Rejection(index=index, code=PROBLEM, message=problem.message, field=name_of(problem.line), line=problem.line)
        for index, problem in enumerate(found.problems[:SHOWN_PROBLEMS])
    ]
