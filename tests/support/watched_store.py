"""A store in this process with its alerting, on a clock that a test moves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from logmill.ids import new_batch_id
from logmill.rules.ruleset import load
from logmill.settings import Settings
from storage import blocks
from storage.alerting import showing
from storage.alerting.service import Alerting
from storage.engine.chdb_engine import ChdbEngine
from storage.store import Store
from tests.support.storage_blocks import row, stream

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
# A Monday's midnight, UTC.
MIDNIGHT = 1_772_409_600 * SECOND


class WatchedStore:
    """Opened on construction; use it as a context manager. Nothing runs by itself: `tick` is one round.

    Args:
        folder: for its files; one that has some goes on with them.
        rules: a rules file's text, "" for the shipped rules alone.
        now: what its clock shows, microseconds.
        settings: by field name.
    """

    def __init__(self, folder: Path, rules: str = "", now: int = MIDNIGHT, **settings: Any) -> None:
        self.now = now
        folder.mkdir(exist_ok=True)
        path = folder / "rules.yaml"
        path.write_text(rules)
        load.cache_clear()
        self.engine = ChdbEngine(folder / "store", Settings())
        self.alerting = Alerting(
            self.engine, folder, load(str(path)).detectors, Settings(**settings), clock=lambda: self.now
        )
        self.store = Store(self.engine, Settings(), self.alerting.arriving)

    def insert(self, rows: Sequence[dict[str, Any]], late_us: int = 0) -> None:
        """Store rows that were received so long ago, those without a time at the time the clock shows."""
        batch_id = new_batch_id()
        made = [
            row(batch_id, number, **{"timestamp": self.now, **one, "received_at": self.now - late_us})
            for number, one in enumerate(rows)
        ]
        self.store.insert(blocks.decode(stream(made))[0].cast(blocks.SCHEMA))

    def tick(self, forward_us: int = 0) -> None:
        """Move the clock, then evaluate once."""
        self.now += forward_us
        self.alerting.evaluation.once()

    def alerts(self, state: str = "", rule: str = "") -> list[dict[str, Any]]:
        """The alerts, oldest first."""
        silenced = self.alerting.silences.held(self.now)
        return showing.page(self.alerting.file, silenced, state, rule, 1000, "").alerts[::-1]

    def errors(self) -> dict[str, str]:
        """What went wrong with rules."""
        return {rule["name"]: rule["last_error"] for rule in self.alerting.rules() if rule["last_error"]}

    def __enter__(self) -> WatchedStore:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.alerting.close()
        self.store.close()
