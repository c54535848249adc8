"""Narrow and low windows, and fingers instead of a pointer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

from logmill.broker import Message, broker_of
from logmill.record import Lane
from tests.support.browser import open_page, settled
from tests.support.pipeline import Pipeline

TIMEOUT_S = 30

Held = Callable[..., AbstractContextManager[Page]]


@pytest.fixture
def held(browser: Browser, tmp_path: Path, pipeline: Pipeline) -> Held:
    """A page in the hand: `held("?tab=tail", width=320)` opens it on a screen that knows touches only."""

    @contextmanager
    def opened(query: str = "", *, width: int = 390, height: int = 844, **context: Any):
        size = {"width": width, "height": height}
        with open_page(browser, tmp_path, viewport=size, has_touch=True, is_mobile=True, **context) as (page, _):
            page.goto(f"{pipeline.storage_url}/{query}")
            settled(page)
            yield page

    return opened


def fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def test_a_phone_shows_all_of_it_without_scrolling_sideways(held, send):
    service = send([{"message": "long " * 40, "host": "h" * 80, "metadata": {"path": "/p" * 60}} for _ in range(5)])
    with held(f"?is.service={service}") as page:
        fits(page)
        expect(page.locator(".rows .row")).to_have_count(5)
        page.get_by_role("button", name="Fields", exact=True).tap()
        page.get_by_role("button", name="Only level INFO").tap()
        page.get_by_role("button", name="Fields", exact=True).tap()
        settled(page)
        fits(page)
        page.locator(".rows .row").first.tap()
        panel = page.get_by_role("complementary", name="Open log")
        assert panel.bounding_box()["width"] == 390
        expect(panel.get_by_role("button", name="Filter for service")).to_be_visible()
        fits(page)
        page.get_by_role("button", name="Close").tap()
        for tab in ("Anomalies", "Patterns", "Results", "Pipeline", "Live", "Logs"):
            page.get_by_role("navigation", name="Views").get_by_role("button", name=tab).tap()
            settled(page)
            fits(page)


@pytest.mark.parametrize(("width", "height"), [(320, 568), (390, 844), (600, 900), (844, 390)])
def test_every_tab_is_in_sight(held, width, height):
    with held(width=width, height=height) as page:
        tabs = page.get_by_role("navigation", name="Views").get_by_role("button")
        expect(tabs).to_have_count(7)
        for tab in tabs.all():
            # Nothing lies over either end of its name, and the page does not have to be moved to see it.
            assert tab.evaluate("""(one) => {
              const range = document.createRange();
              range.selectNodeContents(one);
              const { left, right, top, bottom } = range.getBoundingClientRect();
              const y = (top + bottom) / 2;
              const isSeen = (x) => x > 0 && x < screen.width && document.elementFromPoint(x, y) === one;
              return [left + 1, right - 1].every(isSeen);
            }"""), tab.inner_text()
            tab.tap()
            expect(tab).to_have_attribute("aria-current", "page")


def test_an_open_log_has_values_below_their_names_over_the_whole_width(held, send):
    service = send(
        [{"message": "m", "host": "h" * 90, "metadata": {"a-name-" + "n" * 60: "v" * 200, "region": "eu-1"}}]
    )
    with held(f"?is.service={service}") as page:
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
        assert page.locator('tr[data-field="metadata.region"]').bounding_box()["height"] < 60
        page.get_by_role("button", name="Filter for metadata.region").tap()
        settled(page)
        expect(page.get_by_role("group", name="Filters")).to_contain_text("metadata.region is eu-1")
        page.get_by_role("tab", name="Context").tap()
        assert page.locator(".context .here .context-message").bounding_box()["width"] > 350


def test_an_open_log_covers_a_window_that_is_too_low_for_both(held, send):
    with held(f"?is.service={send([{'message': 'm'}])}", width=844, height=390) as page:
        page.locator(".rows .row").tap()
        panel = page.get_by_role("complementary", name="Open log").bounding_box()
        assert (panel["width"], panel["height"]) == (844, 390)
        fits(page)


def test_messages_are_in_sight_beside_an_open_log_on_a_tablet(held, send):
    with held(f"?is.service={send([{'message': 'm'}, {'message': 'the other'}])}", width=820, height=1100) as page:
        page.locator(".rows .row").first.tap()
        panel = page.get_by_role("complementary", name="Open log").bounding_box()
        assert 380 < panel["x"] < 440
        message = page.locator(".rows .c-message").last.bounding_box()
        assert message["width"] > 300
        assert message["x"] + message["width"] <= panel["x"] + 1
        page.locator(".rows .row").last.tap()
        expect(page.locator(".detail-message")).to_have_text("the other")


def test_dead_letters_and_settings_are_not_cut_into_columns_of_letters(held, pipeline):
    publisher = broker_of(pipeline.settings).publisher()
    message = Message(b"no json", Lane.NORMAL, str(uuid4()), content_type="application/json")
    publisher.publish(message).result(TIMEOUT_S)
    publisher.close(TIMEOUT_S)
    with held("?tab=pipeline") as page:
        letter = page.locator("[data-letter]").first
        letter.wait_for(timeout=TIMEOUT_S * 1000)
        fits(page)
        for cell in letter.locator("td").all():
            assert cell.bounding_box()["width"] >= 40, cell.inner_text()
            assert cell.bounding_box()["height"] < 70, cell.inner_text()
        for name in page.locator(".config tbody th").all():
            assert name.bounding_box()["height"] < 30, name.inner_text()


def test_what_a_pointer_brings_out_is_there_for_a_finger(held, send):
    service = send([{"message": "User logged in"}, {"message": "Job is done", "level": "ERROR"}])
    with held(f"?is.service={service}", width=1024, height=768) as page:
        exclude = page.get_by_role("button", name="Exclude level ERROR")
        expect(exclude).to_have_css("opacity", "1")
        exclude.tap()
        settled(page)
        expect(page.locator(".rows .row")).to_have_count(1)
    for width in (390, 1024):
        with held(f"?tab=patterns&is.service={service}", width=width, height=844) as page:
            exclude = page.locator(".patterns tr").filter(has_text="Job").get_by_role("button", name="exclude")
            expect(exclude).to_have_css("opacity", "1")
            exclude.tap()
            settled(page)
            expect(page.locator(".patterns .example")).to_have_text(["User logged in"])
