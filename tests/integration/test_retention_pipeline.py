"""A batch that the broker delivers again after its day was dropped is acknowledged, not stored, and told of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests

from logmill.broker import Message, broker_of
from logmill.columns import Columns
from logmill.ids import log_id, new_batch_id
from logmill.record import Entry, Lane
from logmill.timestamps import now_us
from logmill.wire import pack
from tests.support.broker_client import Client
from tests.support.kept_store import all_archived
from tests.support.pipeline import Pipeline
from tests.support.waiting import wait_until

LOGS = 50
KEPT = {"retention_days": 2, "retention_interval_s": 0.05, "min_free_bytes": 0, "processors": 1}


def get(url: str) -> Any:
    return requests.get(url, timeout=30).json()


def publish(pipeline: Pipeline, message: Message) -> None:
    with Client(broker_of(pipeline.settings)) as client:
        client.publisher().publish(message).result(30)


def test_a_delivery_of_a_dropped_day_is_settled_and_rejected(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    with Pipeline(tmp_path, "embedded", archive_dir=str(archive), **KEPT) as pipeline:
        batch_id = new_batch_id()
        received_us = now_us() - 9 * 86_400_000_000
        columns = Columns.of([Entry(timestamp=received_us, message=f"m{number}") for number in range(LOGS)])
        message = pack(columns, batch_id=batch_id, lane=Lane.URGENT, received_at=received_us)
        publish(pipeline, message)

        def retention() -> Any:
            return get(f"{pipeline.storage_url}/pipeline")["storage"]["retention"]

        wait_until(lambda: retention()["dropped_logs"] == LOGS, 60, "the day is dropped")
        assert set(all_archived(archive)) == {log_id(batch_id, number) for number in range(LOGS)}
        publish(pipeline, message)
        task = f"{pipeline.producer_url}/task/{log_id(batch_id, 7)}"
        wait_until(lambda: get(task)["status"] == "FAILURE", 60, "the rejection")
        assert "a day whose logs were deleted" in get(task)["reason"]
        wait_until(lambda: pipeline.processor_count("logmill_processor_records_total") == 2 * LOGS, 30, "both settled")
        answered = requests.get(f"http://127.0.0.1:{pipeline.settings.processor_metrics_port}/metrics", timeout=30).text
        assert f'logmill_processor_records_total{{result="expired"}} {LOGS}.0' in answered
        assert retention()["expired_logs"] == LOGS
        assert get(f"{pipeline.storage_url}/logs")["count"] == 0
        assert get(f"{pipeline.producer_url}/dead")["count"] == 0
        told = [{"code": "expired", "count": 1}]
        wait_until(lambda: get(f"{pipeline.storage_url}/pipeline")["rejected"] == told, 30, "it is on the page")
        lanes = get(f"{pipeline.storage_url}/pipeline")["lanes"]
        assert [lane["messages"] for lane in lanes] == [0, 0, 0]
