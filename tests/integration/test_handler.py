"""The logging handler on the whole pipeline: what an application logs is in storage exactly once, whatever happens."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from logmill.handler import LogmillHandler
from tests.support.pipeline_parts import PipelineParts
from tests.support.service_process import ROOT
from tests.support.waiting import wait_until

RATE = 2000
TIMEOUT_S = 90.0


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PipelineParts]:
    with PipelineParts(tmp_path_factory.mktemp("pipeline")) as running:
        yield running


@pytest.fixture
def parts(pipeline: PipelineParts) -> Iterator[PipelineParts]:
    """The pipeline of all these tests, with a producer that runs."""
    yield pipeline
    if not pipeline.has_producer:
        pipeline.start_producer()


@pytest.fixture
def service() -> str:
    """Whose logs those of the test are."""
    return f"shop-{uuid4().hex[:8]}"


@contextmanager
def application(parts: PipelineParts, service: str, folder: Path, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """The application of the benchmark, at RATE; killed where it did not end by itself."""
    options = {"url": parts.producer_url, "service": service, "rate": RATE, "seconds": seconds}
    options |= {"spill-dir": folder / "spill", "output": folder / "result.json"}
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.handler_app", *(f"--{name}={value}" for name, value in options.items())],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


def result_of(process: subprocess.Popen[str], folder: Path) -> dict[str, Any]:
    _out, said = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, said
    return json.loads((folder / "result.json").read_text())


def orders(parts: PipelineParts, service: str) -> Counter[int]:
    """How often each number was stored."""
    return Counter(log["metadata"]["order"] for log in parts.logs(service=service, fields="metadata.order"))


def check_all_once(parts: PipelineParts, service: str, logged: int) -> None:
    parts.wait_count(logged, TIMEOUT_S, service=service)
    assert orders(parts, service) == Counter(range(logged))


def test_a_log_is_found_with_all_that_it_had(parts: PipelineParts, service: str, tmp_path: Path):
    logger = logging.Logger("shop.checkout", logging.DEBUG)  # noqa: LOG001 - nobody else listens to it
    handler = LogmillHandler(parts.producer_url, service, spill_dir=tmp_path)
    logger.addHandler(handler)
    extra = {"user_id": "u-1", "status_code": 502, "trace_id": "ab" * 16, "cart": {"n": [1]}}
    try:
        int("x")
    except ValueError:
        logger.exception("order %d failed", 7, extra=extra)
    logger.debug("done")
    handler.close()
    parts.wait_count(2, service=service)
    (failed,) = parts.logs(service=service, level="error")
    assert failed["message"] == "order 7 failed"
    assert (failed["user_id"], failed["status_code"], failed["trace_id"]) == ("u-1", 502, "ab" * 16)
    assert failed["metadata"]["cart"] == {"n": [1]}
    assert failed["metadata"]["code.function"] == "test_a_log_is_found_with_all_that_it_had"
    query = "exception.type:ValueError AND exception.innermost.line:* AND logger:shop.checkout"
    assert parts.count(service=service, q=query) == 1
    assert parts.count(service=service, q="level:debug AND message:done") == 1


def test_an_outage_of_the_producer_loses_and_doubles_nothing(parts: PipelineParts, service: str, tmp_path: Path):
    with application(parts, service, tmp_path, seconds=9.0) as process:
        parts.wait_count(RATE, service=service)
        parts.kill_producer()
        time.sleep(5.0)
        assert process.poll() is None
        parts.start_producer()
        found = result_of(process, tmp_path)
    logged, status = found["logged"], found["status"]
    assert logged > 8 * RATE
    assert (status["taken"], status["dropped"], status["rejected"], status["damaged"]) == (logged, 0, 0, 0)
    check_all_once(parts, service, logged)


def test_an_application_that_is_killed_in_an_outage_leaves_its_logs_to_the_next(
    parts: PipelineParts, service: str, tmp_path: Path
):
    with application(parts, service, tmp_path, seconds=60.0) as process:
        parts.wait_count(RATE, service=service)
        parts.kill_producer()
        wait_until(lambda: _size(tmp_path) > 100_000, 30.0)
        process.kill()
        process.communicate(timeout=10)
    stored = parts.count(service=service)
    parts.start_producer()
    later = LogmillHandler(parts.producer_url, service, spill_dir=tmp_path / "spill")
    wait_until(lambda: _size(tmp_path) == 0, TIMEOUT_S)
    later.close()
    parts.wait_drained(TIMEOUT_S)
    found = orders(parts, service)
    assert max(found.values()) == 1
    assert len(found) > stored + RATE
    # All but what was in memory alone when it was killed: the last of the errors, and the last of the others.
    errors, others = [], []
    for number in sorted(found):
        (others if number % 1000 else errors).append(number)
    assert errors == [number for number in range(errors[-1] + 1) if number % 1000 == 0]
    assert others == [number for number in range(others[-1] + 1) if number % 1000]


def test_a_producer_that_hangs_in_the_middle_doubles_nothing(parts: PipelineParts, service: str, tmp_path: Path):
    logger = logging.Logger("shop.checkout", logging.DEBUG)  # noqa: LOG001 - nobody else listens to it
    options: dict[str, Any] = {"timeout_s": 0.5, "interval_s": 0.05, "on_error": lambda _line: None}
    handler = LogmillHandler(parts.producer_url, service, spill_dir=tmp_path, **options)
    logger.addHandler(handler)
    number = 0
    for _ in range(4):
        end_s = time.monotonic() + 0.7
        parts.freeze_producer()
        while time.monotonic() < end_s:
            logger.info("order", extra={"order": number})
            number += 1
            time.sleep(0.002)
        parts.thaw_producer()
        time.sleep(0.3)
    assert handler.flush(60.0)
    handler.close()
    check_all_once(parts, service, number)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("spill/*/*.spill"))
