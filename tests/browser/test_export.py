"""Taking what is shown away as a file."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import messages, settled
from tests.support.storage_service import StorageService


def saved(page: Page, format_: str) -> str:
    with page.expect_download() as started:
        page.locator(f'[data-format="{format_}"]').click()
    download = started.value
    assert download.suggested_filename.endswith(f".{format_}")
    return Path(download.path()).read_text("utf-8")


def open_menu(page: Page) -> None:
    page.get_by_role("button", name="Export", exact=True).click()
    expect(page.get_by_role("dialog", name="Export")).to_be_visible()


@pytest.fixture
def page_of_errors(show, send) -> Page:
    service = send(
        [
            {"message": f"m{number}", "level": "ERROR" if number % 3 == 0 else "INFO", "metadata": {"n": number}}
            for number in range(300)
        ]
    )
    return show(service, "&is.level=ERROR&q=NOT%20m0&columns=timestamp,message")


def test_ndjson_holds_all_that_passes_not_only_the_rows_shown(page_of_errors):
    page = page_of_errors
    open_menu(page)
    logs = [json.loads(line) for line in saved(page, "ndjson").splitlines()]
    assert [log["message"] for log in logs] == [f"m{number}" for number in range(3, 300, 3)]
    assert logs[0]["metadata"] == {"n": 3}


def test_csv_has_the_columns_shown_where_asked(page_of_errors):
    page = page_of_errors
    open_menu(page)
    page.get_by_label("all fields, not only the columns").uncheck()
    rows = list(csv.DictReader(io.StringIO(saved(page, "csv"))))
    assert set(rows[0]) == {"timestamp", "message"}
    assert len(rows) == 99


def test_a_search_text_that_was_not_sent_is_applied_to_the_export_or_stops_it(page_of_errors, watch):
    watch.expected = {400}
    page = page_of_errors
    search = page.get_by_role("combobox", name="Search text")
    search.fill("m3 OR m6")
    page.keyboard.press("Escape")
    open_menu(page)
    logs = [json.loads(line) for line in saved(page, "ndjson").splitlines()]
    assert [log["message"] for log in logs] == ["m3", "m6"]
    expect(page.locator("#search-pending")).to_be_hidden()
    settled(page)
    assert messages(page) == ["m3", "m6"]
    downloads = []
    page.on("download", lambda download: downloads.append(download))  # noqa: PLW0108 - Playwright cannot mark a builtin
    search.fill("level:loud")
    page.keyboard.press("Escape")
    open_menu(page)
    page.locator('[data-format="ndjson"]').click()
    expect(page.get_by_text("Not exported: the search text is not applied")).to_be_visible()
    expect(page.locator("#search-error")).to_contain_text("Not applied")
    assert downloads == []


def test_json_of_anomalies_holds_anomalies_only(show, send):
    page = show(send([{"message": "bad", "level": "ERROR"}, {"message": "fine"}]), "&tab=anomalies")
    open_menu(page)
    found = json.loads(saved(page, "json"))
    logs = found if isinstance(found, list) else found["logs"]
    assert [log["message"] for log in logs] == ["bad"]


def test_an_export_carries_the_key(page, tmp_path, watch):
    watch.expected = {401}
    (tmp_path / "own").mkdir()
    with StorageService(tmp_path / "own" / "data", api_key="secret") as storage:
        storage.http.headers["Authorization"] = "Bearer secret"
        storage.http.post(f"{storage.url}/logs", json={"message": "kept"}, timeout=30).raise_for_status()
        page.goto(storage.url)
        page.get_by_role("dialog", name="API key").get_by_label("Key").fill("secret")
        page.keyboard.press("Enter")
        expect(page.locator(".rows .row")).to_have_count(1)
        open_menu(page)
        assert json.loads(saved(page, "ndjson"))["message"] == "kept"
