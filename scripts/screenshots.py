#!/usr/bin/env python3
"""Take the pictures of the dashboard in docs/images/ anew: the whole pipeline with a story, and a real Chromium."""

from __future__ import annotations

import re
import sys
import tempfile
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from logmill.broker import Message, broker_of
from logmill.record import Lane
from tests.support.browser import add, chromium, launch, settled
from tests.support.pipeline import Pipeline
from tests.support.story import logs
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "images"
SEED = 7
LOGS = 60_000
PER_REQUEST = 1000
# The pipeline's page shows the last five minutes: something must have happened in them.
TRAFFIC_MS = 200_000
WIDE = {"width": 1280, "height": 760}
PHONE = {"width": 390, "height": 780}


def fill(pipeline: Pipeline) -> None:
    """Send the story, and wait until it is stored."""
    records = list(logs(SEED, LOGS, datetime.now(UTC)))
    for start in range(0, LOGS, PER_REQUEST):
        add(pipeline, records[start : start + PER_REQUEST])
    wait_until(lambda: pipeline.total_logs() == LOGS, 120, "the story")


def bury(pipeline: Pipeline) -> None:
    """A message that cannot be read, for the list of dead letters."""
    publisher = broker_of(pipeline.settings).publisher()
    message = Message(b'{"level": "ERROR", "message": "cut of', Lane.URGENT, "shop-legacy-17", "application/json")
    publisher.publish(message).result(30)
    publisher.close(30)


def traffic(pipeline: Pipeline, stop: threading.Event) -> None:
    """Send on and on, as much as a second of the story has, until told to stop."""
    number = 0
    while not stop.is_set():
        number += 1
        add(pipeline, list(logs(number, 40 + 60 * (number % 5), datetime.now(UTC)))[-200:])
        stop.wait(0.5)


def take(browser: Browser, url: str, name: str, act: Callable[[Page], None] | None = None, **context: Any) -> None:
    """One picture."""
    place = browser.new_context(**{"viewport": WIDE, "timezone_id": "UTC", "reduced_motion": "reduce", **context})
    page = place.new_page()
    page.goto(url)
    settled(page)
    if act is not None:
        act(page)
    page.mouse.move(0, 0)
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path)
    place.close()
    sys.stdout.write(f"{path.relative_to(ROOT)}  {path.stat().st_size / 1000:.0f} KB\n")


def open_error(page: Page) -> None:
    """Open a log that has something to show."""
    row = page.locator(".rows .row").filter(has_text="Connection to db-payments-1").nth(2)
    row.click()
    expect(page.locator(".fields")).to_be_visible()


def wait_for_charts(page: Page) -> None:
    """The pipeline's page has its figures, and some minutes of them."""
    for name in ("Accepted", "Stored", "Lag, median"):
        expect(page.locator(f'[data-tile="{name}"] strong')).not_to_have_text(
            re.compile(r"^(0|\u2013)$"), timeout=60_000
        )
    page.wait_for_timeout(TRAFFIC_MS)


def main() -> int:
    """Take all of them; the exit code."""
    program = chromium()
    if program is None:
        sys.stderr.write("error: no Chromium: apt-get install chromium\n")
        return 1
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="logmill-pictures-") as folder,
        Pipeline(Path(folder), "embedded") as running,
    ):
        fill(running)
        bury(running)
        url = f"{running.storage_url}/"
        with sync_playwright() as playwright:
            browser = launch(playwright, program)
            take(browser, f"{url}?since=2h", "dashboard-light")
            incident = f"{url}?since=2h&is.service=payment&q=level%3A(error%20OR%20critical)"
            take(browser, incident, "dashboard-dark", open_error, color_scheme="dark")
            take(browser, f"{url}?since=2h&tab=patterns&sort=errors", "dashboard-patterns")
            take(browser, f"{url}?since=2h", "dashboard-narrow", viewport=PHONE, has_touch=True, is_mobile=True)
            stop = threading.Event()
            sender = threading.Thread(target=traffic, args=(running, stop))
            sender.start()
            try:
                take(browser, f"{url}?tab=pipeline", "dashboard-pipeline", wait_for_charts)
            finally:
                stop.set()
                sender.join()
            browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
