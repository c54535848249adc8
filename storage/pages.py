"""Pages of logs: what a request for one asks, and the answer with the cursor of the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from logmill.errors import InvalidField
from logmill.parameters import whole_number
from logmill.parts import METADATA
from storage import context, render
from storage.recent import Place
from storage.search import cursor
from storage.search.cursor import Cursor
from storage.search.filters import Filter
from storage.search.parameters import Args, filter_of, single

DEFAULT_LIMIT = 100
# Parts of the metadata that may be asked for, and the names in one, `metadata` among them: each costs a look.
MAX_PATHS = 50
MAX_PATH_NAMES = 11


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the newest logs.

    Attributes:
        wanted: the filter.
        limit: how many logs at most.
        before: where the last page ended, None for the first.
        fields: those that are shown, or parts of them; none for all.
        args: the parameters it came from.
        now_us: what relative times count from.
    """

    wanted: Filter
    limit: int
    before: Place | None
    fields: tuple[str, ...]
    args: Args
    now_us: int


def parse(args: Args, max_limit: int, now_us: int) -> Page:
    """The page that a request's parameters ask for.

    Raises:
        InvalidField: names the parameter.
    """
    text = single(args, "cursor")
    at = cursor.decode(text, args) if text else None
    now_us = now_us if at is None else at.now_us
    wanted = filter_of(args, now_us, "limit", "cursor", "fields")
    limit = parse_limit(single(args, "limit", str(min(DEFAULT_LIMIT, max_limit))), max_limit)
    return Page(wanted, limit, None if at is None else at.place, fields_of(args), args, now_us)


def parse_limit(text: str, max_limit: int) -> int:
    """A number of records from 1 to `max_limit`."""
    return whole_number("limit", text, 1, max_limit)


def shown(rows: pa.Table, page: Page) -> dict[str, Any]:
    """The answer: the logs, how many, whether there are more, and where the next page begins; None where it is empty.

    Args:
        rows: those of the page and, where there is one, the row after it.
        page: what was asked.
    """
    is_truncated = rows.num_rows > page.limit
    rows = rows.slice(0, page.limit)
    logs = render.chosen(rows, page.fields)
    following = None
    if is_truncated:
        following = cursor.encode(Cursor(last_place(rows), page.now_us), page.args)
    return {"status": "success", "count": len(logs), "truncated": is_truncated, "logs": logs, "next_cursor": following}


def last_place(rows: pa.Table) -> Place:
    """Where a page of these rows, at least one, ends."""
    return context.place_of(rows, rows.num_rows - 1)


def fields_of(args: Args) -> tuple[str, ...]:
    """The fields to be shown, or parts of them, in the order they were asked for; none where all are.

    Raises:
        InvalidField: there is no such field, or too many parts are asked for.
    """
    asked = [name.strip() for value in args.get("fields", []) for name in value.split(",") if name.strip()]
    names = tuple(dict.fromkeys(asked))
    for name in names:
        if name not in render.FIELDS and name not in render.PARTS_OF_SOURCE and not _is_path(name):
            known = ", ".join((*render.FIELDS, *render.PARTS_OF_SOURCE))
            message = f"there is no field {name[:100]!r}; known are {known}, and parts of the metadata as metadata.a.b"
            raise InvalidField("fields", message)
    paths = [name.split(".") for name in names if _is_path(name)]
    if len(paths) > MAX_PATHS or any(len(path) > MAX_PATH_NAMES for path in paths):
        message = f"at most {MAX_PATHS} parts of the metadata can be shown, at most {MAX_PATH_NAMES - 1} levels deep"
        raise InvalidField("fields", message)
    return names


def _is_path(name: str) -> bool:
    return name.startswith(f"{METADATA}.") and name != f"{METADATA}."
