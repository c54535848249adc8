"""How many files are open."""

from __future__ import annotations

from collector.files.catalogue import Catalogue
from collector.files.followed import Followed


class OpenFiles:
    """Closes the files that have been silent for longest, where too many are open.

    Args:
        catalogue: all files.
        max_open: so many at a time.
    """

    def __init__(self, catalogue: Catalogue, max_open: int) -> None:
        self._catalogue = catalogue
        self._max_open = max_open
        # At least as many as are open; counted anew where that is too many.
        self._count = 0

    def add(self, newest: Followed) -> None:
        """This one was opened."""
        self._count += 1
        if self._count <= self._max_open:
            return
        is_open = [file for file in self._catalogue if file.is_open]
        self._count = len(is_open)
        if self._count > self._max_open:
            # Those without a name come last: they cannot be opened again.
            is_open.sort(key=lambda file: (file.has_no_name(), file.read_at))
            for file in is_open[: 1 + self._max_open // 10]:
                if file is not newest:
                    file.close()
