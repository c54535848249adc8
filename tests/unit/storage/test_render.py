"""Logs as JSON: what JSON has no number for is left out."""

from __future__ import annotations

import msgspec
import pytest

from storage import render
from storage.blocks import decode
from tests.support.storage_blocks import batch, stream


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), None])
def test_a_response_time_that_is_no_number_is_left_out(value: float | None) -> None:
    table, _ = decode(stream(batch(1, response_time_ms=value) + batch(1, response_time_ms=0.1)))
    shown = msgspec.json.decode(msgspec.json.encode(render.logs(table)))
    assert [log.get("response_time_ms", "left out") for log in shown] == ["left out", 0.1]
