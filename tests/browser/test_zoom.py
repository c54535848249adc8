"""The lens beside the histogram: a wider time range at each press, and the way back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.support.browser import messages, settled
from tests.support.storage_service import StorageService


def parameters(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


@pytest.fixture
def spread(send):
    return send([{"message": "now"}, {"message": "two years", "timestamp": ago(days=730)}])


def range_of(page: Page) -> tuple[datetime, datetime]:
    asked = parameters(page)
    return datetime.fromisoformat(asked["since"][0]), datetime.fromisoformat(asked["until"][0])


def widened(page: Page) -> None:
    was = page.url
    page.get_by_role("button", name="Wider time range").click()
    expect(page).not_to_have_url(was)
    settled(page)


def test_a_range_from_and_to_is_doubled_around_its_middle_though_not_beyond_now(show, spread):
    page = show(spread, "&since=2026-01-31T12:00:00.000Z&until=2026-01-31T12:10:00.000Z")
    widened(page)
    assert range_of(page) == (
        datetime(2026, 1, 31, 11, 55, tzinfo=UTC),
        datetime(2026, 1, 31, 12, 15, tzinfo=UTC),
    )
    page.go_back()
    settled(page)
    assert parameters(page)["since"] == ["2026-01-31T12:00:00.000Z"]
    expect(page.get_by_title("Time range", exact=True)).to_have_text(re.compile("^Jan 31 12:00:00 . Jan 31 12:10:00$"))
    now = datetime.now(UTC)
    show(spread, f"&since={(now - timedelta(hours=4)):%Y-%m-%dT%H:%M:%SZ}&until={now:%Y-%m-%dT%H:%M:%SZ}")
    widened(page)
    since, until = range_of(page)
    assert since == now.replace(microsecond=0) - timedelta(hours=6)
    assert now.replace(microsecond=0) <= until <= datetime.now(UTC) + timedelta(seconds=2)


def test_widening_ends_with_all_time_only_where_it_would_hold_all_there_is(page, tmp_path):
    (tmp_path / "own").mkdir()
    with StorageService(tmp_path / "own" / "data") as storage:
        for hours in (1, 30):
            log = {"message": f"{hours} hours old", "timestamp": ago(hours=hours)}
            requests.post(f"{storage.url}/logs", json=log, timeout=30).raise_for_status()
        page.goto(f"{storage.url}/?since={ago(hours=13)[:19]}Z&until={ago(minutes=2)[:19]}Z")
        settled(page)
        # 13 hours around the middle of them: to 19.5 hours ago, which leaves one out.
        widened(page)
        expect(page.get_by_title("Time range", exact=True)).not_to_have_text("All time")
        assert messages(page) == ["1 hours old"]
        # To 29 hours ago.
        widened(page)
        assert messages(page) == ["1 hours old"]
        widened(page)
        expect(page.get_by_title("Time range", exact=True)).to_have_text("All time")
        assert messages(page) == ["1 hours old", "30 hours old"]
        expect(page.get_by_role("button", name="Wider time range")).to_be_disabled()
        page.go_back()
        settled(page)
        assert messages(page) == ["1 hours old"]


@pytest.mark.parametrize(
    ("since", "wider", "said"),
    [
        ("45m", None, "Last hour"),
        ("1h", "6h", "Last 6 hours"),
        ("2d", "7d", "Last 7 days"),
        ("30d", "60d", "Last 60 days"),
        ("1d", "7d", "Last 7 days"),
    ],
)
def test_a_relative_range_is_widened_to_the_next_usual_one_and_then_doubled(show, spread, since, wider, said):
    # There is one of two years ago, which none of them holds.
    page = show(spread, f"&since={since}")
    if since == "1d":
        expect(page.get_by_title("Time range", exact=True)).to_have_text("Last day")
    widened(page)
    expect(page.get_by_title("Time range", exact=True)).to_have_text(said)
    assert parameters(page).get("since") == (wider and [wider])
