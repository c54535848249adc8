"""Logs as they come: pausing, filtering, bounds, and what the stream says of itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.browser import add, messages, open_page, settled
from tests.support.pipeline import Pipeline
from tests.support.storage_service import StorageService
from tests.support.waiting import wait_until


@pytest.fixture
def live(show, send, pipeline):
    """A page that listens to a service which has one log, and a way to send more of it."""
    service = send([{"message": "before"}])
    page = show(service, "&tab=tail")
    expect(page.locator(".light")).to_have_text("connected")
    expect(page.locator(".rows .row")).to_have_count(1)

    def more(*texts: str, **fields: object) -> None:
        now = datetime.now(UTC).isoformat()
        add(pipeline, [{"service": service, "message": text, "timestamp": now, **fields} for text in texts])

    return page, more


def top(page: Page, message: str) -> None:
    expect(page.locator(".rows .c-message").first).to_have_text(message)


def test_new_logs_appear_on_top_by_themselves(live):
    page, more = live
    more("one")
    top(page, "one")
    more("two")
    top(page, "two")
    assert messages(page) == ["two", "one", "before"]
    page.locator(".rows .row").first.click()
    expect(page.get_by_role("complementary", name="Open log").locator(".detail-message")).to_have_text("two")


def test_a_pause_holds_and_counts_what_comes_and_shows_it_after(live):
    page, more = live
    page.get_by_role("button", name="Pause").click()
    more("a", "b")
    more("c")
    expect(page.get_by_text("paused, 3 new")).to_be_visible()
    assert messages(page) == ["before"]
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".rows .row")).to_have_count(4)
    expect(page.get_by_text("paused")).to_be_hidden()
    assert set(messages(page)[:3]) == {"a", "b", "c"}


def test_filters_and_search_apply_to_what_comes(live):
    page, more = live
    page.get_by_role("combobox", name="Search text").fill("level:error")
    page.keyboard.press("Enter")
    expect(page.locator(".light")).to_have_text("connected")
    expect(page.locator(".rows .row")).to_have_count(0)
    expect(page.get_by_text("Waiting for logs")).to_be_visible()
    more("fine", level="INFO")
    more("bad", level="ERROR")
    top(page, "bad")
    more("also fine", level="INFO")
    more("worse", level="CRITICAL")
    more("bad again", level="ERROR")
    top(page, "bad again")
    assert messages(page) == ["bad again", "bad"]


def test_the_page_keeps_no_more_than_a_thousand_rows(live):
    page, more = live
    for start in range(0, 1500, 500):
        more(*(f"m{number}" for number in range(start, start + 500)))
    wait_until(lambda: page.locator(".rows .row").count() == 1000, what="a thousand rows")
    more("last")
    top(page, "last")
    assert page.locator(".rows .row").count() == 1000
    expect(page.locator(".tail-view .table-tools")).to_contain_text("newest 1,000 kept")


def test_a_storage_that_restarts_is_said_and_listened_to_again_without_a_gap(page, watch, tmp_path):
    watch.unreachable = True
    watch.expected = {503}
    (tmp_path / "own").mkdir()
    with StorageService(tmp_path / "own" / "data") as storage:

        def post(message: str) -> None:
            storage.http.post(f"{storage.url}/logs", json={"message": message}, timeout=30).raise_for_status()

        post("first")
        page.goto(f"{storage.url}/?tab=tail")
        top(page, "first")
        storage.stop()
        expect(page.locator(".light")).to_have_text("connecting …")
        expect(page.get_by_role("log", name="Notices")).to_contain_text("connecting again")
        storage.restart()
        post("while away")
        expect(page.locator(".light")).to_have_text("connected")
        post("after")
        top(page, "after")
        assert messages(page) == ["after", "while away", "first"]
        expect(page.get_by_text("connecting again")).to_have_count(0)


def test_a_tab_in_the_background_shows_each_log_once_though_its_stream_ended_meanwhile(page, pipeline: Pipeline):
    # As in a tab that is hidden: what is to be drawn waits until the tab is seen again.
    page.add_init_script("""
      const waiting = [];
      const real = window.requestAnimationFrame.bind(window);
      window.requestAnimationFrame = (draw) => waiting.push(draw);
      window.seenAgain = () => { window.requestAnimationFrame = real; waiting.splice(0).forEach((draw) => draw(0)); };
    """)
    asked = []

    def stream(route: Route) -> None:
        asked.append(route)
        # The backlog of a second connection has what the first one sent.
        texts = ["one", "two", "three"][: len(asked) + 1]
        logs = [{"id": text, "level": "INFO", "service": "s", "message": text, "metadata": {}} for text in texts]
        if len(asked) <= 2:
            body = "".join(f"event: log\nid: {log['id']}\ndata: {json.dumps(log)}\n\n" for log in logs)
            route.fulfill(content_type="text/event-stream", body=body)

    page.route("**/logs/tail?*", stream)
    page.goto(f"{pipeline.storage_url}/?tab=tail")
    wait_until(lambda: page.evaluate("1") and len(asked) == 3, what="the third connection")
    assert messages(page) == []
    page.evaluate("window.seenAgain()")
    assert messages(page) == ["three", "two", "one"]
    page.unroute("**/logs/tail?*")


def test_notices_of_the_stream_are_shown(browser, tmp_path, pipeline: Pipeline):
    # A reader that is really too slow would need more logs than a test should send: the stream itself is written here.
    with open_page(browser, tmp_path) as (page, _):
        body = 'event: notice\ndata: {"code":"slow_reader","message":"this reader is too slow","missed":1234}\n\n'
        page.route("**/logs/tail?*", lambda route: route.fulfill(content_type="text/event-stream", body=body))
        page.goto(f"{pipeline.storage_url}/?tab=tail")
        expect(page.get_by_role("log", name="Notices")).to_contain_text("too slow (1,234 logs were not shown)")
        page.unroute("**/logs/tail?*")


def test_the_stream_carries_the_key(page, tmp_path, watch):
    watch.expected = {401}
    (tmp_path / "own").mkdir()
    with StorageService(tmp_path / "own" / "data", api_key="secret") as storage:
        storage.http.headers["Authorization"] = "Bearer secret"
        storage.http.post(f"{storage.url}/logs", json={"message": "kept"}, timeout=30).raise_for_status()
        page.goto(f"{storage.url}/?tab=tail")
        page.get_by_role("dialog", name="API key").get_by_label("Key").fill("secret")
        page.keyboard.press("Enter")
        top(page, "kept")
        settled(page)
        page.get_by_role("navigation", name="Views").get_by_role("button", name="Logs").click()
        settled(page)
        assert messages(page) == ["kept"]
