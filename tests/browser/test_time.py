"""The time range, the histogram, and keeping the page fresh."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import add, messages, open_page, settled, stored
from tests.support.waiting import wait_until

# Darker than this, and red well above green and blue: the colour of ERROR in the light theme, whatever is blended in.
_RED_PIXELS = """(canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let found = 0;
  for (let at = 0; at < data.length; at += 4) {
    if (data[at] === 0xd9 && data[at + 1] === 0x48 && data[at + 2] === 0x0f) found += 1;
  }
  return found;
}"""


def parameters(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


@pytest.fixture
def spread(send):
    return send(
        [
            {"message": "now", "level": "ERROR"},
            {"message": "ten minutes", "timestamp": ago(minutes=10)},
            {"message": "forty minutes", "timestamp": ago(minutes=40), "level": "ERROR"},
            {"message": "three hours", "timestamp": ago(hours=3)},
            {"message": "five days", "timestamp": ago(days=5)},
            {"message": "twenty days", "timestamp": ago(days=20)},
            {"message": "two years", "timestamp": ago(days=730)},
        ]
    )


@pytest.mark.parametrize(
    ("label", "since", "count"),
    [
        ("Last 5 minutes", "5m", 1),
        ("Last 15 minutes", "15m", 2),
        ("Last hour", None, 3),
        ("Last 6 hours", "6h", 4),
        ("Last 24 hours", "24h", 4),
        ("Last 7 days", "7d", 5),
        ("Last 30 days", "30d", 6),
        ("All time", "all", 7),
    ],
)
def test_relative_ranges(show, spread, label, since, count):
    page = show(spread, "&since=2h")
    page.get_by_title("Time range", exact=True).click()
    page.get_by_role("button", name=label, exact=True).click()
    settled(page)
    expect(page.locator(".rows .row")).to_have_count(count)
    expect(page.locator(".total")).to_have_text(f"{count} log{'' if count == 1 else 's'}")
    assert parameters(page).get("since") == (None if since is None else [since])
    expect(page.get_by_title("Time range", exact=True)).to_have_text(label)


def test_a_range_from_and_to_in_the_zone_that_is_shown(browser, tmp_path, pipeline, spread):
    # Kolkata is five and a half hours ahead.
    with open_page(browser, tmp_path, timezone_id="Asia/Kolkata") as (page, _):
        page.goto(f"{pipeline.storage_url}/?is.service={spread}&since=all")
        settled(page)
        page.get_by_title("Time range", exact=True).click()
        local = datetime.now(UTC) + timedelta(hours=5.5)
        page.get_by_label("From").fill((local - timedelta(hours=4)).strftime("%Y-%m-%dT%H:%M:%S"))
        page.get_by_label("To", exact=True).fill((local - timedelta(minutes=30)).strftime("%Y-%m-%dT%H:%M:%S"))
        page.get_by_role("button", name="Apply").click()
        settled(page)
        assert messages(page) == ["forty minutes", "three hours"]
        asked = parameters(page)
        hours = (datetime.fromisoformat(asked["until"][0]) - datetime.fromisoformat(asked["since"][0])) / timedelta(
            hours=1
        )
        assert hours == pytest.approx(3.5)
        in_kolkata = page.locator(".rows time").first.inner_text()
        page.get_by_title("Time range", exact=True).click()
        page.get_by_label("Shown in").select_option("utc")
        page.keyboard.press("Escape")
        settled(page)
        in_utc = page.locator(".rows time").first.inner_text()
        hour = [int(re.search(r"(\d\d):\d\d:\d\d", text).group(1)) for text in (in_kolkata, in_utc)]
        assert (hour[0] - hour[1]) % 24 in {5, 6}


def test_the_range_in_the_open_picker_stays_what_it_is_when_the_zone_is_switched(browser, tmp_path, pipeline, spread):
    since, until = "2026-01-31T12:00:00.123Z", "2026-01-31T12:00:07.456789Z"
    with open_page(browser, tmp_path, timezone_id="Asia/Kolkata") as (page, _):
        page.goto(f"{pipeline.storage_url}/?is.service={spread}&since={since}&until={until}")
        settled(page)
        button = page.get_by_title("Time range", exact=True)
        assert "17:30:00" in button.inner_text()
        button.click()
        expect(page.get_by_label("From")).to_have_value("2026-01-31T17:30:00.123")
        page.get_by_label("Shown in").select_option("utc")
        expect(page.get_by_label("From")).to_have_value("2026-01-31T12:00:00.123")
        expect(page.get_by_label("To", exact=True)).to_have_value("2026-01-31T12:00:07.456")
        expect(button).to_contain_text("12:00:00")
        expect(button).to_contain_text("UTC")
        # Edited in one zone, applied in the other; what was not edited keeps what no field shows.
        page.get_by_label("From").fill("2026-01-31T11:59:59.987")
        page.get_by_label("Shown in").select_option("local")
        page.get_by_role("button", name="Apply").click()
        settled(page)
        asked = parameters(page)
        assert (asked["since"], asked["until"]) == (["2026-01-31T11:59:59.987Z"], [until])


def test_from_must_be_before_to_and_another_span_may_be_typed(show, spread):
    page = show(spread)
    page.get_by_title("Time range", exact=True).click()
    page.get_by_label("From").fill("2026-01-02T00:00:00")
    page.get_by_label("To", exact=True).fill("2026-01-01T00:00:00")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("dialog", name="Time range").get_by_role("alert")).to_contain_text("before")
    page.get_by_label("Last", exact=True).fill("45m")
    page.get_by_role("button", name="Set").click()
    settled(page)
    assert messages(page) == ["now", "ten minutes", "forty minutes"]


def test_a_range_without_a_beginning_ends_where_it_says(show, spread):
    page = show(spread)
    page.get_by_title("Time range", exact=True).click()
    page.get_by_label("From").fill("")
    page.get_by_label("To", exact=True).fill("2001-01-01T00:00:00")
    page.get_by_role("button", name="Apply").click()
    settled(page)
    expect(page.locator(".rows .row")).to_have_count(0)


def test_refresh_shows_what_came_since_and_does_so_by_itself_where_asked(show, send, pipeline):
    service = send([{"message": "first"}])
    page = show(service)
    now = datetime.now(UTC).isoformat()
    add(pipeline, [{"service": service, "message": "second", "timestamp": now}])
    wait_until(lambda: stored(pipeline, service) == 2, what="the second log")
    assert messages(page) == ["first"]

    def pressed() -> bool:
        page.get_by_role("button", name="Refresh", exact=True).click()
        settled(page)
        return messages(page) == ["second", "first"]

    wait_until(pressed, what="the second log in the table")
    page.get_by_label("Refresh by itself every").select_option("2")
    add(pipeline, [{"service": service, "message": "third", "timestamp": datetime.now(UTC).isoformat()}])
    expect(page.locator(".rows .row")).to_have_count(3)
    assert parameters(page)["every"] == ["2"]


def test_bars_are_coloured_by_level_and_a_range_drawn_in_them_is_the_new_range(show, send):
    service = send(
        [{"message": "fine", "level": "INFO", "timestamp": ago(minutes=50 - number)} for number in range(20)]
        + [{"message": "bad", "level": "ERROR", "timestamp": ago(minutes=15)} for _ in range(20)]
    )
    page = show(service)
    canvas = page.locator(".histogram canvas")
    expect(canvas).to_be_visible()
    assert canvas.evaluate(_RED_PIXELS) > 50
    expect(page.locator(".legend")).to_contain_text("ERROR")
    assert "20 of them errors" in page.get_by_role("img", name="Histogram").get_attribute("aria-label")
    box = page.locator(".histogram .u-over").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.65, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, y, steps=5)
    page.mouse.move(box["x"] + box["width"] * 0.85, y, steps=5)
    page.mouse.up()
    expect(page).to_have_url(re.compile("until="))
    settled(page)
    expect(page.locator(".total")).to_have_text("20 logs")
    assert set(messages(page)) == {"bad"}
    asked = parameters(page)
    span = datetime.fromisoformat(asked["until"][0]) - datetime.fromisoformat(asked["since"][0])
    assert timedelta(minutes=10) < span < timedelta(minutes=14)
    drawn = page.url
    # About twice as wide each time, of which the third reaches the first of them.
    for has_all in (False, False, True):
        was = page.url
        page.get_by_role("button", name="Wider time range").click()
        expect(page).not_to_have_url(was)
        settled(page)
        assert (page.locator(".total").inner_text() == "40 logs") == has_all
    for _ in range(3):
        page.go_back()
        settled(page)
    assert page.url == drawn
    assert set(messages(page)) == {"bad"}


def test_the_tooltip_says_what_a_bar_holds_and_the_bars_may_be_of_another_field(show, send):
    moment = ago(minutes=30)
    service = send(
        [
            {"message": "m", "level": level, "timestamp": moment, "metadata": {"method": method}}
            for level, method in [
                ("ERROR", "GET"),
                ("ERROR", "POST"),
                ("INFO", "GET"),
                ("INFO", "GET"),
                ("INFO", "GET"),
            ]
        ]
    )
    page = show(service)
    box = page.locator(".histogram .u-over").bounding_box()
    tip = page.locator(".histogram .tooltip")

    def read() -> dict[str, str]:
        for number in range(45, 56):
            page.mouse.move(box["x"] + box["width"] * number / 100, box["y"] + 60)
            rows = tip.locator(".tip-row").all_inner_texts() if tip.is_visible() else []
            if rows:
                return dict(row.split("\n") for row in rows)
        return {}

    assert read() == {"ERROR": "2", "INFO": "3"}
    page.get_by_label("by", exact=True).select_option("method")
    settled(page)
    expect(page.locator(".legend")).to_contain_text("POST")
    assert read() == {"GET": "4", "POST": "1"}
    assert parameters(page)["by"] == ["method"]
    page.locator(".legend").get_by_role("button", name="POST").click()
    settled(page)
    expect(page.locator(".total")).to_have_text("1 log")


def test_no_name_of_the_legend_is_cut_off_beside_an_open_log(show, send):
    service = send([{"message": "m", "host": f"a-host-with-a-long-name-{number}"} for number in range(10)])
    page = show(service, "&by=host")
    page.locator(".rows .row").first.click()
    legend = page.locator(".legend")
    expect(legend.locator(".legend-item")).to_have_count(9)
    assert legend.evaluate("""(one) => {
      const { right, bottom } = one.closest(".histogram-head").getBoundingClientRect();
      return [...one.children].every((item) => {
        const at = item.getBoundingClientRect();
        return at.right <= right && at.bottom <= bottom && item.scrollWidth <= item.clientWidth + 1;
      });
    }""")
    # And each can be pressed.
    legend.get_by_role("button").last.click()
    settled(page)
    expect(page.locator(".total")).to_have_text("1 log")


def test_a_single_log_of_all_time_has_a_bar(show, send):
    page = show(send([{"message": "only", "level": "ERROR"}]), "&since=all")
    expect(page.locator(".total")).to_have_text("1 log")
    assert page.locator(".histogram canvas").evaluate(_RED_PIXELS) > 50
    # What looks no wider than all cannot be pressed.
    expect(page.get_by_role("button", name="Wider time range")).to_be_disabled()
