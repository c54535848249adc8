"""All logs that pass a filter, however many they are: page after page, each from where the last one ended.

Nothing of the engine is held between two pages, and memory holds one. The order is total and logs do not change: what
was stored when the walk began is met exactly once where it is not deleted, what is stored meanwhile at most once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pyarrow as pa

from logmill.errors import Refused
from storage import pages
from storage.recent import Place
from storage.search.filters import Filter

# What the engine takes for a page grows faster than the page; below this, the cost of a query a page shows.
_PAGE_ROWS = 5000
_FIRST_PAGE_ROWS = 500
_PAGE_BYTES = 4 * 1024 * 1024
# What a query may answer; a smaller page is tried where it would be more.
MAX_ANSWER_BYTES = 32 * 1024 * 1024
# Rows that are made into text at a time; as objects of Python they take ten times their room.
PIECE_ROWS = 500

# The newest rows that pass, at most so many, after a place: `Store.newest_on_disk`.
Read: TypeAlias = Callable[[Filter, int, Place | None], pa.Table]


class Walk:
    """One walk, newest first; used by one thread.

    Args:
        read: reads rows. What it may answer is for the reading in force to bound, by MAX_ANSWER_BYTES.
        wanted: the filter.

    Attributes:
        is_over: whether the last page was read.
    """

    def __init__(self, read: Read, wanted: Filter) -> None:
        self._read = read
        self._wanted = wanted
        self._page_rows = _FIRST_PAGE_ROWS
        self._before: Place | None = None
        self.is_over = False

    def page(self) -> pa.Table:
        """The next page; the first and the last may be empty.

        Raises:
            LogmillError: as `Engine.select`.
        """
        while True:
            limit = self._page_rows
            try:
                rows = self._read(self._wanted, limit, self._before)
            except Refused as error:
                if error.code != "too_large" or limit == 1:
                    raise
                self._page_rows = max(1, limit // 8)
                continue
            if rows.num_rows < limit:
                self.is_over = True
            else:
                fitting = limit * _PAGE_BYTES // max(1, rows.nbytes)
                self._page_rows = max(1, min(_PAGE_ROWS, fitting, limit * 8))
                self._before = pages.last_place(rows)
            return rows
