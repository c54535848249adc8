"""What the page says where there is nothing to show, and what can be done then."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import expect

from tests.support.browser import messages, settled
from tests.support.storage_service import StorageService

KEY = "a key of the test"


@pytest.fixture
def storage(tmp_path) -> Iterator[StorageService]:
    (tmp_path / "own").mkdir()
    with StorageService(tmp_path / "own" / "data") as running:
        yield running


@pytest.fixture
def locked(tmp_path) -> Iterator[StorageService]:
    (tmp_path / "own").mkdir()
    with StorageService(tmp_path / "own" / "data", api_key=KEY) as running:
        running.http.headers["Authorization"] = f"Bearer {KEY}"
        requests.post(
            f"{running.url}/logs", json={"message": "behind the key"}, headers={"X-Api-Key": KEY}, timeout=30
        ).raise_for_status()
        yield running


def test_an_empty_store_says_how_to_send_the_first_log(page, storage):
    page.goto(storage.url)
    settled(page)
    notice = page.locator(".notice")
    expect(notice).to_contain_text("No logs yet")
    expect(notice.locator("pre")).to_contain_text("curl -X POST http://127.0.0.1:5000/logs")
    requests.post(f"{storage.url}/logs", json={"message": "the first"}, timeout=30).raise_for_status()
    notice.get_by_role("button", name="Look again").click()
    settled(page)
    assert messages(page) == ["the first"]
    expect(notice).to_have_count(0)


def test_where_nothing_passes_a_wider_time_is_one_press_away(show, send):
    service = send([{"message": "old", "timestamp": "2026-01-31T12:00:00Z"}])
    page = show(service)
    notice = page.locator(".notice")
    expect(notice).to_contain_text("Nothing found")
    notice.get_by_role("button", name="Look in “Last 6 hours”").click()
    settled(page)
    expect(notice.get_by_role("button", name="Look in “Last 24 hours”")).to_be_visible()
    notice.get_by_role("button", name="Look in “All time”").click()
    settled(page)
    assert messages(page) == ["old"]
    page.get_by_role("combobox", name="Search text").fill("absent")
    page.keyboard.press("Enter")
    settled(page)
    notice.get_by_role("button", name="Clear the search text").click()
    settled(page)
    assert messages(page) == ["old"]


def test_storage_that_is_away_is_said_and_the_page_goes_on_once_it_is_back(page, storage, watch):
    watch.unreachable = True
    requests.post(f"{storage.url}/logs", json={"message": "here"}, timeout=30).raise_for_status()
    page.goto(storage.url)
    settled(page)
    assert storage.stop() == 0
    page.get_by_role("button", name="Refresh", exact=True).click()
    alert = page.get_by_role("alert").filter(has_text="No answer")
    expect(alert).to_contain_text("cannot be reached")
    # What was there stays to be read.
    assert messages(page) == ["here"]
    storage.restart()
    alert.get_by_role("button", name="Try again").click()
    settled(page)
    expect(alert).to_have_count(0)
    assert messages(page) == ["here"]


def test_a_key_is_asked_for_kept_for_the_tab_and_sent_as_bearer(page, locked, watch, browser):
    watch.expected = {401}
    sent = []
    page.on("request", lambda one: "/logs" in one.url and sent.append(one.headers.get("authorization", "")))
    page.goto(locked.url)
    dialog = page.get_by_role("dialog", name="API key")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Key").fill("wrong")
    dialog.get_by_role("button", name="Use this key").click()
    expect(dialog).to_contain_text("does not take this key")
    dialog.get_by_label("Key").fill(KEY)
    dialog.get_by_role("button", name="Use this key").click()
    expect(page.locator(".rows .row")).to_have_count(1)
    settled(page)
    assert messages(page) == ["behind the key"]
    assert page.evaluate("sessionStorage.length") == 1
    assert page.evaluate("Object.values(localStorage)").count(KEY) == 0
    assert KEY not in page.url
    page.reload()
    settled(page)
    assert messages(page) == ["behind the key"]
    assert sent[-1] == f"Bearer {KEY}"
    # The files of the page hold no data and need none.
    assert requests.get(locked.url, timeout=30).status_code == 200
    assert requests.get(f"{locked.url}/logs", timeout=30).status_code == 401


def test_all_that_was_refused_for_want_of_a_key_is_shown_once_it_is_given(page, locked, watch):
    watch.expected = {401}
    found = requests.get(f"{locked.url}/logs", headers={"X-Api-Key": KEY}, timeout=30).json()["logs"][0]["id"]
    for view, shown in (
        ("fields", page.locator('tr[data-field="service"]')),
        ("json", page.locator("pre.json")),
        ("context", page.locator(".context .here")),
    ):
        page.goto(f"{locked.url}/?row={found}&view={view}")
        dialog = page.get_by_role("dialog", name="API key")
        dialog.get_by_label("Key").fill(KEY)
        page.keyboard.press("Enter")
        expect(dialog).to_have_count(0)
        settled(page)
        expect(shown).to_be_visible()
        expect(page.locator("#facets")).to_contain_text("INFO")
        assert messages(page) == ["behind the key"]
        page.evaluate("sessionStorage.clear()")
    # The key may go missing while the page is open: what is asked for next asks for it.
    page.get_by_role("tab", name="JSON").click()
    dialog.get_by_label("Key").fill(KEY)
    page.keyboard.press("Enter")
    expect(page.locator("pre.json")).to_be_visible()


def test_a_key_that_no_header_can_carry_is_refused_in_place(page, locked, watch):
    watch.expected = {401}
    page.goto(locked.url)
    dialog = page.get_by_role("dialog", name="API key")
    for key in ("se\u0107ret", "key\U0001f511", "\u202ekey", "key\u2192"):
        dialog.get_by_label("Key").fill(key)
        page.keyboard.press("Enter")
        expect(dialog.get_by_role("alert")).to_contain_text("cannot be sent")
        assert page.evaluate("sessionStorage.length") == 0
    dialog.get_by_label("Key").fill(KEY)
    expect(dialog.get_by_role("alert")).to_have_text("")
    page.keyboard.press("Enter")
    settled(page)
    assert messages(page) == ["behind the key"]


def test_a_filter_that_cannot_be_is_named(show, send, watch):
    watch.expected = {400}
    page = show(send([{"message": "m"}]), "&is.level=loud")
    expect(page.get_by_role("alert").filter(has_text="cannot be searched for")).to_contain_text("level")
    page.get_by_role("button", name="Remove the filter: level is loud").click()
    settled(page)
    assert messages(page) == ["m"]
