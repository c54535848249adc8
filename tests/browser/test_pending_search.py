"""Text in the search bar that was not sent: it goes along with the next action, or is marked as not applied."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser import add, messages, settled, stored
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def records():
    return [
        {"level": "ERROR", "message": "card declined"},
        {"level": "ERROR", "message": "session lost"},
        {"level": "INFO", "message": "card accepted"},
        {"level": "INFO", "message": "session opened"},
    ]


def bar(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Search text")


def typed(page: Page, text: str) -> None:
    """Have the text in the bar, without sending it."""
    bar(page).fill("")
    bar(page).press_sequentially(text)
    page.keyboard.press("Escape")
    expect(bar(page)).to_have_value(text)


def in_force(page: Page) -> str:
    return parse_qs(urlsplit(page.url).query).get("q", [""])[0]


def choose_time(page: Page) -> None:
    page.get_by_title("Time range", exact=True).click()
    page.get_by_role("button", name="Last 6 hours").click()


def choose_level(page: Page) -> None:
    page.get_by_role("button", name="Only level ERROR").click()


def choose_zone(page: Page) -> None:
    page.get_by_title("Time range", exact=True).click()
    page.get_by_label("Shown in").select_option("utc")
    page.keyboard.press("Escape")


def refresh(page: Page) -> None:
    page.get_by_role("button", name="Refresh", exact=True).click()


def refresh_by_key(page: Page) -> None:
    bar(page).blur()
    page.keyboard.press("r")


def count_by(page: Page) -> None:
    page.get_by_label("by", exact=True).select_option("service")


@pytest.mark.parametrize(
    ("act", "found"),
    [
        (choose_level, ["card declined"]),
        (choose_time, ["card declined", "card accepted"]),
        (choose_zone, ["card declined", "card accepted"]),
        (refresh, ["card declined", "card accepted"]),
        (refresh_by_key, ["card declined", "card accepted"]),
        (count_by, ["card declined", "card accepted"]),
    ],
)
def test_text_that_was_not_sent_goes_along_with_whatever_is_done_next(show, send, records, act, found):
    page = show(send(records), "&q=session")
    typed(page, "card")
    expect(page.locator("#search-pending")).to_have_text("not applied")
    act(page)
    expect(page.locator("#search-pending")).to_be_hidden()
    settled(page)
    expect(bar(page)).to_have_value("card")
    assert in_force(page) == "card"
    assert messages(page) == found


@pytest.mark.parametrize("tab", ["Live", "Patterns"])
def test_text_that_was_not_sent_goes_along_to_another_tab(show, send, records, tab):
    page = show(send(records))
    typed(page, "declined")
    page.get_by_role("button", name=tab, exact=True).click()
    expect(page.locator("#search-pending")).to_be_hidden()
    assert in_force(page) == "declined"
    shown = page.locator(".rows .row" if tab == "Live" else ".patterns tbody tr")
    expect(shown).to_have_count(1)
    expect(shown).to_contain_text("card declined")


def test_a_bar_that_was_emptied_says_what_is_in_force_and_the_next_action_searches_for_all(show, send, records):
    page = show(send(records), "&q=session")
    bar(page).fill("")
    expect(bar(page)).to_have_attribute("placeholder", "still in force: session")
    expect(page.locator("#search-pending")).to_be_visible()
    # A log is opened of what is there: nothing is asked anew, and the bar still says so.
    page.locator(".rows .row").first.click()
    expect(bar(page)).to_have_attribute("placeholder", "still in force: session")
    page.get_by_role("button", name="Close").click()
    choose_level(page)
    settled(page)
    assert in_force(page) == ""
    assert sorted(messages(page)) == ["card declined", "session lost"]
    expect(page.locator("#search-pending")).to_be_hidden()
    assert "still in force" not in bar(page).get_attribute("placeholder")


@pytest.mark.parametrize(
    ("before", "said"), [("session", "Still in force: session"), ("", "No search text is in force")]
)
def test_text_that_cannot_be_read_stays_with_its_error_and_is_not_applied(show, send, records, watch, before, said):
    watch.expected = {400}
    page = show(send(records), f"&q={before}")
    typed(page, "level:loud")
    choose_level(page)
    error = page.locator("#search-error")
    expect(error).to_contain_text("Not applied: there is no level 'loud'")
    expect(error).to_contain_text(said)
    expect(bar(page)).to_have_value("level:loud")
    expect(bar(page)).to_have_attribute("aria-invalid", "true")
    expect(page.locator(".mirror .wrong")).to_have_text("l")
    expect(page.locator("#search-pending")).to_be_visible()
    settled(page)
    # What was done is done all the same, to what is in force.
    assert in_force(page) == before
    assert messages(page) == (["session lost"] if before else ["card declined", "session lost"])
    # The next one says so again.
    choose_time(page)
    settled(page)
    expect(error).to_contain_text("Not applied")
    assert in_force(page) == before
    typed(page, "lost")
    expect(error).to_be_hidden()
    choose_level(page)
    settled(page)
    assert in_force(page) == "lost"


def test_an_action_and_the_text_that_went_along_are_one_step_back(show, send, records):
    page = show(send(records), "&q=session")
    steps = page.evaluate("history.length")
    typed(page, "card")
    choose_level(page)
    settled(page)
    assert messages(page) == ["card declined"]
    assert page.evaluate("history.length") == steps + 1
    typed(page, "never sent")
    page.go_back()
    settled(page)
    # The bar shows the search of the step that one came back to.
    expect(bar(page)).to_have_value("session")
    expect(page.locator("#search-pending")).to_be_hidden()
    assert sorted(messages(page)) == ["session lost", "session opened"]


def test_a_refresh_by_itself_leaves_alone_what_is_being_typed(show, send, records, pipeline):
    service = send(records)
    page = show(service, "&q=card&every=2")
    typed(page, "sess")
    now = datetime.now(UTC).isoformat()
    add(pipeline, [{"service": service, "message": "card stolen", "timestamp": now}])
    wait_until(lambda: stored(pipeline, service) == len(records) + 1, what="one more log")
    expect(page.locator(".rows .row")).to_have_count(3)
    expect(bar(page)).to_have_value("sess")
    assert in_force(page) == "card"
    expect(page.locator("#search-pending")).to_be_visible()


def test_a_way_to_another_search_replaces_what_was_typed(show, send):
    service = send([{"message": "a", "trace_id": "trace-of-pending"}, {"message": "b"}])
    page = show(service)
    typed(page, "never sent")
    page.locator(".rows .row").first.click()
    page.get_by_role("complementary").get_by_role("button", name="Trace", exact=True).click()
    settled(page)
    expect(bar(page)).to_have_value("")
    assert messages(page) == ["a"]


def test_what_is_typed_on_while_the_text_is_taken_along_is_kept_and_not_applied(show, send, records):
    page = show(send(records))
    held: list[Callable[[], None]] = []
    page.route(lambda url: "q=card&limit=1" in url, lambda route: held.append(route.continue_))
    typed(page, "card")
    choose_level(page)
    wait_until(lambda: page.evaluate("true") and held, what="the question about the text")
    bar(page).press("End")
    page.keyboard.type(" decl")
    held.pop()()
    expect(page.locator(".rows .row")).to_have_count(1)
    settled(page)
    assert in_force(page) == "card"
    expect(bar(page)).to_have_value("card decl")
    expect(page.locator("#search-pending")).to_be_visible()
