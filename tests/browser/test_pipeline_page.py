"""The page of the pipeline: rates, lanes, workers, the disk, dead letters, settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from logmill.broker import Message, broker_of
from logmill.record import Lane
from tests.support.browser import add, settled
from tests.support.pipeline import Pipeline
from tests.support.storage_blocks import batch, stream
from tests.support.storage_service import StorageService, total
from tests.support.waiting import wait_until

TIMEOUT_S = 30


@pytest.fixture
def bury(pipeline: Pipeline) -> Iterator[Callable[[bytes], None]]:
    """Publishes a message that no processor can read, and returns once it is put aside; there are no others."""
    broker = broker_of(pipeline.settings)
    with broker.dead_letters() as letters:
        letters.purge()
    publisher = broker.publisher()

    def send(body: bytes) -> None:
        before = broker.depths()["dead"].ready
        publisher.publish(Message(body, Lane.NORMAL, str(uuid4()), content_type="application/json")).result(TIMEOUT_S)
        wait_until(lambda: broker.depths()["dead"].ready == before + 1, what="the dead letter")

    yield send
    publisher.close(TIMEOUT_S)


@pytest.fixture
def pipeline_page(page: Page, pipeline: Pipeline) -> Page:
    page.goto(f"{pipeline.storage_url}/?tab=pipeline")
    settled(page)
    expect(page.locator(".tile").first).to_be_visible()
    return page


def tile(page: Page, name: str):
    return page.locator(f'[data-tile="{name}"] strong')


def test_rates_lag_lanes_workers_and_disk_are_shown_and_follow(send, pipeline_page, pipeline):
    page = pipeline_page
    service = send([{"message": f"m{number}"} for number in range(200)])
    now = datetime.now(UTC).isoformat()
    for _ in range(3):
        add(pipeline, [{"service": service, "message": "more", "timestamp": now} for _ in range(300)])
    # It asks again by itself.
    expect(tile(page, "Stored")).not_to_have_text("0", timeout=TIMEOUT_S * 1000)
    for name in ("Accepted", "Lag, median", "Lag, 99 %"):
        expect(tile(page, name)).not_to_have_text("\u2013", timeout=TIMEOUT_S * 1000)
    for name in ("Waiting", "Dead letters", "Logs", "Disk"):
        expect(tile(page, name)).not_to_have_text("\u2013")
    expect(page.get_by_role("region", name="Logs a second").locator("canvas")).to_be_visible()
    expect(page.get_by_role("region", name="Messages waiting, by lane").locator("canvas")).to_be_visible()
    expect(page.locator('[data-tile="Logs"] small')).to_have_text(re.compile(r"^[\d.]+ B each$"))
    # The history has logs a step, the chart logs a second.
    box = page.get_by_role("region", name="Logs a second").locator(".u-over").bounding_box()
    tip = page.get_by_role("region", name="Logs a second").locator(".tooltip:not([hidden]) .tip-row")

    def said() -> set[str]:
        found = set()
        for number in range(60):
            page.mouse.move(box["x"] + box["width"] * number / 59 - 1, box["y"] + 40)
            found |= set(tip.filter(has_text="stored").locator("b").all_text_contents())
        return found

    def rates() -> set[str]:
        history = page.request.get(f"{pipeline.storage_url}/pipeline").json()["history"]
        return {f"{round(logs / history['step_s'], 1):g}" for logs in history["stored"] if logs}

    def is_charted() -> bool:
        add(pipeline, [{"service": service, "message": "more", "timestamp": now}] * 100)
        return bool(rates() & said())

    wait_until(is_charted, TIMEOUT_S, "a rate of the history in the chart")
    assert page.get_by_role("region", name="Lanes").locator("tbody th").all_inner_texts() == [
        "urgent",
        "normal",
        "bulk",
    ]
    expect(page.get_by_role("region", name="Processors").locator("tbody tr").first).to_be_visible()
    expect(page.get_by_role("region", name="Storage").locator("tbody")).to_contain_text("Free")


def test_a_dead_letter_is_shown_replayed_and_purged_each_once_it_was_agreed_to(bury, pipeline_page):
    page = pipeline_page
    bury(b"no json <script>alert(1)</script>")
    page.get_by_role("region", name="Dead letters").get_by_text("no json").or_(
        page.locator("[data-letter]")
    ).first.wait_for()
    letters = page.locator("[data-letter]")
    expect(letters).to_have_count(1)
    letters.first.get_by_role("button", name="Show").click()
    dialog = page.get_by_role("dialog", name="Dead letter")
    expect(dialog.locator("pre")).to_have_text("no json <script>alert(1)</script>")
    dialog.get_by_role("button", name="Close").click()
    first = letters.first.get_attribute("data-letter")
    letters.first.get_by_role("button", name="Replay").click()
    page.get_by_role("dialog", name="Replay").get_by_role("button", name="Replay").click()
    expect(page.get_by_text("1 sent on its way")).to_be_visible()
    # It cannot be read this time either, and is a new letter.
    expect(page.locator(f'[data-letter]:not([data-letter="{first}"])')).to_have_count(1, timeout=TIMEOUT_S * 1000)
    letters.first.get_by_role("button", name="Purge").click()
    page.get_by_role("dialog", name="Purge").get_by_role("button", name="Cancel").click()
    expect(letters).to_have_count(1)
    letters.first.get_by_role("button", name="Purge").click()
    page.get_by_role("dialog", name="Purge").get_by_role("button", name="Purge").click()
    expect(letters).to_have_count(0)
    expect(page.get_by_role("region", name="Dead letters")).to_contain_text("None")


def test_all_letters_are_purged_at_once(bury, pipeline_page):
    page = pipeline_page
    for _ in range(3):
        bury(b"no json")
    expect(page.locator("[data-letter]")).to_have_count(3, timeout=TIMEOUT_S * 1000)
    page.get_by_role("button", name="Purge all").click()
    dialog = page.get_by_role("dialog", name="Purge")
    expect(dialog).to_contain_text("the 3 that are listed")
    dialog.get_by_role("button", name="Purge").click()
    expect(page.locator("[data-letter]")).to_have_count(0)


def test_settings_in_force_are_listed_and_found(pipeline_page):
    page = pipeline_page
    settings = page.get_by_role("region", name="Configuration")
    settings.get_by_label("Find a setting").fill("max_limit")
    row = settings.locator("tbody tr").filter(has_text="max_limit")
    expect(row.or_(settings.locator("tbody tr").filter(has_text="MAX_LIMIT")).first).to_contain_text("10000")
    settings.get_by_label("Find a setting").fill("")
    everything = settings.locator("tbody tr").count()
    settings.get_by_label("only what was changed").check()
    assert 0 < settings.locator("tbody tr").count() < everything


def test_metrics_of_a_browser_is_this_page_with_what_the_logs_are(page, watch, tmp_path):
    watch.expected = {502, 503, 504}
    (tmp_path / "own").mkdir()
    with StorageService(tmp_path / "own" / "data") as storage:
        logs = [{"level": "ERROR", "service": "auth", "host": "web 77", "tags": ["login"]}] * 3 + [{"message": "m"}]
        storage.http.post(f"{storage.url}/logs", json=logs, timeout=30).raise_for_status()
        page.goto(f"{storage.url}/metrics")
        settled(page)
        assert page.url.endswith("/?tab=pipeline")
        tables = page.get_by_role("region", name="Contents").locator("table")
        expect(tables).to_have_text(
            ["LevelLogsERROR3INFO1", "ServiceLogsauth3unknown1", "HostLogsweb 773none1", "TagLogslogin3"]
        )
        expect(page.get_by_role("region", name="Rejected")).to_contain_text("nothing was rejected")
        kept = page.get_by_role("region", name="Storage").locator("tr").filter(has_text="Kept")
        expect(kept).to_contain_text("for ever")
        assert "logmill_storage_logs_total 4.0" in page.request.get(f"{storage.url}/metrics").text()


def test_what_becomes_of_old_days_is_shown(page, watch, tmp_path):
    watch.expected = {502, 503, 504}
    (tmp_path / "own").mkdir()
    archive = tmp_path / "archive"
    kept = {"retention_days": 7, "retention_max_bytes": 10**10, "archive_dir": str(archive), "min_free_bytes": 0}
    with StorageService(tmp_path / "own" / "data", retention_interval_s=0.02, **kept) as storage:
        old = stream(batch(1000))  # received in 2023
        storage.ingest(old)
        wait_until(lambda: list(archive.glob("*.gz")) and not total(storage), TIMEOUT_S, "the day is dropped")
        storage.ingest(old)
        page.goto(f"{storage.url}/?tab=pipeline")
        settled(page)
        rows = page.get_by_role("region", name="Storage").locator("tr")
        for name, words in (
            ("Kept", "for 7 days after their own, at most 10.0 GB"),
            ("Deleted", "1 day, 1K logs, up to 2023-11-14"),
            ("Came too late", "1,000 logs of deleted days"),
            ("Archive", "1 file, "),
        ):
            row = rows.filter(has=page.get_by_role("rowheader", name=name, exact=True))
            expect(row).to_contain_text(words, timeout=TIMEOUT_S * 1000)
        expect(page.get_by_role("region", name="Rejected")).to_contain_text("expired")


def test_a_producer_that_is_away_is_said_and_the_rest_is_shown(page, watch, tmp_path):
    watch.expected = {502, 503, 504}
    (tmp_path / "own").mkdir()
    with StorageService(tmp_path / "own" / "data") as storage:
        storage.http.post(f"{storage.url}/logs", json={"message": "m"}, timeout=30).raise_for_status()
        page.goto(f"{storage.url}/?tab=pipeline")
        settled(page)
        expect(page.locator(".pipeline-warning")).to_contain_text("cannot be reached")
        expect(page.get_by_role("region", name="Dead letters")).to_contain_text("cannot be shown")
        expect(tile(page, "Logs")).to_have_text("1")
        expect(tile(page, "Dead letters")).to_have_text("\u2013")
