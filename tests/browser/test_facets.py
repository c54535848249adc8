"""Values by field with their counts, and the filters in force."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser import messages, settled


@pytest.fixture
def service(send):
    return send(
        [{"message": f"e{number}", "level": "ERROR", "metadata": {"method": "GET"}} for number in range(3)]
        + [{"message": f"w{number}", "level": "WARNING", "metadata": {"method": "PUT"}} for number in range(2)]
        + [{"message": "i0", "level": "INFO"}]
    )


def counts(page: Page, field: str) -> dict[str, str]:
    """The values of a facet and how many logs each has."""
    rows = (
        page.locator(".facet").filter(has=page.get_by_role("button", name=f"Field {field}", exact=True)).locator("li")
    )
    return dict(row.split("\n") for row in rows.all_inner_texts())


def value(page: Page, text: str) -> Locator:
    return page.locator(".facets").get_by_role("button", name=text)


def filters(page: Page) -> list[tuple[str, str]]:
    return [pair for pair in parse_qsl(urlsplit(page.url).query, keep_blank_values=True) if pair[0] != "is.service"]


def test_a_click_includes_a_value_and_a_second_one_of_the_field_is_either(show, service):
    page = show(service)
    assert counts(page, "level") == {"ERROR": "3", "WARNING": "2", "INFO": "1"}
    value(page, "Only level ERROR").click()
    settled(page)
    assert messages(page) == ["e0", "e1", "e2"]
    # The others are still there with their counts, or no second one could be chosen.
    assert counts(page, "level") == {"ERROR": "3", "WARNING": "2", "INFO": "1"}
    value(page, "Only level INFO").click()
    settled(page)
    assert messages(page) == ["e0", "e1", "e2", "i0"]
    assert filters(page) == [("is.level", "ERROR"), ("is.level", "INFO")]
    value(page, "No longer only level ERROR").click()
    settled(page)
    assert messages(page) == ["i0"]


def test_a_value_is_excluded_and_the_chip_turns_it_round_or_removes_it(show, service):
    page = show(service)
    value(page, "Exclude level ERROR").click()
    settled(page)
    assert messages(page) == ["w0", "w1", "i0"]
    assert filters(page) == [("not.level", "ERROR")]
    chips = page.get_by_role("group", name="Filters")
    chips.get_by_role("button", name="level is not ERROR", exact=True).click()
    settled(page)
    assert messages(page) == ["e0", "e1", "e2"]
    chips.get_by_role("button", name="Remove the filter: level is ERROR").click()
    settled(page)
    expect(page.locator(".rows .row")).to_have_count(6)
    assert filters(page) == []
    value(page, "Only level INFO").click()
    settled(page)
    chips.get_by_role("button", name="Remove all").click()
    expect(page).not_to_have_url(re.compile(r"[?&](is|not)\."))


def test_logs_without_a_value_can_be_chosen_and_left_out(show, service):
    page = show(service)
    page.get_by_role("button", name="Field method", exact=True).click()
    expect(value(page, "Only method no method")).to_be_visible()
    assert counts(page, "method") == {"GET": "3", "PUT": "2", "no method": "1"}
    value(page, "Only method no method").click()
    settled(page)
    assert messages(page) == ["i0"]
    value(page, "No longer only method no method").click()
    settled(page)
    value(page, "Exclude method no method").click()
    settled(page)
    expect(page.locator(".rows .row")).to_have_count(5)
    expect(page.get_by_role("group", name="Filters")).to_contain_text("method is there")


def test_more_values_are_shown_where_asked_and_a_field_is_closed_by_its_head(show, send):
    service = send([{"message": "m", "metadata": {"status_code": 200 + number}} for number in range(15)])
    page = show(service)
    assert len(counts(page, "status_code")) == 8
    page.locator(".facet").filter(has_text="status_code").get_by_role("button", name="more", exact=True).click()
    expect(page.locator(".facet").filter(has_text="status_code").locator("li")).to_have_count(15)
    page.get_by_role("button", name="Field status_code", exact=True).click()
    expect(page.locator(".facet").filter(has_text="status_code").locator("li")).to_have_count(0)
    page.reload()
    settled(page)
    expect(page.get_by_role("button", name="Field status_code", exact=True)).to_have_attribute("aria-expanded", "false")


def test_values_that_are_counted_in_another_form_than_they_are_searched_for_filter_all_the_same(show, send):
    service = send(
        [{"message": "with a status", "metadata": {"status_code": 503}}, {"message": "none"}, {"message": "none"}]
    )
    page = show(service)
    assert counts(page, "status_code") == {"no status_code": "2", "503": "1"}
    value(page, "Only status_code no status_code").click()
    settled(page)
    assert messages(page) == ["none", "none"]
    value(page, "No longer only status_code no status_code").click()
    settled(page)
    page.get_by_label("Show another field").select_option("fingerprint")
    expect(page.locator(".facet").filter(has_text="fingerprint").locator("li")).to_have_count(2)
    page.locator(".facet").filter(has_text="fingerprint").locator(".value-text").first.click()
    settled(page)
    assert messages(page) == ["none", "none"]
