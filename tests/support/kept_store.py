"""A store in this process with its retention, on a clock that a test moves."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from logmill.ids import new_batch_id
from logmill.settings import load
from storage import blocks
from storage.engine.chdb_engine import ChdbEngine
from storage.pipeline.activity import Activity
from storage.retention.days import day_of, range_us
from storage.retention.figures import Figures
from storage.retention.horizon import Horizon
from storage.retention.ledger import Ledger
from storage.retention.service import HELD_LOOKS, Retention
from storage.search.filters import EVERYTHING, Filter
from storage.store import Store, Stored
from tests.support.storage_blocks import batch, stream

TODAY = date(2026, 3, 10)
NOON_US = 12 * 3600 * 1_000_000


class KeptStore:
    """Opened on construction; use it as a context manager. Nothing runs by itself: `look` is one look.

    Args:
        folder: for its files; one that has some goes on with them.
        settings: by field name.
    """

    def __init__(self, folder: Path, today: date = TODAY, **settings: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.settings = load({}, data_dir=str(folder), min_free_bytes=0, **settings)
        self.now_us = range_us(today)[0] + NOON_US
        self.engine = ChdbEngine(folder / "store", self.settings)
        self.ledger = Ledger(folder)
        horizon = Horizon(self.ledger.entries.dropped_through, lambda: self.now_us)
        self.store = Store(self.engine, self.settings, horizon=horizon)
        self.retention = Retention(self.store, self.ledger, self.settings, lambda: self.now_us)
        self.activity = Activity()
        self.figures = Figures(self.retention, self.store, self.activity, folder)

    def receive(self, days_ago: int, count: int, **fields: Any) -> tuple[bytes, Stored]:
        """Store a batch that came so many days ago; its block, and what became of it."""
        at_us = self.now_us - days_ago * 86_400_000_000
        rows = batch(count, new_batch_id(), **{"received_at": at_us, **fields})
        for number, row in enumerate(rows):
            row["timestamp"] = fields.get("timestamp", at_us - 5_000_000) + number
        body = stream(rows)
        return body, self.send(body)

    def send(self, body: bytes) -> Stored:
        """Store a block (again)."""
        return self.store.insert(*blocks.decode(body), check=True)

    def look(self, times: int = 1) -> None:
        """So many looks."""
        for _ in range(times):
            self.retention.look()

    def look_until_held(self) -> None:
        """As many looks as a day is held back that is too old."""
        self.look(HELD_LOOKS)

    def move(self, days: int) -> None:
        """Have so many days pass."""
        self.now_us += days * 86_400_000_000

    def days(self) -> dict[int, int]:
        """The logs of each day that has any, by how many days ago it was."""
        today = day_of(self.now_us)
        return {(today - one.day) // timedelta(days=1): one.logs for one in self.store.days()}

    def newest(self, limit: int = 100, wanted: Filter = EVERYTHING) -> list[str]:
        """Messages of a page, as a request gets it."""
        messages: list[str] = self.store.newest(wanted, limit)[0]["message"].to_pylist()
        return messages

    def __enter__(self) -> KeptStore:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.retention.stop()
        self.store.close()


def archived(folder: Path) -> Mapping[str, Counter[str]]:
    """The ids of the logs in each finished file, by its name."""
    found = {}
    for path in sorted(folder.glob("*.json.gz")):
        lines = gzip.decompress(path.read_bytes()).splitlines()
        found[path.name] = Counter(json.loads(line)["id"] for line in lines)
    return found


def all_archived(folder: Path) -> Counter[str]:
    """How often each log is in the archive."""
    return sum(archived(folder).values(), Counter())
