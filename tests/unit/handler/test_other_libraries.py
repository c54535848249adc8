"""structlog, Loguru and OpenTelemetry as docs/handler.md connects them: fields arrive as fields."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterator
from logging.handlers import QueueHandler, QueueListener
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
import structlog
from loguru import logger as loguru_logger
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from logmill.handler import LogmillHandler, LogmillProcessor
from tests.support.odd_taker import Taker, running


@pytest.fixture
def taker() -> Iterator[Taker]:
    with running() as server:
        yield server


@pytest.fixture
def handler(taker: Taker) -> Iterator[LogmillHandler]:
    found = LogmillHandler(taker.url, service="shop", spill_dir=None, interval_s=0.05)
    yield found
    found.close()


@pytest.fixture
def logger(handler: LogmillHandler) -> Iterator[logging.Logger]:
    found = logging.getLogger("shop.libraries")
    found.setLevel(logging.DEBUG)
    found.addHandler(handler)
    yield found
    found.removeHandler(handler)


@pytest.fixture(autouse=True)
def _structlog_as_it_was() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def only_log(handler: LogmillHandler, taker: Taker) -> dict[str, Any]:
    assert handler.flush(10.0)
    (log,) = taker.logs()
    return log


def fail() -> None:
    raise ValueError("bad amount")


def check_payment(log: dict[str, Any], level: str = "WARNING") -> None:
    assert (log["message"], log["level"]) == ("payment failed", level)
    assert (log["metadata"]["order"], log["metadata"]["user"]) == (7, "eve")
    assert not {"event", "_logger", "_name", "level"} & log["metadata"].keys()


def test_structlog_through_logging_with_fields_as_extra(logger: logging.Logger, handler: LogmillHandler, taker: Taker):
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.filter_by_level,
            structlog.stdlib.render_to_log_kwargs,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    with structlog.contextvars.bound_contextvars(user="eve"):
        structlog.get_logger(logger.name).warning("payment failed", order=7)
    log = only_log(handler, taker)
    check_payment(log)
    assert log["metadata"]["logger"] == logger.name


def test_structlog_through_its_formatter_for_other_handlers(
    logger: logging.Logger, handler: LogmillHandler, taker: Taker
):
    structlog.configure(
        processors=[structlog.stdlib.add_log_level, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    structlog.get_logger(logger.name).bind(user="eve").warning("payment failed", order=7)
    check_payment(only_log(handler, taker))


def test_structlog_through_its_formatter_for_ours(logger: logging.Logger, handler: LogmillHandler, taker: Taker):
    structlog.configure(
        processors=[structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=structlog.processors.JSONRenderer()))
    structlog.get_logger(logger.name).warning("payment failed", order=7)
    log = only_log(handler, taker)
    assert '"event": "payment failed"' in log["message"]
    assert "_logger" not in log["metadata"]


def test_structlog_by_itself_with_a_processor(
    handler: LogmillHandler, taker: Taker, capsys: pytest.CaptureFixture[str]
):
    handler.setLevel("INFO")
    structlog.configure(
        processors=[
            structlog.processors.CallsiteParameterAdder(
                [
                    structlog.processors.CallsiteParameter.PATHNAME,
                    structlog.processors.CallsiteParameter.LINENO,
                    structlog.processors.CallsiteParameter.FUNC_NAME,
                ]
            ),
            LogmillProcessor(handler),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
    )
    found = structlog.get_logger()
    found.debug("not this")
    try:
        fail()
    except ValueError:
        found.bind(user="eve").exception("payment failed", order=7, cart=Path("/c"))
    log = only_log(handler, taker)
    check_payment(log, "ERROR")
    metadata = log["metadata"]
    assert metadata["cart"] == "/c"
    assert metadata["exception.type"] == "ValueError"
    assert metadata["stack_trace"].endswith("ValueError: bad amount")
    assert (metadata["code.file"], metadata["code.function"]) == (
        __file__,
        "test_structlog_by_itself_with_a_processor",
    )
    assert not {"pathname", "lineno", "func_name", "exc_info"} & metadata.keys()
    assert '"exception": "Traceback' in capsys.readouterr().out, "what follows has the event as it was"


def test_loguru(handler: LogmillHandler, taker: Taker):
    number = loguru_logger.add(handler, format=lambda _record: "{message}")
    try:
        loguru_logger.bind(user="eve", order=7).warning("payment {}", "failed")
        log = only_log(handler, taker)
    finally:
        loguru_logger.remove(number)
    check_payment(log)
    assert log["metadata"]["code.file"] == __file__
    assert log["metadata"]["logger"] == __name__


def test_loguru_with_an_exception_and_a_level_of_its_own(handler: LogmillHandler, taker: Taker):
    number = loguru_logger.add(handler, format=lambda _record: "{message}")
    try:
        loguru_logger.success("paid")
        try:
            fail()
        except ValueError:
            loguru_logger.exception("payment failed")
        assert handler.flush(10.0)
    finally:
        loguru_logger.remove(number)
    paid, failed = sorted(taker.logs(), key=lambda log: log["level"], reverse=True)
    assert (paid["message"], paid["level"], paid["metadata"]["level_name"]) == ("paid", "INFO", "SUCCESS")
    assert (failed["message"], failed["level"]) == ("payment failed", "ERROR")
    assert failed["metadata"]["exception.type"] == "ValueError"
    assert failed["metadata"]["stack_trace"].endswith("ValueError: bad amount")


def test_the_current_span_of_opentelemetry(logger: logging.Logger, handler: LogmillHandler, taker: Taker):
    tracer = TracerProvider().get_tracer("test")
    with tracer.start_as_current_span("checkout") as span:
        logger.info("inside")
    logger.info("outside")
    assert handler.flush(10.0)
    inside, outside = taker.logs()
    context = span.get_span_context()
    assert inside["trace_id"] == trace.format_trace_id(context.trace_id)
    assert inside["span_id"] == trace.format_span_id(context.span_id)
    assert not {"trace_id", "span_id"} & outside.keys()


def test_what_opentelemetrys_instrumentation_writes_into_records(
    logger: logging.Logger, handler: LogmillHandler, taker: Taker
):
    logger.info("x", extra={"otelTraceID": "ab" * 16, "otelSpanID": "cd" * 8, "otelServiceName": "shop"})
    log = only_log(handler, taker)
    assert (log["trace_id"], log["span_id"]) == ("ab" * 16, "cd" * 8)
    assert log["metadata"]["otelServiceName"] == "shop"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="records have the name of the task from Python 3.12 on")
def test_the_task_of_asyncio(logger: logging.Logger, handler: LogmillHandler, taker: Taker):
    async def work() -> None:
        logger.info("x")

    async def main() -> None:
        await asyncio.create_task(work(), name="checkout-7")

    asyncio.run(main())
    assert only_log(handler, taker)["metadata"]["task"] == "checkout-7"


def test_behind_a_queue_of_logging(handler: LogmillHandler, taker: Taker):
    queue: SimpleQueue[Any] = SimpleQueue()
    listener = QueueListener(queue, handler)
    listener.start()
    found = logging.Logger("shop.queue", logging.INFO)  # noqa: LOG001 - nobody else listens to it
    found.addHandler(QueueHandler(queue))
    try:
        fail()
    except ValueError:
        found.exception("payment of %s failed", "eve", extra={"order": 7})
    listener.stop()
    log = only_log(handler, taker)
    assert log["message"].startswith("payment of eve failed\nTraceback")
    assert log["metadata"]["order"] == 7
