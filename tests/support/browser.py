"""A real Chromium on the dashboard, which fails a test for whatever the page complains of by itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, expect

from tests.support.pipeline import Pipeline

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT_MS = 15_000
TIMEOUT_S = 30
# Tells of each breach of the page's policy, also where the browser writes nothing to the console.
_WATCH = """
window.breaches = [];
addEventListener("securitypolicyviolation", (event) => {
  window.breaches.push(`${event.violatedDirective} ${event.blockedURI}`);
});
"""


def chromium() -> Path | None:
    """Debian's Chromium, or None where there is none; Playwright's own is a download that not everybody can make."""
    found = shutil.which("chromium")
    return Path(found) if found else None


def launch(playwright: Playwright, program: Path) -> Browser:
    """Start it."""
    return playwright.chromium.launch(executable_path=program, args=ARGUMENTS)


class Watch:
    """What a page complained of: scripts that failed, breaches of its policy, dialogs, its console.

    Attributes:
        expected: statuses of answers that a test provokes; the browser puts each on the console.
    """

    def __init__(self, page: Page) -> None:
        self.expected: set[int] = set()
        self.unreachable = False
        self._page = page
        self._found: list[str] = []
        page.add_init_script(_WATCH)
        page.on("pageerror", lambda error: self._found.append(f"script: {error}"))
        page.on("dialog", lambda dialog: (self._found.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("console", self._said)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        if any(f"status of {status}" in message.text for status in self.expected):
            return
        if self.unreachable and "net::ERR_" in message.text:
            return
        self._found.append(f"{message.type}: {message.text}")

    def complaints(self) -> list[str]:
        """All of it so far."""
        return self._found + list(self._page.evaluate("window.breaches ?? []"))


@contextmanager
def open_page(browser: Browser, folder: Path, **context: Any) -> Iterator[tuple[Page, Watch]]:
    """A page in a context of its own; at the end it must have had no complaints. One that fails leaves a picture."""
    place = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, "timezone_id": "UTC", **context})
    place.set_default_timeout(WAIT_MS)
    page = place.new_page()
    watch = Watch(page)
    try:
        yield page, watch
        assert watch.complaints() == []
    except BaseException as error:
        picture = folder / "page.png"
        page.screenshot(path=picture)
        error.add_note(f"the page at that moment: {picture}; it complained of {watch.complaints()}")
        raise
    finally:
        place.close()


def add(pipeline: Pipeline, body: list[dict[str, Any]]) -> None:
    """Hand records to the producer."""
    answer = requests.post(f"{pipeline.producer_url}/logs/batch", json=body, timeout=TIMEOUT_S)
    assert answer.status_code == 201, answer.text


def stored(pipeline: Pipeline, service: str) -> int:
    """How many logs of a service there are."""
    answer = requests.get(f"{pipeline.storage_url}/logs/stats", {"service": service}, timeout=TIMEOUT_S)
    count: int = answer.json()["total_logs"]
    return count


def settled(page: Page) -> None:
    """Wait until the page has its answers."""
    expect(page.locator(".refresh")).not_to_have_class("refresh busy")
    expect(page.locator("[role=grid][aria-busy=true]")).to_have_count(0)


def messages(page: Page) -> list[str]:
    """The messages in the table from its top."""
    return page.locator(".rows .c-message").all_text_contents()
