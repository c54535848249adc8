"""Old days of logs go as a whole, the oldest first, and everything that hangs on their rows with them."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from logmill.errors import StorageUnavailable
from storage.rejections import table_of
from storage.retention.service import HELD_LOOKS
from storage.search.filters import EVERYTHING, AnyOf
from tests.support.kept_store import TODAY, KeptStore


def test_a_day_goes_when_all_its_logs_are_too_old(tmp_path: Path) -> None:
    with KeptStore(tmp_path / "data", retention_days=3) as kept:
        for days_ago in range(7):
            kept.receive(days_ago, 10)
        kept.look_until_held()
        assert list(kept.days()) == [6, 5, 4, 3, 2, 1, 0], "held back: the clock may be wrong"
        kept.look()
        assert list(kept.days()) == [5, 4, 3, 2, 1, 0], "one day a look"
        kept.look(5)
        assert kept.days() == {3: 10, 2: 10, 1: 10, 0: 10}
        assert kept.store.horizon.dropped == TODAY - timedelta(days=4)
        kept.move(1)
        kept.look_until_held()
        assert list(kept.days()) == [4, 3, 2, 1], "held back again"
        kept.look(3)
        assert list(kept.days()) == [3, 2, 1]
        entries = kept.ledger.entries
        assert (entries.days, entries.logs, entries.pending) == (4, 40, None)
        assert entries.bytes > 0


def test_a_clock_that_is_wrong_for_some_looks_costs_nothing(tmp_path: Path) -> None:
    with KeptStore(tmp_path / "data", retention_days=3) as kept:
        kept.receive(1, 10)
        for _ in range(3):
            kept.move(1000)
            kept.look(HELD_LOOKS)
            kept.move(-1000)
            kept.look()
        assert kept.days() == {1: 10}


def test_logs_of_today_are_taken_even_after_a_clock_that_was_wrong_for_long(tmp_path: Path) -> None:
    with KeptStore(tmp_path / "data", retention_days=3) as kept:
        kept.receive(0, 10)
        kept.move(100)
        kept.look(HELD_LOOKS + 1)
        assert kept.days() == {}
        kept.move(-100)
        body, stored = kept.receive(0, 10)
        assert (stored.stored, stored.expired) == (10, 0)
        assert kept.send(body).duplicates == 10
        kept.look(HELD_LOOKS + 1)
        assert kept.days() == {0: 10}
        assert kept.receive(1, 10)[1].expired == 10
        kept.move(1)
        assert kept.receive(1, 10)[1].stored == 10
        kept.look(HELD_LOOKS + 1)
        assert kept.days() == {1: 20}, "nor do they go on the next day"


def test_a_clock_that_is_behind_lets_nothing_come_back(tmp_path: Path) -> None:
    with KeptStore(tmp_path / "data", retention_days=3) as kept:
        body, _ = kept.receive(5, 10)
        kept.receive(0, 10)
        kept.look(HELD_LOOKS + 1)
        kept.move(-10_000)
        kept.look(HELD_LOOKS + 1)
        kept.move(10_000)
        assert kept.send(body).expired == 10
        assert kept.days() == {0: 10}


def test_the_oldest_days_go_while_all_take_too_much_but_never_today(tmp_path: Path) -> None:
    with KeptStore(tmp_path / "data") as kept:
        for days_ago in range(5):
            kept.receive(days_ago, 1000)
        kept.receive(-2, 1000)  # from a clock that is ahead
        sizes = [one.bytes for one in kept.store.days()]
    with KeptStore(tmp_path / "data", retention_max_bytes=sum(sizes[2:])) as kept:
        kept.look()
        assert list(kept.days()) == [2, 1, 0, -2]
        assert kept.retention.status.over_bytes == 0
        assert (kept.ledger.entries.bytes, kept.ledger.entries.days) == (sum(sizes[:2]), 2)
    with KeptStore(tmp_path / "data", retention_max_bytes=1000) as kept:
        kept.look()
        assert list(kept.days()) == [0, -2]
        assert kept.retention.status.over_bytes == sum(sizes[4:]) - 1000


def test_without_settings_nothing_goes(tmp_path: Path) -> None:
    with KeptStore(tmp_path / "data") as kept:
        kept.receive(3000, 10)
        kept.look(HELD_LOOKS * 2)
        assert kept.days() == {3000: 10}
        assert not kept.retention.is_on
        assert kept.figures.shown(None, 0, 0) is None


def test_whatever_is_asked_the_logs_of_the_day_are_gone_and_all_others_there(tmp_path: Path) -> None:
    with KeptStore(tmp_path / "data", retention_days=1) as kept:
        # Event times do not follow the days: logs of both are side by side, in memory and on disk.
        for number in range(20):
            kept.receive(5, 3, service="old", level="ERROR", timestamp=kept.now_us - number * 1_000_000)
            kept.receive(0, 3, service="new", level="ERROR", timestamp=kept.now_us - number * 1_000_000 - 500_000)
        kept.receive(5, 1, service="old", timestamp=kept.now_us - 400_000_000_000)
        rows, answered_by = kept.store.newest(EVERYTHING, 200)
        assert (rows.num_rows, answered_by) == (121, "memory")
        gone = next(row for row in rows.to_pylist() if row["service"] == "old")
        before_us = kept.store._extent.us
        kept.look(HELD_LOOKS + 1)
        rows, answered_by = kept.store.newest(EVERYTHING, 200)
        assert (set(rows["service"].to_pylist()), rows.num_rows, answered_by) == ({"new"}, 60, "memory")
        assert rows.to_pylist() == kept.store.newest_on_disk(EVERYTHING, 200).to_pylist()
        wanted = AnyOf("level", ("ERROR",))
        assert kept.store.newest(wanted, 200)[0].num_rows == 60
        assert kept.store.newest(wanted, 5)[0].to_pylist() == kept.store.newest_on_disk(wanted, 5).to_pylist()
        assert kept.store.find(UUID(bytes=gone["batch_id"]), gone["ordinal"]).num_rows == 0
        assert kept.store.count(EVERYTHING) == 60
        assert kept.store.top(EVERYTHING, ("service", "level"), 9) == {
            "service": [("new", 60)],
            "level": [("ERROR", 60)],
        }
        found, examples = kept.store.patterns(EVERYTHING, 10, 10, is_clustered=False)
        assert (found.total, set(examples["service"].to_pylist())) == (60, {"new"})
        assert kept.store.disk_use()["logs"] == 60
        assert kept.store.memory.recent.records == kept.store.memory.errors.records == 60
        assert kept.store._extent.us == kept.store.extent_us(EVERYTHING)
        assert kept.store._extent.us[0] > before_us[0]
        assert kept.store._extent.logs == 60


def test_a_log_of_a_day_that_went_does_not_come_back_and_its_rejection_is_reported(tmp_path: Path) -> None:
    with KeptStore(tmp_path / "data", retention_days=1) as kept:
        body, _ = kept.receive(3, 10)
        kept.receive(2, 1)
        kept.look(HELD_LOOKS + 2)
        assert kept.days() == {}
        again = kept.send(body)
        assert (again.stored, again.duplicates, again.expired) == (0, 0, 10)
        late = kept.receive(100, 5)[1]
        assert (late.stored, late.expired) == (0, 5)
        found = kept.store.rejections.newest(10).to_pylist()
        assert [(one["ordinal"], one["code"]) for one in found] == [(-1, "expired")] * 2
        assert {one["reason"][:22] for one in found} == {"received on 2026-03-07", "received on 2025-11-30"}
        assert kept.receive(1, 5)[1].stored == 5
    with KeptStore(tmp_path / "data", retention_days=0) as kept:
        assert kept.send(body).expired == 10, "nor after another start, nor with other settings"
        assert kept.days() == {1: 5}


def test_a_late_log_of_a_day_that_had_none_is_stored_and_then_goes(tmp_path: Path) -> None:
    with KeptStore(tmp_path / "data", retention_days=1, archive_dir=str(tmp_path / "archive")) as kept:
        kept.receive(9, 1)
        kept.look(HELD_LOOKS + 1)
        assert kept.receive(8, 7)[1].stored == 7
        kept.look(HELD_LOOKS + 1)
        assert kept.days() == {}
        assert kept.ledger.entries.archived_logs == 8


def test_rejections_of_the_time_go_too(tmp_path: Path) -> None:
    with KeptStore(tmp_path / "data", retention_days=1) as kept:
        day_us = 86_400_000_000
        kept.store.rejections.insert(
            table_of((bytes(15) + bytes([ago]), 0, "odd", "r", "", kept.now_us - ago * day_us) for ago in range(6))
        )
        kept.receive(3, 1)
        kept.look(HELD_LOOKS + 1)
        kept.engine.run("OPTIMIZE TABLE rejections FINAL")
        assert [one["batch_id"][-1] for one in kept.store.rejections.newest(10).to_pylist()] == [0, 1, 2]


def test_days_and_stores_of_any_size_can_be_deleted(tmp_path: Path) -> None:
    """The engine refuses above 50 GB, unless it is told otherwise; here a byte stands for that."""
    with KeptStore(tmp_path / "data") as kept:
        for days_ago in (5, 4):
            kept.receive(days_ago, 100)
        day = kept.store.days()[0].day
        # Of the one connection that is used here.
        kept.engine.run("SET max_partition_size_to_drop = 1, max_table_size_to_drop = 1")
        for sql in (f"ALTER TABLE logs DROP PARTITION {day:%Y%m%d}", "TRUNCATE TABLE logs"):
            with pytest.raises(StorageUnavailable, match="359"):
                kept.engine.run(sql)
            kept.engine.run("SET max_partition_size_to_drop = 1, max_table_size_to_drop = 1")
        kept.store.drop(day)
        assert kept.days() == {4: 100}
        kept.store.clear()
        assert kept.days() == {}


def test_a_day_that_is_written_to_is_waited_for(tmp_path: Path) -> None:
    with KeptStore(tmp_path / "data", retention_days=1) as kept:
        kept.receive(5, 1)
        day = date.fromisoformat("2026-03-05")
        may_end = threading.Event()
        is_writing = threading.Event()

        def write() -> None:
            with kept.store.horizon.writing(day) as is_open:
                assert is_open
                is_writing.set()
                may_end.wait(30)

        writer = threading.Thread(target=write)
        writer.start()
        assert is_writing.wait(30)
        with pytest.raises(StorageUnavailable, match="still being written"):
            kept.store.horizon.close(day, 0.05)
        with kept.store.horizon.writing(day) as is_open:
            assert is_open, "what failed to close it left it open"
        closing = threading.Thread(target=kept.store.horizon.close, args=(day, 30.0))
        closing.start()
        closing.join(0.1)
        assert closing.is_alive()
        may_end.set()
        for thread in (writer, closing):
            thread.join(30)
            assert not thread.is_alive()
        with kept.store.horizon.writing(day) as is_open:
            assert not is_open
        with kept.store.horizon.writing(TODAY) as is_open:
            assert is_open


def test_what_is_told_of_retention(tmp_path: Path) -> None:
    with KeptStore(tmp_path / "data", retention_days=3, retention_max_bytes=10**12) as kept:
        kept.receive(9, 10)
        kept.receive(2, 10)
        kept.look(HELD_LOOKS + 1)
        shown = kept.figures.shown(1000.0, 5000, 10_000.0)
        assert shown is not None
        assert shown.pop("dropped_bytes") == kept.ledger.entries.bytes > 0
        assert shown == {
            "days": 3,
            "max_bytes": 10**12,
            "over_bytes": 0,
            "oldest_day": "2026-03-08",
            "drops_on": "2026-03-12",
            "dropped_through": "2026-03-01",
            "dropped_days": 1,
            "dropped_logs": 10,
            "expired_logs": 0,
            "doing": "",
            "day": None,
            "archived": 0,
            "error": "",
            "makes_room": True,
            "archive": None,
        }
