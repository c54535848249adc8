"""What came of tests: GET /results/summary, as JSON, as text, and as a picture."""

from __future__ import annotations

from flask import Blueprint, Response, request

from logmill import web
from logmill.errors import InvalidField, Retry
from logmill.openapi import Answer, Parameter, describe
from logmill.parameters import whole_number
from logmill.results import chart
from logmill.results.document import as_document
from logmill.results.summary import Summary
from logmill.results.text import render as as_text
from logmill.timestamps import now_us
from storage import reading, result_shapes, shapes
from storage.search.described import filters
from storage.search.filters import EVERYTHING, Filter, Matches, Metadata, Or, both
from storage.search.parameters import MAX_VALUES, filter_of, single
from storage.search.patterns import Budget
from storage.search.terms import pieces_of
from storage.search.words import Wildcard, wildcard_pattern
from storage.store import Store

DEFAULT_LIMIT = 100
MAX_LIMIT = 10_000
_OWN = ("test", "limit", "format")
_TEXT = "text/plain"
_MEDIA: dict[str, str] = {
    "json": "application/json",
    "text": _TEXT,
    **{str(form): media for form, media in chart.FORMS.items()},
}
_CHART_WAIT_S = 30.0
# An SVG is a document: it may do nothing, wherever it is opened.
_HARMLESS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Vary": "Accept",
}


def blueprint(store: Store) -> Blueprint:
    """The route."""
    routes = Blueprint("results", __name__)

    @routes.get("/results/summary")
    @describe(
        "What came of tests",
        tag="Test results",
        parameters=[
            *filters(),
            Parameter(
                "test",
                "The name of a test; * and ? stand for any characters. Several values: any will do.",
                {"type": "array", "items": {"type": "string"}, "maxItems": MAX_VALUES},
            ),
            Parameter("limit", "How many tests at most; all are counted.", shapes.upto(MAX_LIMIT, DEFAULT_LIMIT)),
            Parameter(
                "format",
                "As what; else as the header Accept asks.",
                {"type": "string", "enum": [*_MEDIA]},
                may_be_empty=True,
            ),
        ],
        answers={
            200: Answer(
                "what was found",
                result_shapes.ResultsSummary,
                others={media: {"type": "string"} for media in (_TEXT, *chart.FORMS.values())},
            )
        },
        errors=shapes.QUERY_ERRORS,
    )
    def summary() -> Response:
        args = request.args.to_dict(flat=False)
        wanted = both(filter_of(args, now_us(), *_OWN), _tests(args.get("test", [])))
        form = _form(single(args, "format"))
        limit = whole_number("limit", single(args, "limit") or str(DEFAULT_LIMIT), 1, MAX_LIMIT)
        found = store.results(wanted)
        left_out = found.totals.tests - len(found.tests[:limit])
        shown = Summary(found.totals, found.tests[:limit])
        if form == "json":
            return web.answer({"status": "success", **as_document(shown, left_out)}, headers={"Vary": "Accept"})
        body: str | bytes = as_text(shown, left_out) if form == "text" else _drawn(shown, form, left_out)
        charset = "; charset=utf-8" if form == "text" else ""
        return Response(body, headers=_HARMLESS, content_type=f"{_MEDIA[form]}{charset}")

    return routes


def _form(asked: str) -> str:
    if not asked:
        media = str(request.accept_mimetypes.best_match([*_MEDIA.values()], default=_MEDIA["json"]))
        return next(form for form, one in _MEDIA.items() if one == media)
    if asked not in _MEDIA:
        raise InvalidField("format", f"format must be one of {', '.join(_MEDIA)}, not {asked[:100]!r}")
    return asked


def _tests(names: list[str]) -> Filter:
    """The runs of tests of these names; all where there is none."""
    names = [name for name in names if name]
    if len(names) > MAX_VALUES:
        raise InvalidField("test", f"test is given {len(names)} times, {MAX_VALUES} at most")
    if not names:
        return EVERYTHING
    budget = Budget()
    return Or(tuple(_test(name, budget) for name in names))


def _test(name: str, budget: Budget) -> Filter:
    pieces = pieces_of(name)
    budget.spend(sum(isinstance(piece, Wildcard) for piece in pieces))
    if any(isinstance(piece, Wildcard) for piece in pieces):
        return Metadata(("test",), Matches("metadata", wildcard_pattern(pieces, whole=True)))
    return Metadata(("test",), "".join(str(piece) for piece in pieces))


def _drawn(shown: Summary, form: str, left_out: int) -> bytes:
    limits = reading.current()
    wait_s = _CHART_WAIT_S if limits is None else limits.remaining_s
    try:
        return chart.draw(shown, "svg" if form == "svg" else "png", left_out, wait_s=wait_s)
    except TimeoutError as error:
        raise Retry(str(error)) from None
