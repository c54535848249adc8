"""Results: of each test how often it passed and failed, its last runs, its last failure; and the way to its logs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4
from xml.etree import ElementTree as ET

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_wording import _OF_ONE, said
from tests.support.browser import messages, open_page, settled
from tests.support.pipeline import Pipeline
from tests.support.waiting import wait_until

TIMEOUT_S = 30
WORDS = {"P": "PASS", "F": "FAIL", "E": "ERROR", "S": "SKIP"}
Sent = Callable[..., str]


@pytest.fixture
def sent(pipeline: Pipeline) -> Sent:
    """Sends a file for each run: `sent(login="PPF")` is three of them, oldest first; the name of their service."""

    def send(extra: str = "", **runs: str) -> str:
        service = f"svc-{uuid4().hex[:10]}"
        count = max(map(len, runs.values()))
        for number in range(count):
            lines = [f"run-{number}.log"]
            for test, letters in runs.items():
                if number < len(letters):
                    lines += [f'Test: "{test}"', "it is late", f"Result: {WORDS[letters[number]]}"]
            body = "\n".join([*lines, extra]).encode()
            url = f"{pipeline.producer_url}/files"
            headers = {"Content-Type": "text/plain"}
            answer = requests.post(url, data=body, params={"service": service}, headers=headers, timeout=TIMEOUT_S)
            assert answer.status_code == 201, answer.text
        url = f"{pipeline.storage_url}/results/summary"
        params = {"service": service}
        wait_until(
            lambda: requests.get(url, params, timeout=TIMEOUT_S).json()["totals"]["files"] == count, what="the files"
        )
        return service

    return send


def row(page: Page, test: str):
    return page.locator(".results tbody tr").filter(has=page.get_by_role("button", name=test, exact=True))


def test_each_test_has_its_counts_bars_runs_and_last_failure(show, sent):
    page = show(sent(login="PPPP", checkout="PFPF", search="PPSE"), "&tab=results")
    expect(page).to_have_title("Results · Logmill")
    expect(page.locator(".results tbody tr")).to_have_count(3)
    assert page.locator(".results .example").all_text_contents() == ["checkout", "search", "login"]
    checkout = row(page, "checkout")
    assert [checkout.locator(f".r-{kind}").inner_text() for kind in ("passed", "failed", "skipped")] == ["2", "2", "0"]
    expect(checkout.get_by_role("img", name="2 passed, 2 failed, 0 skipped")).to_be_visible()
    expect(
        checkout.get_by_role("img", name="Last runs, the newest last: passed, failed, passed, failed")
    ).to_be_visible()
    assert checkout.locator(".result-state").all_text_contents() == ["failing", "flaky"]
    expect(checkout.locator(".failure-place")).to_have_text(re.compile(r"^[0-9.]+ (ms|s) ago in run-3\.log:7$"))
    expect(checkout.locator(".failure-reason")).to_have_text("it is late")
    assert row(page, "search").locator(".r-state").inner_text() == "failing"
    # What could not be run is told from what failed.
    assert row(page, "search").locator(".r-failed").inner_text().split("\n") == ["0", "1 error"]
    expect(row(page, "search").get_by_role("img", name="2 passed, 0 failed, 1 error, 1 skipped")).to_be_visible()
    assert row(page, "login").locator(".r-state").inner_text() == ""
    tiles = {
        name: page.locator(f'[data-tile="{name}"] strong').inner_text() for name in ("Failing now", "Flaky", "Passed")
    }
    assert tiles == {"Failing now": "2", "Flaky": "1", "Passed": "72.7 %"}


def test_durations_are_shown_and_the_slowest_come_first_where_that_is_asked(show, sent):
    service = sent("Test: slow\nResult: PASS (90 s)\nTest: quick\nResult: PASS (120 ms)", none="PF")
    page = show(service, "&tab=results")
    names = page.locator(".results .example")
    assert names.all_text_contents() == ["none", "quick", "slow"]
    assert not re.search("[0-9]", row(page, "none").locator(".r-time").inner_text())
    assert row(page, "quick").locator(".r-time").inner_text() == "120 ms"
    page.get_by_label("order", exact=True).select_option("slowest")
    expect(names).to_have_text(["slow", "quick", "none"])
    assert "order=slowest" in page.url


def test_bars_are_as_long_as_there_are_runs(show, sent):
    page = show(sent(many="PPPPPPPPPF", few="PPFFF"), "&tab=results")

    def width(test: str, kind: str) -> float:
        return row(page, test).locator(f".result-bar .is-{kind}").bounding_box()["width"]

    assert width("many", "passed") / width("many", "failed") == pytest.approx(9, rel=0.15)
    assert width("few", "failed") / width("many", "failed") == pytest.approx(3, rel=0.15)


def test_a_click_shows_the_logs_of_a_test_and_one_on_its_failure_opens_that_log(show, sent):
    page = show(sent(login="PP", checkout="PF"), "&tab=results")
    page.get_by_role("button", name="checkout", exact=True).click()
    settled(page)
    expect(page).to_have_title("Logs · Logmill")
    assert messages(page) == ["checkout: failed: it is late", "checkout: passed"]
    page.go_back()
    settled(page)
    page.locator(".failure-place").click()
    panel = page.get_by_role("complementary", name="Open log")
    expect(panel.locator(".detail-message")).to_have_text("checkout: failed: it is late")


def test_what_is_shown_is_chosen_and_kept_in_the_address(show, sent):
    page = show(sent(good="PPP", flaky="PFP", bad="FFF"), "&tab=results")
    names = page.locator(".results .example")
    choice = page.get_by_label("show", exact=True)
    for chosen, found in (("failing", ["bad"]), ("flaky", ["flaky"]), ("failed", ["bad", "flaky"])):
        choice.select_option(chosen)
        expect(names).to_have_count(len(found))
        assert names.all_text_contents() == found
    assert "tests=failed" in page.url
    page.reload()
    settled(page)
    expect(names).to_have_count(2)
    expect(page.locator(".table-tools")).to_contain_text("2 tests of 3, 9 results in 3 files")


def test_a_search_and_filters_hold_for_tests_too(show, sent):
    page = show(sent(login="PF", logout="PP", pay="PP"), "&tab=results&q=test:log*")
    names = page.locator(".results .example")
    expect(names).to_have_count(2)
    page.get_by_role("button", name="Only level ERROR").click()
    settled(page)
    assert names.all_text_contents() == ["login"]


def test_problems_of_files_are_counted_and_a_click_shows_these_files(show, sent):
    page = show(sent("Result: PASS\nResult: PASS\n", login="P"), "&tab=results")
    page.locator('[data-tile="Problems in files"]').get_by_role("button", name="2").click()
    settled(page)
    assert messages(page) == ["run-0.log: 1 result: 1 passed; 2 problems"]


def test_one_is_counted_in_the_singular(show, sent):
    texts = said(show(sent(login="P"), "&tab=results"))
    assert "1 test, 1 result in 1 file" in texts
    assert [text for text in texts if _OF_ONE.search(text)] == []


def test_names_of_tests_are_shown_as_text_with_what_is_hidden_in_them_marked(show, sent):
    hostile = "<img src=x onerror=alert(1)> \x1b[31mred\u202e"
    page = show(sent(**{hostile: "F"}), "&tab=results")
    name = page.locator(".results .example")
    expect(name).to_contain_text("<img src=x onerror=alert(1)>")
    expect(name.locator(".unseen")).to_have_count(2)
    name.click()
    settled(page)
    expect(page.locator(".rows .row")).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_that_keeps_anybody_out(browser: Browser, tmp_path: Path, pipeline, sent, scheme):
    service = sent(login="PPP", flaky="PFP", bad="FFE", skipped="SSS")
    # The policy of the page would keep axe out as well.
    with open_page(browser, tmp_path, color_scheme=scheme, bypass_csp=True) as (page, _):
        page.goto(f"{pipeline.storage_url}/?is.service={service}&tab=results")
        settled(page)
        expect(page.locator(".results tbody tr")).to_have_count(4)
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]})
        assert found.violations_count == 0, found.generate_report()


def test_a_phone_shows_all_of_it_without_scrolling_sideways(browser: Browser, tmp_path: Path, pipeline, sent):
    service = sent(**{"a/very/long/name/" * 8: "PFPFPFPFPFPFPFPFPFPFPF", "short": "F"})
    size = {"width": 360, "height": 740}
    with open_page(browser, tmp_path, viewport=size, has_touch=True, is_mobile=True) as (page, _):
        page.goto(f"{pipeline.storage_url}/?is.service={service}&tab=results")
        settled(page)
        expect(page.locator(".results tbody tr")).to_have_count(2)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        for shown in (".failure-place", ".runs", ".result-bar"):
            expect(page.locator(shown).first).to_be_visible()


def test_the_chart_is_saved_as_it_is_shown(show, sent, tmp_path: Path):
    page = show(sent(login="PPF", pay="PPP"), "&tab=results")
    for form, start in (("svg", b"<?xml"), ("png", b"\x89PNG"), ("text", b"6 results of 2 tests")):
        page.get_by_role("button", name="Save", exact=True).click()
        with page.expect_download() as saving:
            page.locator(f'.export-item[data-format="{form}"]').click()
        saving.value.save_as(tmp_path / form)
        assert (tmp_path / form).read_bytes().startswith(start)
    words = [node.text for node in ET.parse(tmp_path / "svg").iter("{http://www.w3.org/2000/svg}text")]
    assert {"login", "pay", "3 / 0"} <= set(words)


def test_without_files_it_says_how_to_send_one_and_without_hits_that_there_are_none(page, pipeline, sent):
    sent(login="P")
    page.goto(f"{pipeline.storage_url}/?tab=results&is.service=no-such-service")
    settled(page)
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()


def test_a_storage_without_files_says_how_to_send_the_first(browser: Browser, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with Pipeline(tmp_path / "empty", "embedded") as empty, open_page(browser, tmp_path) as (page, _):
        page.goto(f"{empty.storage_url}/?tab=results")
        settled(page)
        expect(page.get_by_role("heading", name="No test results yet")).to_be_visible()
        expect(page.locator(".command")).to_contain_text("/files -F file=@junit.xml")
