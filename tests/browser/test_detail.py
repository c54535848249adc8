"""The open log: all of its fields, what can be done with each, its JSON without loss."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests
from playwright.sync_api import Locator, Page, expect

from tests.support.browser import messages, open_page, settled, stored
from tests.support.waiting import wait_until

# Digits beyond a double, a float that would lose its zero, keys that are numbers, doubled, or names of an object's own.
_METADATA = (
    '{"big":12345678901234567890,"exact":1.10,"10":"ten","2":"two","__proto__":{"a":1},"constructor":"c",'
    '"user":{"id":7,"tags":["x","y"]},"odd key":"a \\"b\\"","text":"line\\nbreak","none":null}'
)


def field(page: Page, name: str):
    return page.locator(f'tr[data-field="{name}"]')


@pytest.fixture
def odd(pipeline, send):
    service = send([{"message": "another"}])
    record = f'{{"service":"{service}","level":"ERROR","message":"odd","trace_id":"t-1","metadata":{_METADATA}}}'
    answer = requests.post(
        f"{pipeline.producer_url}/logs", record.encode(), headers={"Content-Type": "application/json"}, timeout=30
    )
    assert answer.status_code == 201
    return service


def open_odd(show, service) -> Page:
    page = show(service)
    for _ in range(50):
        if "odd" in messages(page):
            break
        page.get_by_role("button", name="Refresh", exact=True).click()
        settled(page)
    page.locator(".rows .row").filter(has_text="odd").click()
    expect(page.get_by_role("complementary", name="Open log")).to_be_visible()
    return page


def test_a_row_opens_into_all_fields_with_nested_metadata_taken_apart(show, odd):
    page = open_odd(show, odd)
    for name, text in {
        "level": "ERROR",
        "service": odd,
        "trace_id": "t-1",
        "priority": "high",
        "metadata.big": "12345678901234567890",
        "metadata.exact": "1.10",
        "metadata.user.id": "7",
        "metadata.user.tags": "x, y",
        "metadata.__proto__.a": "1",
        "metadata.constructor": "c",
        "metadata.odd key": 'a "b"',
        "metadata.none": "null",
    }.items():
        expect(field(page, name).locator(".field-value")).to_have_text(text)
    assert re.fullmatch(r"[0-9a-f-]{36}-\d+", field(page, "id").locator(".field-value").inner_text())


def test_what_the_metadata_says_again_of_a_field_is_shown_once_and_stays_in_the_json(show, send, pipeline):
    metadata = (
        '{"user_id":123,"status_code":503,"path":"/a","response_time_ms":12.50,"region":"eu-1",'
        '"service":"another","order":{"path":"/a"},"level":"ERROR"}'
    )
    service = send([{"message": "before"}])
    record = f'{{"service":"{service}","level":"ERROR","message":"known","metadata":{metadata}}}'
    requests.post(
        f"{pipeline.producer_url}/logs", record.encode(), headers={"Content-Type": "application/json"}, timeout=30
    ).raise_for_status()
    wait_until(lambda: stored(pipeline, service) == 2, what="the log")
    page = show(service)
    page.locator(".rows .row").filter(has_text="known").click()
    for name, text in {"user_id": "123", "status_code": "503", "path": "/a", "response_time_ms": "12.5"}.items():
        expect(field(page, name).locator(".field-value")).to_have_text(text)
    sent = page.locator('tr[data-field^="metadata."]')
    # What has a value of its own, or stands deeper, is no second row of the same.
    assert sent.evaluate_all("(rows) => rows.map((row) => row.dataset.field)") == [
        "metadata.region",
        "metadata.service",
        "metadata.order.path",
    ]
    expect(page.locator(".fields-heading")).to_have_text("More metadata")
    expect(page.locator(".fields-note")).to_contain_text("user_id, status_code, path, response_time_ms, level")
    page.get_by_role("tab", name="JSON").click()
    expect(page.locator("pre.json")).to_contain_text('"path": "/a"')
    shown = page.locator("pre.json").inner_text()
    assert re.sub(r"\s", "", shown.split('"metadata":')[1]).startswith(metadata)


def test_metadata_that_only_says_what_the_fields_do_leaves_a_note(show, send):
    page = show(send([{"message": "m", "metadata": {"user_id": "u-1"}}]))
    page.locator(".rows .row").click()
    expect(page.locator(".fields-note")).to_contain_text("user_id")
    expect(page.locator(".fields-heading")).to_have_count(0)


@pytest.mark.parametrize(
    "name", ["level", "metadata.big", "metadata.user.id", "metadata.odd key", "metadata.__proto__.a", "metadata.text"]
)
def test_each_field_filters_for_and_out(show, odd, name):
    page = open_odd(show, odd)
    page.get_by_role("button", name=f"Filter for {name}", exact=True).click()
    settled(page)
    assert messages(page) == ["odd"]
    page.get_by_role("button", name=f"Filter out {name}", exact=True).click()
    settled(page)
    assert messages(page) == ["another"]
    assert f"not.{name}" in dict(parse_qsl(urlsplit(page.url).query))


# Each alone in a log: what filters by a click must find again, and what they cannot.
_OFFERED = [
    '"a.b":"dot"',
    '"x..y":"dots"',
    '"a":{"b":{"c":"nested"}}',
    '"c:c":"colon"',
    '"two words":"space"',
    '"":"no name"',
    '"n":{"":"no name within"}',
    '"-m":"minus"',
    '"metadata":{"x":"of its own name"}',
    '"metadata.metadata":"twice"',
    '"(*[~^/!&|+?]":"signs"',
    '"\u202ex":"turned round"',
    '"v":"a\\"b\\\\"',
    '"v":"a*b? /x/ AND (c)"',
    '"v":"x\\ny"',
    '"v":true',
    '"v":1.10',
    '"v":-0',
    '"v":12345678901234567890',
    '"v":9007199254740993',
    '"v":["y","y\\"z"]',
    '"u":[1,"x",null,true]',
    '"w":[1,2.5]',
    '"t":[true]',
    '"l":[12345678901234567890]',
    '"level":"of the metadata"',
    '"tag":"of the metadata"',
]
_NOT_OFFERED = [
    '"a.b":{"c":"dot and within"}',
    '"f":{"g.h":"dot within"}',
    '"q\\"q":"quote"',
    '"b\\\\s":"backslash"',
    '"new\\nline":"line end"',
    '"v":[2.5]',
    '"v":1e3',
    '"v":["text",1e400]',
    '"v":1.5E-7',
    '"v":100000000000000000000e2',
]


@pytest.fixture(scope="module")
def by_metadata(pipeline):
    service = "of-odd-metadata"
    for number, metadata in enumerate([*_OFFERED, *_NOT_OFFERED]):
        record = f'{{"service":"{service}","message":"log {number}","metadata":{{{metadata}}}}}'
        answer = requests.post(
            f"{pipeline.producer_url}/logs", record.encode(), headers={"Content-Type": "application/json"}, timeout=30
        )
        assert answer.status_code == 201, answer.text
    wait_until(lambda: stored(pipeline, service) == len(_OFFERED) + len(_NOT_OFFERED), what="the logs")
    return service


def opened(page: Page, metadata: str) -> Locator:
    """The row of the metadata of the log that has it, opened."""
    message = f"log {[*_OFFERED, *_NOT_OFFERED].index(metadata)}"
    page.locator(".rows .row").filter(has=page.get_by_text(message, exact=True)).click()
    expect(page.locator(".detail-message")).to_have_text(message)
    row = page.locator('tr[data-field^="metadata."]')
    expect(row).to_have_count(1)
    return row


@pytest.mark.parametrize("metadata", _OFFERED)
def test_a_filter_made_by_a_click_finds_the_log_it_was_made_of(show, by_metadata, metadata):
    page = show(by_metadata)
    row = opened(page, metadata)
    message = page.locator(".detail-message").inner_text()
    row.get_by_role("button", name="Filter for").click()
    settled(page)
    assert messages(page) == [message]
    row.get_by_role("button", name="Filter out").click()
    settled(page)
    found = messages(page)
    assert message not in found
    assert len(found) > 20


def test_a_filter_that_would_not_find_its_log_is_not_offered(show, by_metadata):
    page = show(by_metadata)
    for metadata in _NOT_OFFERED:
        row = opened(page, metadata)
        for name in ("Filter for", "Filter out"):
            expect(row.get_by_role("button", name=name, include_hidden=True)).to_be_disabled()


def test_a_field_becomes_a_column(show, odd):
    page = open_odd(show, odd)
    button = page.get_by_role("button", name="Column big", exact=True)
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    assert page.locator(".rows .c-big").all_inner_texts()[0] == "12345678901234567890"
    button.click()
    expect(page.locator(".rows .c-big")).to_have_count(0)


def test_message_json_and_link_are_copied_and_the_json_loses_nothing(browser, tmp_path, pipeline, odd):
    with open_page(browser, tmp_path, permissions=["clipboard-read", "clipboard-write"]) as (page, _):

        def show(service):
            page.goto(f"{pipeline.storage_url}/?is.service={service}")
            settled(page)
            return page

        open_odd(show, odd)

        def copied(name: str) -> str:
            page.get_by_role("complementary").get_by_role("button", name=name, exact=True).click()
            expect(page.get_by_text(f"{name} copied").first).to_be_visible()
            return page.evaluate("navigator.clipboard.readText()")

        assert copied("Message") == "odd"
        text = copied("JSON")
        # Laid out, else letter by letter what the server has.
        assert re.sub(r"\s+(?=[^ ])", "", text.split('"metadata": ')[1]).startswith(re.sub(r"\s+", "", _METADATA)[:60])
        for part in ('"big": 12345678901234567890', '"exact": 1.10', '"__proto__": {'):
            assert part in text
        assert text.index('"10"') < text.index('"2"')
        assert json.loads(text)["metadata"] == json.loads(_METADATA)
        assert copied("Link") == page.url
        page.get_by_role("tab", name="JSON").click()
        expect(page.locator("pre.json")).to_have_text(text, use_inner_text=True)


def test_a_link_opens_a_log_that_is_on_no_page_and_one_that_is_gone_says_so(show, send, watch):
    service = send([{"message": "the one"}])
    page = show(service)
    page.locator(".rows .row").click()
    log_id = parse_qs(urlsplit(page.url).query)["row"][0]
    # Nothing in the table passes this filter, and the log is shown all the same.
    page.goto(f"{page.url.split('/?')[0]}/?is.service=nobody&row={log_id}")
    panel = page.get_by_role("complementary", name="Open log")
    expect(panel.locator(".detail-message")).to_have_text("the one")
    watch.expected = {404}
    page.goto(f"{page.url.split('/?')[0]}/?row=01890a5d-ac96-774b-bcce-b302099a8057-7")
    expect(panel).to_contain_text("not stored")


def test_all_logs_of_its_trace_are_one_press_away(show, send):
    service = send([{"message": "a", "trace_id": "trace-of-test"}, {"message": "b"}])
    other = send([{"message": "c", "trace_id": "trace-of-test"}])
    assert other != service
    page = show(service)
    page.locator(".rows .row").filter(has_text="a").first.click()
    page.get_by_role("complementary").get_by_role("button", name="Trace", exact=True).click()
    settled(page)
    assert sorted(messages(page)) == ["a", "c"]
