"""Keys, light and dark, narrow windows, and that everybody can use the page."""

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


def test_a_phone_shows_all_of_it_without_scrolling_sideways(browser, tmp_path, pipeline, send):
    service = send([{"message": "long " * 40, "host": "h" * 80, "metadata": {"path": "/p" * 60}} for _ in range(5)])
    with open_page(browser, tmp_path, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True) as (
        page,
        _,
    ):

        def fits() -> None:
            assert page.evaluate("document.documentElement.scrollWidth") <= 390

        page.goto(f"{pipeline.storage_url}/?is.service={service}")
        settled(page)
        fits()
        expect(page.locator(".rows .row")).to_have_count(5)
        page.get_by_role("button", name="Fields", exact=True).click()
        page.get_by_role("button", name="Only level INFO").click()
        page.get_by_role("button", name="Fields", exact=True).click()
        settled(page)
        fits()
        page.locator(".rows .row").first.click()
        panel = page.get_by_role("complementary", name="Open log")
        assert panel.bounding_box()["width"] == 390
        expect(panel.get_by_role("button", name="Filter for service")).to_be_visible()
        fits()
        page.get_by_role("button", name="Close").click()
        for tab in ("Anomalies", "Patterns", "Pipeline", "Live", "Logs"):
            page.get_by_role("navigation", name="Views").get_by_role("button", name=tab).click()
            settled(page)
            fits()


@pytest.mark.parametrize("width", [320, 390])
def test_every_tab_is_in_sight_on_a_phone(browser, tmp_path, pipeline, width):
    with open_page(browser, tmp_path, viewport={"width": width, "height": 844}, has_touch=True, is_mobile=True) as (
        page,
        _,
    ):
        page.goto(pipeline.storage_url)
        settled(page)
        tabs = page.get_by_role("navigation", name="Views").get_by_role("button")
        expect(tabs).to_have_count(5)
        for tab in tabs.all():
            # Nothing lies over either end of its name, and the page does not have to be moved to see it.
            assert tab.evaluate("""(one) => {
              const range = document.createRange();
              range.selectNodeContents(one);
              const { left, right, top, bottom } = range.getBoundingClientRect();
              const y = (top + bottom) / 2;
              const isSeen = (x) => x > 0 && x < innerWidth && document.elementFromPoint(x, y) === one;
              return [left + 1, right - 1].every(isSeen);
            }"""), tab.inner_text()
            tab.tap()
            expect(tab).to_have_attribute("aria-current", "page")


def test_an_open_log_on_a_phone_has_values_below_their_names_over_the_whole_width(browser, tmp_path, pipeline, send):
    service = send(
        [{"message": "m", "host": "h" * 90, "metadata": {"a-name-" + "n" * 60: "v" * 200, "region": "eu-1"}}]
    )
    with open_page(browser, tmp_path, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True) as (
        page,
        _,
    ):
        page.goto(f"{pipeline.storage_url}/?is.service={service}")
        settled(page)
        page.locator(".rows .row").tap()
        view = page.locator("#detail-view")
        assert view.evaluate("(one) => one.scrollWidth <= one.clientWidth")
        rows = page.locator(".fields tr[data-field]").all()
        assert len(rows) > 10
        for row in rows:
            name, value = row.locator("th").bounding_box(), row.locator(".field-value").bounding_box()
            assert value["y"] >= name["y"] + name["height"] - 1
            assert value["width"] > 350
            for button in row.locator("button:not(:disabled)").all():
                place = button.bounding_box()
                assert place["x"] >= 0
                assert place["x"] + place["width"] <= 390
                assert min(place["width"], place["height"]) >= 28
                # Beside the name, and not over it.
                assert place["x"] >= name["x"] + name["width"] - 1
                assert place["y"] < value["y"]
        # Of what has one line, a screen shows a dozen.
        assert page.locator('tr[data-field="region"], tr[data-field="metadata.region"]').bounding_box()["height"] < 60
        page.get_by_role("button", name="Filter for metadata.region").tap()
        settled(page)
        expect(page.get_by_role("group", name="Filters")).to_contain_text("metadata.region is eu-1")


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
