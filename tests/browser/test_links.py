"""A link is a finding: the address holds all that is shown, and back and forward go through the steps."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import expect

from tests.support.browser import messages, open_page, settled


def test_a_link_shows_another_reader_the_same(show, send, browser, tmp_path):
    service = send(
        [
            {"message": f"m{number}", "level": "ERROR" if number % 2 else "INFO", "metadata": {"a.b": {"c": number}}}
            for number in range(6)
        ]
    )
    page = show(service)
    page.get_by_role("combobox", name="Search text").fill("m1 OR m3 OR m4")
    page.keyboard.press("Enter")
    settled(page)
    page.get_by_role("button", name="Exclude level INFO").click()
    settled(page)
    page.get_by_title("Time range", exact=True).click()
    page.get_by_role("button", name="Last 6 hours").click()
    settled(page)
    page.get_by_label("by", exact=True).select_option("service")
    settled(page)
    page.get_by_role("button", name="Wrap").click()
    page.locator(".rows .row").nth(1).click()
    page.get_by_role("button", name="Column a.b.c", exact=True).click()
    page.get_by_role("tab", name="JSON").click()
    expect(page.locator("pre.json")).to_contain_text('"m3"')
    (tmp_path / "other").mkdir()
    with open_page(browser, tmp_path / "other") as (other, _):
        other.goto(page.url)
        settled(other)
        expect(other.locator("pre.json")).to_contain_text('"m3"')
        assert messages(other) == messages(page) == ["m1", "m3"]
        for one in (other, page):
            expect(one.get_by_role("combobox", name="Search text")).to_have_value("m1 OR m3 OR m4")
            expect(one.get_by_role("group", name="Filters")).to_contain_text("level is not INFO")
            expect(one.get_by_title("Time range", exact=True)).to_have_text("Last 6 hours")
            expect(one.get_by_label("by", exact=True)).to_have_value("service")
            expect(one.get_by_role("button", name="Wrap")).to_have_attribute("aria-pressed", "true")
            expect(one.locator(".row.opened .c-message")).to_have_text("m3")
            assert one.get_by_role("columnheader").all_inner_texts() == [
                "timestamp",
                "level",
                "service",
                "a.b.c",
                "message",
            ]


def test_back_and_forward_go_through_the_steps(show, send):
    page = show(send([{"message": "one", "level": "ERROR"}, {"message": "two"}]))
    page.get_by_role("button", name="Only level ERROR").click()
    settled(page)
    page.locator(".rows .row").click()
    panel = page.get_by_role("complementary", name="Open log")
    expect(panel).to_be_visible()
    page.get_by_role("button", name="Anomalies").click()
    expect(page).to_have_title("Anomalies · Logmill")
    page.go_back()
    expect(page).to_have_title("Logs · Logmill")
    expect(panel).to_be_visible()
    page.go_back()
    expect(panel).to_be_hidden()
    assert messages(page) == ["one"]
    page.go_back()
    settled(page)
    assert messages(page) == ["one", "two"]
    page.go_forward()
    settled(page)
    expect(page.locator(".rows .row")).to_have_count(1)
    assert parse_qs(urlsplit(page.url).query)["is.level"] == ["ERROR"]


def test_values_of_any_kind_survive_the_address(show, send):
    value = 'a&b=c#d%20+"\\ é'
    page = show(send([{"message": "odd", "metadata": {"k.é&=": value}}, {"message": "plain"}]))
    page.locator(".rows .row").first.click()
    page.get_by_role("button", name="Filter for metadata.k.é&=", exact=True).click()
    settled(page)
    assert messages(page) == ["odd"]
    page.reload()
    settled(page)
    assert messages(page) == ["odd"]
    expect(page.get_by_role("group", name="Filters")).to_contain_text(f"metadata.k.é&= is {value}")
