"""Keys, light and dark, and that everybody can use the page."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.support.browser import messages, open_page, settled

_VIEWS = {
    "logs": "",
    "open log": "&open",
    "anomalies": "&tab=anomalies",
    "live": "&tab=tail",
    "patterns": "&tab=patterns",
    "alerts": "&tab=alerts&alerts=all",
    "pipeline": "&tab=pipeline",
    "nothing found": "&q=nothing-has-this",
}


@pytest.fixture
def service(send):
    return send(
        [
            {"message": f"m{number}", "level": level}
            for number, level in enumerate(["ERROR", "INFO", "WARNING", "DEBUG", "CRITICAL"])
        ]
    )


def test_keys_do_what_the_mouse_does(show, service):
    page = show(service)
    search = page.get_by_role("combobox", name="Search text")
    page.keyboard.press("/")
    expect(search).to_be_focused()
    # Letters are text there.
    page.keyboard.type("j?t")
    expect(search).to_have_value("j?t")
    search.fill("")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(search).not_to_be_focused()
    selected = page.locator(".rows .row.selected .c-message")
    page.keyboard.press("j")
    expect(selected).to_have_text("m0")
    page.keyboard.press("j")
    expect(selected).to_have_text("m1")
    page.keyboard.press("k")
    expect(selected).to_have_text("m0")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    panel = page.get_by_role("complementary", name="Open log")
    expect(panel.locator(".detail-message")).to_have_text("m1")
    page.keyboard.press("j")
    expect(panel.locator(".detail-message")).to_have_text("m2")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(selected).to_have_text("m2")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("live tail")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("w")
    expect(page.get_by_role("button", name="Wrap")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("4")
    expect(page).to_have_title("Anomalies · Logmill")
    settled(page)
    page.keyboard.press("t")
    expect(page).to_have_title("Live · Logmill")
    page.keyboard.press("t")
    expect(page).to_have_title("Logs · Logmill")


def test_a_row_opens_by_tab_and_enter_alone(show, service):
    page = show(service)
    page.get_by_role("button", name="Column message: move, remove").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "row"
    page.keyboard.press("Enter")
    expect(page.get_by_role("complementary", name="Open log").locator(".detail-message")).to_have_text("m0")


def background(page: Page) -> int:
    """How light the page is, 0 to 765."""
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(int(part) for part in colour.strip("rgb()").split(","))


def test_the_theme_is_the_systems_until_another_is_chosen(browser, tmp_path, pipeline):
    with open_page(browser, tmp_path, color_scheme="dark") as (page, _):
        page.goto(pipeline.storage_url)
        settled(page)
        assert background(page) < 150
        page.emulate_media(color_scheme="light")
        expect(page.locator("html")).to_have_attribute("data-theme", "light")
        assert background(page) > 600
        page.get_by_role("button", name="Light or dark").click()
        assert background(page) < 150
        page.reload()
        settled(page)
        assert background(page) < 150
        page.keyboard.press("x")
        assert background(page) > 600


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", _VIEWS)
def test_axe_finds_nothing_that_keeps_anybody_out(browser, tmp_path, pipeline, service, view, scheme):
    # The policy of the page would keep axe out as well.
    with open_page(browser, tmp_path, color_scheme=scheme, bypass_csp=True) as (page, _):
        page.goto(f"{pipeline.storage_url}/?is.service={service}{_VIEWS[view].removesuffix('&open')}")
        settled(page)
        if view == "open log":
            page.locator(".rows .row").first.click()
            expect(page.get_by_role("complementary", name="Open log")).to_be_visible()
        if view == "logs":
            assert messages(page)
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]})
        assert found.violations_count == 0, found.generate_report()
