"""Logs that stand out, by reason."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.support.browser import messages, settled


def test_anomalies_are_counted_by_reason_and_a_click_shows_those_of_one(show, send):
    service = send(
        [{"message": f"slow {number}", "metadata": {"response_time_ms": 9000}} for number in range(3)]
        + [{"message": "broken", "level": "ERROR"}]
        + [{"message": f"fine {number}"} for number in range(5)]
    )
    page = show(service, "&tab=anomalies")
    assert messages(page) == ["slow 0", "slow 1", "slow 2", "broken"]
    expect(page.locator(".total")).to_have_text("4 logs")
    reasons = page.get_by_role("group", name="Reasons")
    assert dict(text.split("\n") for text in reasons.get_by_role("button").all_inner_texts()) == {
        "slow response": "3",
        "error level": "1",
    }
    assert page.locator(".rows .c-anomaly_reasons").all_inner_texts()[-1] == "error_level"
    reasons.get_by_role("button", name="slow response").click()
    settled(page)
    assert messages(page) == ["slow 0", "slow 1", "slow 2"]
    reasons.get_by_role("button", name="slow response").click()
    settled(page)
    expect(page.locator(".rows .row")).to_have_count(4)
