"""Patterns: how many logs of each, when and of which level; a click shows them."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.support.browser import messages, settled


def test_patterns_are_counted_with_trend_levels_and_example_and_a_click_shows_their_logs(show, send):
    service = send(
        [{"message": f"Connection to replica {number} timed out", "level": "ERROR"} for number in range(6)]
        + [{"message": f"User {number} logged in", "level": "INFO"} for number in range(3)]
        + [{"message": f"User {number} logged in", "level": "WARNING"} for number in range(10, 11)]
    )
    page = show(service, "&tab=patterns")
    rows = page.locator(".patterns tbody tr")
    expect(rows).to_have_count(2)
    expect(page.locator(".table-tools")).to_contain_text("2 patterns of 10 logs")
    first, second = rows.nth(0), rows.nth(1)
    expect(first.locator(".p-count")).to_have_text("6")
    expect(first.locator(".p-share")).to_have_text("60 %")
    expect(first.locator(".p-levels")).to_have_text("ERROR")
    expect(first.locator(".example")).to_contain_text("Connection to replica")
    expect(first.get_by_role("img")).to_have_attribute(
        "aria-label", re.compile(r"^\d+ intervals of \d+ [sm], at most 6 logs in one$")
    )
    assert first.locator("rect").evaluate_all("(all) => all.filter((one) => one.height.baseVal.value > 0).length") >= 1
    expect(second.locator(".p-count")).to_have_text("4")
    assert second.locator(".p-levels").inner_text().split() == ["WARNING", "1", "INFO", "3"]
    second.locator(".example").click()
    settled(page)
    expect(page).to_have_title("Logs · Logmill")
    assert sorted(messages(page)) == ["User 0 logged in", "User 1 logged in", "User 10 logged in", "User 2 logged in"]
    expect(page.get_by_role("group", name="Filters")).to_contain_text("fingerprint is")


def test_patterns_are_sorted_and_left_out(show, send):
    service = send(
        [{"message": f"Fine {number} times", "level": "INFO"} for number in range(4)]
        + [{"message": f"Bad number {number}", "level": "ERROR"} for number in range(2)]
    )
    page = show(service, "&tab=patterns")
    examples = page.locator(".patterns .example")
    expect(examples.first).to_contain_text("Fine")
    page.get_by_label("sort by").select_option("errors")
    expect(examples.first).to_contain_text("Bad")
    expect(page).to_have_url(f"{page.url.split('?')[0]}?tab=patterns&sort=errors&is.service={service}")
    page.locator(".patterns tr").filter(has_text="Bad number").get_by_role("button", name="exclude").click()
    settled(page)
    expect(examples).to_have_count(1)
    expect(examples.first).to_contain_text("Fine")


def test_similar_patterns_are_together_and_a_click_shows_the_logs_of_all_of_them(show, send):
    names = ["anna", "bob", "carl", "dora", "emil", "fritz"]
    service = send(
        [{"message": f"Login of {name} failed", "level": "ERROR"} for name in names]
        + [{"message": "Login of <b>anna</b> took 7 s", "level": "INFO"}]
    )
    page = show(service, "&tab=patterns")
    rows = page.locator(".patterns tbody tr")
    together = page.get_by_label("similar together")
    expect(together).to_be_checked()
    expect(rows).to_have_count(2)
    expect(rows.nth(0).locator(".example")).to_have_text("Login of <*> failed")
    expect(rows.nth(0).locator(".example .variable")).to_have_text("<*>")
    expect(rows.nth(0).locator(".instance")).to_have_text(re.compile("^Login of [a-z]+ failed$"))
    expect(rows.nth(0).locator(".variants")).to_have_text("6 variants")
    expect(rows.nth(1).locator(".example")).to_have_text("Login of <b>anna</b> took <*>")
    expect(rows.nth(1).locator(".variants")).to_have_count(0)
    together.uncheck()
    settled(page)
    expect(rows).to_have_count(7)
    expect(page).to_have_url(re.compile(r"group=fingerprint"))
    expect(page.get_by_text("Login of carl failed", exact=True)).to_have_count(1)
    page.go_back()
    settled(page)
    expect(together).to_be_checked()
    rows.nth(0).get_by_role("button", name="Login of").click()
    settled(page)
    assert sorted(messages(page)) == [f"Login of {name} failed" for name in names]
    chips = page.get_by_role("group", name="Filters")
    expect(chips).to_contain_text("fingerprint is one of 6 of a pattern")
    chips.get_by_role("button", name="fingerprint is one of").first.click()
    settled(page)
    expect(chips).to_contain_text("fingerprint is none of 6 of a pattern")
    assert messages(page) == ["Login of <b>anna</b> took 7 s"]
