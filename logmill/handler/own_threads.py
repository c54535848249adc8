"""Which threads are Logmill's own, so that what is logged while logs are sent is not sent in turn, for ever."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident

# Of all handlers of this process: two of them would otherwise keep each other busy.
IDENTS: set[int] = set()


@contextmanager
def own_thread() -> Iterator[None]:
    """Have no handler take what this thread logs meanwhile."""
    ident = get_ident()
    is_nested = ident in IDENTS
    IDENTS.add(ident)
    try:
        yield
    finally:
        if not is_nested:
            IDENTS.discard(ident)
