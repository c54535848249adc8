"""The search bar: completion by the keyboard, and errors at their place."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser import messages, settled


@pytest.fixture(scope="module")
def records():
    return [
        {"level": "ERROR", "message": "card declined", "metadata": {"region": "eu-1", "order": {"id": 4711}}},
        {"level": "INFO", "message": "card accepted", "metadata": {"region": "us-2", "two words": "a b"}},
        {"level": "INFO", "message": "session opened", "metadata": {"region": "us-2"}},
    ]


def options(page: Page) -> Locator:
    return page.locator("#completions").get_by_role("option")


def offered(page: Page, label: str) -> Locator:
    return page.locator("#completions .what").get_by_text(label, exact=True)


def query(page: Page) -> str:
    return parse_qs(urlsplit(page.url).query).get("q", [""])[0]


def test_names_of_fields_are_completed_by_tab_and_values_by_arrows_and_enter(show, send, records):
    page = show(send(records))
    search = page.get_by_role("combobox", name="Search text")
    search.click()
    search.press_sequentially("lev")
    expect(options(page).first).to_contain_text("level:")
    assert search.get_attribute("aria-expanded") == "true"
    page.keyboard.press("Tab")
    expect(search).to_have_value("level:")
    # Values come from the logs that pass the filters, with how many have each.
    expect(options(page).first).to_contain_text("INFO")
    assert [text.split() for text in options(page).all_inner_texts()][:2] == [["INFO", "2"], ["ERROR", "1"]]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert search.get_attribute("aria-activedescendant") == page.locator(
        "#completions [aria-selected=true]"
    ).get_attribute("id")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(search).to_have_value("level:ERROR ")
    page.keyboard.press("Enter")
    settled(page)
    expect(page.locator(".rows .row")).to_have_count(1)
    assert messages(page) == ["card declined"]
    assert query(page) == "level:ERROR "


def test_escape_closes_the_completions_and_leaves_the_text(show, send, records):
    page = show(send(records))
    search = page.get_by_role("combobox", name="Search text")
    search.press_sequentially("ser")
    expect(page.get_by_role("listbox")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(search).to_have_value("ser")
    expect(search).to_be_focused()


def test_operators_fields_of_the_metadata_and_their_values_are_completed(show, send, records):
    page = show(send(records))
    search = page.get_by_role("combobox", name="Search text")
    search.press_sequentially("card AN")
    expect(options(page).filter(has_text="both must hold")).to_be_visible()
    search.fill("")
    search.press_sequentially("regi")
    expect(offered(page, "region:")).to_be_visible()
    page.keyboard.press("Tab")
    expect(options(page).first).to_contain_text("us-2")
    options(page).filter(has_text="eu-1").click()
    page.keyboard.press("Enter")
    settled(page)
    assert messages(page) == ["card declined"]
    search.fill("")
    search.press_sequentially("order.i")
    expect(offered(page, "order.id:")).to_be_visible()
    page.get_by_role("button", name="Clear the search text").click()
    settled(page)
    # A name that is no plain word is written so that the server can read it.
    search.press_sequentially("two")
    expect(options(page).first).to_contain_text("two words:")
    page.keyboard.press("Tab")
    expect(options(page).first).to_contain_text("a b")
    page.keyboard.press("Tab")
    expect(search).to_have_value('two\\ words:"a b" ')
    page.keyboard.press("Enter")
    settled(page)
    assert messages(page) == ["card accepted"]


@pytest.mark.parametrize(
    "key",
    [
        "level",
        "tag",
        "msg",
        "time",
        "@timestamp",
        "id",
        "source",
        "source.host",
        "_exists_",
        "-minus",
        "AND",
        "metadata.x",
    ],
)
def test_a_key_of_the_metadata_that_would_mean_something_else_is_completed_with_its_place(show, send, key):
    page = show(send([{"message": "the one", "metadata": {key: "here"}}, {"message": "another"}]))
    search = page.get_by_role("combobox", name="Search text")
    search.press_sequentially("metadata.")
    option = page.locator("#completions .what").get_by_text(f"metadata.{key}:", exact=True)
    expect(option).to_be_visible()
    option.click()
    expect(offered(page, "here")).to_be_visible()
    offered(page, "here").click()
    search.press("Enter")
    settled(page)
    assert messages(page) == ["the one"]


def test_values_of_a_field_are_completed_by_its_other_names_too(show, send, records):
    page = show(send(records), "&columns=timestamp,message")
    search = page.get_by_role("combobox", name="Search text")
    search.press_sequentially("source.protocol:")
    expect(offered(page, "http")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    settled(page)
    assert len(messages(page)) == 3


def test_an_error_is_shown_at_its_place_until_the_text_is_mended(show, send, records, watch):
    watch.expected = {400}
    page = show(send(records))
    search = page.get_by_role("combobox", name="Search text")
    search.fill("card AND roam~ b")
    page.keyboard.press("Enter")
    error = page.locator("#search-error")
    expect(error).to_be_visible()
    expect(search).to_have_attribute("aria-invalid", "true")
    told = page.request.get(f"{page.url.split('/?')[0]}/logs", params={"q": "card AND roam~ b"}).json()
    assert told["message"] in error.inner_text()
    mark = page.locator(".mirror .wrong")
    before = mark.evaluate("(one) => one.previousSibling?.textContent ?? ''")
    assert len(before) == told["position"] > 0
    # The mark lies under the letter it speaks of: the mirror has the same letters at the same places.
    place, field = mark.bounding_box(), search.bounding_box()
    assert place is not None
    assert field is not None
    letter_px = place["width"] / len(mark.inner_text())
    assert abs(place["x"] - (field["x"] + 8 + told["position"] * letter_px)) < 2
    search.fill("card")
    expect(error).to_be_hidden()
    assert search.get_attribute("aria-invalid") is None
    page.keyboard.press("Enter")
    settled(page)
    assert messages(page) == ["card declined", "card accepted"]


def test_a_link_to_a_search_that_cannot_be_read_opens_on_no_blank_page(show, send, watch):
    watch.expected = {400}
    page = show(send([{"message": "m"}]), "&q=level:loud")
    expect(page.locator("#search-error")).to_contain_text("loud")
    page.get_by_role("button", name="What can be searched for").click()
    expect(page.get_by_role("dialog")).to_contain_text("wildcards")


def test_a_search_that_is_overtaken_by_the_next_is_cut_off(show, send, records):
    page = show(send(records))
    failed = []
    page.on("requestfailed", lambda request: failed.append((request.url, request.failure)))
    search = page.get_by_role("combobox", name="Search text")
    held = []
    page.route(lambda url: "/logs?" in url and "q=declined" in url, lambda route: held.append(route))  # noqa: PLW0108 - Playwright cannot mark a builtin
    search.fill("declined")
    page.keyboard.press("Enter")
    expect(page.locator("[role=grid][aria-busy=true]")).to_have_count(1)
    search.fill("session")
    page.keyboard.press("Enter")
    settled(page)
    assert messages(page) == ["session opened"]
    assert held
    assert any("q=declined" in url and "ERR_ABORTED" in failure for url, failure in failed)
