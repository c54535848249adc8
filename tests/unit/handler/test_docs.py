"""docs/handler.md: its examples send logs, and its table has the options and defaults that the handler has."""

from __future__ import annotations

import inspect
import logging
import logging.config
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from loguru import logger as loguru_logger

from logmill.handler import LogmillHandler
from tests.support.odd_taker import Taker, running

PAGE = (Path(__file__).parents[3] / "docs" / "handler.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
# What each example logs, in their order.
MESSAGES = ["order 4711 was refused", "", "", "slow", "order refused", "order refused", "order refused"]


@pytest.fixture
def taker() -> Iterator[Taker]:
    with running() as server:
        yield server


def close_all() -> None:
    """What `logging.shutdown` does at the end of a process, for handlers of ours alone."""
    for handler in [reference() for reference in logging._handlerList]:
        if isinstance(handler, LogmillHandler):
            handler.close()


@pytest.fixture(autouse=True)
def _as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everything that an example configures is as it was afterwards, and its files are in a folder of the test's."""
    monkeypatch.setenv("HOME", str(tmp_path))
    root, config = logging.getLogger(), structlog.get_config()
    handlers, level = list(root.handlers), root.level
    yield
    close_all()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**config)
    loguru_logger.remove()


@pytest.mark.parametrize(("number", "message"), list(enumerate(MESSAGES)))
def test_examples_send_what_they_log(taker: Taker, number: int, message: str):
    assert len(EXAMPLES) == len(MESSAGES)
    names: dict[str, Any] = {}
    exec(EXAMPLES[number].replace("http://localhost:5000", taker.url), names)
    if "logconfig_dict" in names:  # gunicorn hands it to dictConfig
        logging.config.dictConfig(names["logconfig_dict"])
    if not message:
        message = "configured"
        logging.getLogger("shop").warning(message)
    close_all()
    assert taker.messages() == [message]
    metadata = taker.logs()[0]["metadata"]
    if message == "order refused":
        assert metadata["order"] == 4711
    if message == "slow":
        assert metadata["request_id"] == "r-4711"


def test_the_table_has_all_options_with_their_defaults():
    table = PAGE.split("<!-- options: begin -->")[1].split("<!-- options: end -->")[0]
    rows = re.findall(r"^\| `(\w+)` \| (?:`(.*?)`)? ?\|", table, re.MULTILINE)
    parameters = inspect.signature(LogmillHandler).parameters.values()
    expected = [(one.name, "" if one.default is one.empty else repr(one.default)) for one in parameters]
    assert rows == expected
