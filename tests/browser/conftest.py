"""The whole pipeline with logs in it, and a Chromium that shows its dashboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from logmill.settings import in_ci
from tests.support.browser import WAIT_MS, Watch, add, chromium, launch, open_page, settled, stored
from tests.support.pipeline import Pipeline
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium for the tests of a module; Playwright's event loop must not outlive them."""
    program = chromium()
    if program is None:
        (pytest.fail if in_ci() else pytest.skip)("no Chromium: apt-get install chromium")
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        running = launch(playwright, program)
        yield running
        running.close()


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """Producer, two processors and storage on the embedded broker."""
    with Pipeline(tmp_path_factory.mktemp("dashboard"), "embedded") as running:
        yield running


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[tuple[Page, Watch]]:
    """A page that was not sent anywhere yet."""
    with open_page(browser, tmp_path) as both:
        yield both


@pytest.fixture
def page(opened: tuple[Page, Watch]) -> Page:
    """The same, for tests that expect no error."""
    return opened[0]


@pytest.fixture
def watch(opened: tuple[Page, Watch]) -> Watch:
    """What that page complains of."""
    return opened[1]


Send = Callable[[list[dict[str, Any]]], str]


@pytest.fixture
def send(pipeline: Pipeline) -> Send:
    """Sends records through the pipeline as logs of a new service, and waits until they are found; the service's name.

    Records without a time get one: the first is now, each of the others a second before the one before it.
    """

    def sent(records: list[dict[str, Any]]) -> str:
        service = f"svc-{uuid4().hex[:10]}"
        now = datetime.now(UTC)
        body = [
            {"service": service, "timestamp": (now - timedelta(seconds=number)).isoformat(), **record}
            for number, record in enumerate(records)
        ]
        add(pipeline, body)
        wait_until(lambda: stored(pipeline, service) == len(records), what=f"{len(records)} logs of {service}")
        return service

    return sent


@pytest.fixture
def show(page: Page, pipeline: Pipeline) -> Callable[..., Page]:
    """Opens the dashboard on the logs of a service: `show(service, "&q=…")`; once it is idle."""

    def shown(service: str, rest: str = "") -> Page:
        page.goto(f"{pipeline.storage_url}/?is.service={service}{rest}")
        settled(page)
        return page

    return shown
