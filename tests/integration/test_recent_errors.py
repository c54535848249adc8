"""Errors are found in memory also after a flood of other logs has driven everything else out of it."""

from __future__ import annotations

from pathlib import Path

from tests.support.storage_blocks import batch, realistic, stream
from tests.support.storage_service import StorageService


def answered_by_engine(service: StorageService) -> float:
    name = 'logmill_storage_query_seconds_count{answered_by="engine"} '
    lines = [line for line in service.get("/metrics").text.splitlines() if line.startswith(name)]
    return float(lines[0].removeprefix(name)) if lines else 0.0


def test_errors_stay_in_memory_behind_a_flood(tmp_path: Path) -> None:
    with StorageService(tmp_path / "data", recent_max_records=5_000) as service:
        now_us = realistic(1)["received_at"].to_physical()[0]
        service.ingest(stream(batch(20, level="CRITICAL", service="urgent", timestamp=now_us, received_at=now_us)))
        for number in range(3):
            service.ingest(stream(batch(5_000, level="DEBUG", timestamp=now_us + 1 + number, received_at=now_us)))
        before = answered_by_engine(service)
        found = service.get("/logs", level="CRITICAL", limit=10).json()
        assert [log["service"] for log in found["logs"]] == ["urgent"] * 10
        assert answered_by_engine(service) == before
        from_memory = service.get("/logs", level="CRITICAL", limit=20).json()
        service.kill()
        service.restart()
        assert service.get("/logs", level="CRITICAL", limit=20).json() == from_memory
