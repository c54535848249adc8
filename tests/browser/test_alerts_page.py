"""The page of alerts: what fires, whom it is about, its logs; to take and to silence, and the rules behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from logmill.timestamps import now_us
from tests.support.browser import messages, open_page, settled
from tests.support.storage_blocks import batch, stream
from tests.support.storage_service import StorageService
from tests.support.waiting import wait_until

RULES = """
detectors:
  defaults: false
  rules:
    - name: many_errors
      kind: threshold
      q: level:error
      group_by: [service]
      when: count >= 3
      severity: high
      description: The service fails.
"""
MARKUP = '<img src=x onerror="breach()">'


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StorageService]:
    """A storage that looks at its rules all the time."""
    folder = tmp_path_factory.mktemp("alerts")
    (folder / "rules.yaml").write_text(RULES)
    with StorageService(folder / "data", alert_interval_s=0.1, rules_file=str(folder / "rules.yaml")) as service:
        yield service


@pytest.fixture
def raised(storage: StorageService):
    """Raises an alert for a service and waits until it is there."""

    def raise_(service: str) -> None:
        now = now_us()
        rows = batch(4, service=service, level="ERROR", timestamp=now, received_at=now, processed_at=now)
        assert storage.ingest(stream(rows)).status_code == 201
        wait_until(
            lambda: service in [one["group"]["service"] for one in storage.get("/alerts").json()["alerts"]], 30, service
        )

    return raise_


def shown(page: Page, storage: StorageService, rest: str = "") -> Page:
    page.goto(f"{storage.url}/?tab=alerts{rest}")
    expect(page.get_by_role("region", name="Detectors").locator("tbody tr").first).to_be_visible()
    return page


def row(page: Page, service: str):
    return page.locator(".alerts tbody tr").filter(has=page.get_by_text(service, exact=True))


def test_where_nothing_is_wrong_the_page_says_so_and_which_rules_watch(page, tmp_path):
    with StorageService(tmp_path / "data") as quiet:
        shown(page, quiet)
        expect(page.get_by_role("region", name="Alerts")).to_contain_text("Nothing is wrong")
        expect(page.get_by_role("region", name="Detectors")).to_contain_text("5 failed logins within 10m")
        expect(page.locator(".alert-badge")).to_be_hidden()


def test_an_alert_is_shown_with_its_group_value_trend_and_logs(page, storage, raised):
    raised("payments")
    shown(page, storage)
    one = row(page, "payments")
    expect(one).to_contain_text("firing")
    expect(one).to_contain_text("count 4 within 5m, the limit is count >= 3")
    expect(one.get_by_role("img")).to_have_attribute("aria-label", re.compile("intervals around its begin"))
    expect(page.locator(".alert-badge")).to_contain_text(re.compile(r"^\d"))
    one.get_by_role("button", name=re.compile("^Logs")).click()
    settled(page)
    expect(page).to_have_title("Logs · Logmill")
    assert sorted(messages(page)) == [f"message {number}" for number in range(4)]
    page.go_back()
    expect(row(page, "payments")).to_be_visible()


def test_an_alert_is_taken_by_the_keyboard_and_its_changes_are_listed(page, storage, raised):
    raised("orders")
    shown(page, storage)
    row(page, "orders").get_by_role("button", name=re.compile("^Acknowledge")).press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Who looks after it").fill("eve")
    dialog.get_by_label("Comment").fill("on it")
    dialog.get_by_role("button", name="Acknowledge").press("Enter")
    expect(row(page, "orders")).to_contain_text("acknowledged")
    row(page, "orders").get_by_role("button", name="many errors").click()
    expect(page.get_by_role("dialog")).to_contain_text("acknowledged by eve: on it")
    expect(page.get_by_role("dialog")).to_contain_text("The service fails.")
    page.keyboard.press("Escape")
    page.get_by_label("show", exact=True).select_option("acknowledged")
    expect(page).to_have_url(re.compile("alerts=acknowledged"))
    expect(page.locator(".alerts tbody tr")).to_have_count(1)


def test_a_silence_takes_an_alert_out_of_the_list_until_it_is_ended(page, storage, raised):
    raised("batch")
    shown(page, storage, "&alerts=firing")
    row(page, "batch").get_by_role("button", name=re.compile("^Silence")).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("For", exact=True).select_option("30m")
    dialog.get_by_role("button", name="Silence").click()
    expect(row(page, "batch")).to_have_count(0)
    silences = page.get_by_role("region", name="Silences")
    expect(silences).to_contain_text("many errors, service batch")
    silences.get_by_role("button", name=re.compile("^End")).click()
    expect(row(page, "batch")).to_be_visible()
    expect(silences).to_be_hidden()


def test_markup_in_a_group_is_text(page, storage, raised):
    raised(MARKUP)
    shown(page, storage)
    expect(row(page, MARKUP)).to_be_visible()
    assert page.locator(".alerts img:not([role])").count() == 0


def test_an_error_is_told_and_what_was_known_stays(opened, storage, raised):
    page, watch = opened
    watch.expected.add(503)
    raised("payments")
    shown(page, storage)
    page.route("**/alerts?*", lambda route: route.fulfill(status=503, json={"status": "error", "message": "busy"}))
    expect(page.locator(".pipeline-warning")).to_contain_text("busy; this is what was known last", timeout=20_000)
    expect(row(page, "payments")).to_be_visible()
    page.unroute("**/alerts?*")
    expect(page.locator(".pipeline-warning")).to_be_empty(timeout=20_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_in_both_schemes(browser: Browser, tmp_path, storage, raised, scheme):
    raised("payments")
    context = {"viewport": {"width": 390, "height": 780}, "color_scheme": scheme}
    with open_page(browser, tmp_path, **context) as (page, _):
        shown(page, storage)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.screenshot(path=tmp_path / f"alerts-{scheme}.png")
