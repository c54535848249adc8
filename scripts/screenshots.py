#!/usr/bin/env python3
"""Take the pictures of the pages in docs/images/ anew: the whole pipeline with a story, and a real Chromium.

Arguments are names of pictures, such as dashboard-alerts; without any all are taken.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Browser, Page, expect, sync_playwright

from logmill.broker import Message, broker_of
from logmill.record import Lane
from logmill.supervisor import python_command
from tests.support.browser import add, chromium, launch, settled
from tests.support.pipeline import Pipeline
from tests.support.ports import free_port
from tests.support.result_files import nights
from tests.support.shop_logs import write
from tests.support.story import logs
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "images"
SEED = 7
LOGS = 60_000
PER_REQUEST = 1000
# The pipeline's page shows the last five minutes: something must have happened in them.
TRAFFIC_MS = 200_000
# Those of `alarm`: four addresses, root, and whoever pays.
ALERTS = 6
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


def alarm(pipeline: Pipeline) -> None:
    """Logs that are wrong now: failed logins and one user's transactions; somebody has seen to some of them."""
    now = datetime.now(UTC)
    for user, address, times, apart_s in (
        ("invalid user oracle", "192.0.2.77", 6, 70),
        ("invalid user admin", "203.0.113.9", 8, 25),
        ("root", "198.51.100.23", 31, 14),
        ("deploy", "198.51.100.40", 5, 90),
    ):
        failed = {
            "service": "sshd",
            "level": "WARNING",
            "message": f"Failed password for {user} from {address} port 4711 ssh2",
            "host": "bastion-1",
        }
        moments = [now - timedelta(seconds=apart_s * number) for number in range(times)]
        add(pipeline, [{**failed, "timestamp": moment.isoformat()} for moment in moments])
    paid = {"service": "payment", "level": "INFO", "message": "Payment accepted", "metadata": {"user_id": "user-4711"}}
    moments = [now - timedelta(seconds=4 * number) for number in range(34)]
    add(pipeline, [{**paid, "timestamp": moment.isoformat()} for moment in moments])

    def found() -> list[dict[str, Any]]:
        alerts: list[dict[str, Any]] = requests.get(f"{pipeline.storage_url}/alerts", timeout=30).json()["alerts"]
        return alerts

    wait_until(lambda: len(found()) >= ALERTS, 120, "the alerts")
    for alert in found():
        if "192.0.2.77" in alert["group"].values():
            body = {"by": "eve", "comment": "the address is blocked"}
            url = f"{pipeline.storage_url}/alerts/{alert['id']}/acknowledge"
            requests.post(url, json=body, timeout=30).raise_for_status()
    silence = {"group": {"address": "198.51.100.40"}, "until": "now+2h", "by": "bob", "comment": "our own scanner"}
    requests.post(f"{pipeline.storage_url}/alerts/silences", json=silence, timeout=30).raise_for_status()


def send_results(pipeline: Pipeline) -> None:
    """Files of test results of some nights: most pass, some are flaky, one is broken since; and the chart of them."""
    made = nights(files=90, tests=14)
    for body in made:
        requests.post(
            f"{pipeline.producer_url}/files",
            data=body,
            params={"service": "shop-tests"},
            headers={"Content-Type": "text/plain"},
            timeout=30,
        ).raise_for_status()

    def asked(**params: str) -> requests.Response:
        return requests.get(f"{pipeline.storage_url}/results/summary", params, timeout=30)

    wait_until(lambda: asked().json()["totals"]["files"] == len(made), 120, "the test results")
    (FOLDER / "results-chart.png").write_bytes(asked(format="png").content)


def take(browser: Browser, url: str, name: str, act: Callable[[Page], None] | None = None, **context: Any) -> None:
    """One picture, if it is wanted."""
    if not is_wanted(name):
        return
    place = browser.new_context(**{"viewport": WIDE, "timezone_id": "UTC", "reduced_motion": "reduce", **context})
    page = place.new_page()
    page.goto(url)
    if name.startswith("dashboard"):
        settled(page)
    if act is not None:
        act(page)
    page.mouse.move(0, 0)
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path)
    place.close()
    sys.stdout.write(f"{path.relative_to(ROOT)}  {path.stat().st_size / 1000:.0f} KB\n")


def is_wanted(name: str) -> bool:
    """Whether a picture is to be taken."""
    return not sys.argv[1:] or name in sys.argv[1:]


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


def wait_for_alerts(page: Page) -> None:
    """The list of alerts is there."""
    expect(page.locator(".alerts tbody tr").first).to_be_visible()


def wait_for_results(page: Page) -> None:
    """The list of tests is there."""
    expect(page.locator(".results tbody tr").first).to_be_visible()


def take_pipeline(browser: Browser, pipeline: Pipeline) -> None:
    """The pipeline's page, while there is something to do."""
    stop = threading.Event()
    sender = threading.Thread(target=traffic, args=(pipeline, stop))
    sender.start()
    try:
        take(browser, f"{pipeline.storage_url}/?tab=pipeline", "dashboard-pipeline", wait_for_charts)
    finally:
        stop.set()
        sender.join()


@contextmanager
def collecting(pipeline: Pipeline) -> Iterator[str]:
    """A collector of files that a shop writes; the address of its page."""
    port = free_port()
    stop = threading.Event()
    with tempfile.TemporaryDirectory(prefix="shop-") as logs, tempfile.TemporaryDirectory(prefix="shop-data-") as data:
        options = {"--format": "json", "--tag": "shop", "--drop": "Cache hit", "--host": "web-1", "--port": port}
        command = [*python_command("collect"), f"{logs}/*.log", "--producer", pipeline.producer_url, "--data-dir", data]
        command += [str(part) for pair in options.items() for part in pair]
        writer = threading.Thread(target=write, args=(Path(logs), stop))
        writer.start()
        collector = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: is_ready(url), 60, "the collector")
            yield url
        finally:
            stop.set()
            writer.join()
            collector.terminate()
            collector.wait(60)


def is_ready(url: str) -> bool:
    """Whether a service can do its work."""
    try:
        return requests.get(f"{url}/ready", timeout=5).ok
    except requests.ConnectionError:
        return False


def wait_for_minutes(page: Page) -> None:
    """The collector's page has had some minutes."""
    expect(page.locator('[data-tile="Logs"] strong')).not_to_have_text("0", timeout=60_000)
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
        Pipeline(Path(folder), "embedded", alert_interval_s=1) as running,
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
            if is_wanted("dashboard-results"):
                send_results(running)
                take(browser, f"{url}?tab=results", "dashboard-results", wait_for_results)
            if is_wanted("dashboard-pipeline"):
                take_pipeline(browser, running)
            if is_wanted("collector"):
                with collecting(running) as page:
                    take(browser, page, "collector", wait_for_minutes, viewport={"width": 1280, "height": 1180})
            if is_wanted("dashboard-alerts"):
                alarm(running)
                take(browser, f"{url}?tab=alerts", "dashboard-alerts", wait_for_alerts)
            browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
