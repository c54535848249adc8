"""What was logged around a log."""

from __future__ import annotations

from playwright.sync_api import expect


def test_the_neighbours_of_a_log_are_shown_in_their_order_and_one_leads_to_the_next(show, send):
    service = send([{"message": f"m{number}", "host": "h1"} for number in range(60)])
    page = show(service)
    page.locator(".rows .row").nth(30).click()
    page.get_by_role("tab", name="Context").click()
    lines = page.locator(".context li")
    # Ten before and ten after, oldest first; the filters of the page do not count.
    expect(lines).to_have_count(21)
    shown = page.locator(".context-message").all_inner_texts()
    assert shown == [f"m{number}" for number in range(40, 19, -1)]
    expect(page.locator(".context [aria-current]")).to_contain_text("m30")
    page.get_by_role("button", name="Show 50 each").click()
    expect(lines).to_have_count(60)
    lines.filter(has_text="m29").get_by_role("button").click()
    expect(page.locator(".detail-message")).to_have_text("m29")
    expect(page.locator(".context [aria-current]")).to_contain_text("m29")
