"""The collector's live page: its figures and how they follow, hostile samples, failures, keys, and who can use it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from collector.records.made import Fault, Made, Source
from collector.status.following import FileState, Shipping
from collector.status.statistics import Statistics
from tests.support.browser import open_page
from tests.support.collector_status import Past, Running, running, tell_story

ATTACK = '<img src=x onerror="window.ran = 1"><script>window.ran = 1</script>'
HIDDEN = "\x1b[31mred\x1b[0m \u202egnp"


@pytest.fixture
def run() -> Iterator[Running]:
    with running() as one:
        yield one


@pytest.fixture
def story() -> Iterator[Running]:
    """Five minutes have passed."""
    clock = Past()
    with running(Statistics(clock), collect_files="/var/log/shop/*.log") as one:
        tell_story(one.statistics, one.held, clock)
        yield one


def tile(page: Page, name: str):
    return page.locator(f'[data-tile="{name}"] strong')


def card(page: Page, name: str):
    return page.get_by_role("region", name=name, exact=True)


def test_figures_are_shown_and_follow(page, run):
    run.held.states = [FileState("/logs/app.log", 5000, 4000, 3000, 2000)]
    run.held.sent = Shipping(2, 0.25)
    page.goto(run.url)
    expect(tile(page, "Lag")).to_have_text("2.0 KB")
    expect(tile(page, "In flight")).to_have_text("2 of 4")
    expect(tile(page, "Parse errors")).to_have_text("0")
    expect(card(page, "Levels")).to_contain_text("none yet")
    made = Made(b"", 40, levels={"INFO": 30, "ERROR": 10}, formats={"logfmt": 40}, tags={"shop": 40}, filtered=3)
    run.statistics.add(Source("/logs/app.log", "app", "here"), made, 4000)
    run.statistics.accepted(30, 900)
    run.statistics.refused(2, "the message is too long")
    expect(tile(page, "Logs")).to_have_text("30")
    expect(page.locator('[data-tile="Logs"] small')).to_have_text("accepted of 40")
    expect(tile(page, "Refused")).to_have_text("2")
    expect(tile(page, "Left out")).to_have_text("3")
    expect(tile(page, "Read")).not_to_have_text("0")
    assert card(page, "Levels").locator(".badge").all_inner_texts() == ["ERROR", "INFO"]
    expect(card(page, "Formats")).to_contain_text("logfmt")
    expect(card(page, "Tags")).to_contain_text("shop")
    expect(card(page, "Services")).to_contain_text("app")
    row = card(page, "Files").locator("tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("/logs/app.log")
    expect(row.locator(".lags")).to_have_text("2.0 KB")
    expect(card(page, "Not accepted")).to_contain_text("the message is too long")
    expect(card(page, "Logs a second").locator("canvas")).to_be_visible()
    expect(page.locator("#state")).to_have_text("ready")


def test_what_came_from_files_is_text_and_what_cannot_be_seen_is_marked(page, run):
    fault = Fault(ATTACK, f"{ATTACK} {HIDDEN}")
    made = Made(
        b"", 1, levels={ATTACK: 1}, formats={ATTACK: 1}, tags={ATTACK: 1, HIDDEN: 1}, fault_count=1, faults=[fault]
    )
    run.statistics.add(Source(f"/logs/{ATTACK}", ATTACK, "here"), made, 10)
    run.statistics.refused(1, ATTACK)
    run.statistics.retried(ATTACK)
    run.held.states = [FileState(f"/logs/{ATTACK}", 1, 1, 1, 0, state=ATTACK)]
    run.held.sent = Shipping(1, 1, ATTACK, 60)
    page.goto(run.url)
    sample = card(page, "Parse errors").locator(".sample")
    expect(sample).to_have_text(f"{ATTACK} ␛red␛ U+202Egnp")
    expect(sample.locator(".unseen").first).to_have_attribute("title", r'"\u001b[31m"')
    for name in ("Levels", "Formats", "Tags", "Services", "Files", "Not accepted"):
        expect(card(page, name)).to_contain_text('<img src=x onerror="window.ran = 1">')
    expect(page.locator(".warning")).to_contain_text(ATTACK)
    assert page.evaluate("window.ran") is None
    assert page.locator("main img, main script").count() == 0


def test_a_producer_that_is_away_and_a_collector_that_is_gone_are_told_of(opened):
    page, watch = opened
    watch.unreachable = True
    with running() as one:
        page.goto(one.url)
        expect(page.locator("#state")).to_have_text("ready")
        one.held.sent = Shipping(4, 61, "connection refused", 61)
        expect(page.locator("#state")).to_have_text("not ready")
        expect(page.locator(".warning")).to_contain_text("has taken nothing for 61 s: connection refused")
    expect(page.locator("#state")).to_have_text("unknown")
    expect(page.locator(".warning")).to_contain_text("these are the last figures known")
    with running(collect_port=one.port) as again:
        assert again.url == one.url
        expect(page.locator("#state")).to_have_text("ready")
        expect(page.locator(".warning")).to_be_empty()


def test_a_key_is_asked_for_and_a_wrong_one_again(opened):
    page, watch = opened
    watch.expected = {401}
    with running(api_key="sesame") as one:
        page.goto(one.url)
        dialog = page.get_by_role("dialog", name="API key")
        for key in ("wrong", "sesame"):
            dialog.get_by_label("Key").fill(key)
            dialog.get_by_role("button", name="Use this key").click()
            if key == "wrong":
                expect(dialog).to_contain_text("does not take this key")
        expect(tile(page, "Logs")).to_have_text("0")
        expect(dialog).to_have_count(0)


def test_a_file_is_found_among_many_and_the_field_keeps_what_is_typed(page, run):
    run.held.states = [FileState(f"/logs/{number:04}.log", 10, 10, 10, 0) for number in range(3000)]
    page.goto(run.url)
    rows = card(page, "Files").locator("tbody tr")
    expect(rows).to_have_count(200)
    expect(card(page, "Files")).to_contain_text("The first 200 of 1,000. Known here among the 1,000 that lag most")
    page.get_by_role("searchbox", name="Find a file").press_sequentially("0017")
    expect(rows).to_have_count(1)
    run.held.states = [FileState("/logs/0017.log", 99_000, 10, 10, 98_990)]
    expect(rows.locator(".lags")).to_have_text("99.0 KB")
    expect(page.get_by_role("searchbox", name="Find a file")).to_have_value("0017")
    expect(page.get_by_role("searchbox", name="Find a file")).to_be_focused()


def test_the_page_asks_nobody_but_its_collector(page, story):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(story.url)
    expect(card(page, "Files").locator("tbody tr")).to_have_count(7)
    assert len(asked) > 10
    assert [url for url in asked if not url.startswith(f"{story.url}/")] == []


@pytest.mark.parametrize(
    "context",
    [
        {"color_scheme": "light"},
        {"color_scheme": "dark"},
        {"viewport": {"width": 360, "height": 640}, "is_mobile": True},
    ],
    ids=["light", "dark", "phone"],
)
def test_nothing_keeps_anybody_out(browser, tmp_path, story, context):
    # The policy of the page would keep axe out as well.
    with open_page(browser, tmp_path, bypass_csp=True, **context) as (page, _):
        page.goto(story.url)
        expect(card(page, "Files").locator("tbody tr")).to_have_count(7)
        expect(page).to_have_title(re.compile("^Collector on "))
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]})
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate("document.documentElement.dataset.theme") == context.get("color_scheme", "light")


def test_a_rotated_file_is_shown_with_the_name_that_it_has_now(page, run):
    run.held.states = [
        FileState("/logs/app.log", 9, 9, 9, 0, is_rotated=True, state="rotated", present_path="/logs/app.log.2.gz"),
        FileState("/logs/b.log", 9, 9, 9, 0, is_rotated=True, state="rotated", present_path="/old/b.log.1"),
    ]
    page.goto(run.url)
    heads = card(page, "Files").locator("tbody th")
    expect(heads).to_have_text(["/logs/app.log (now app.log.2.gz)", "/logs/b.log (now /old/b.log.1)"])
    page.get_by_label("Find a file").fill("log.2.gz")
    expect(heads).to_have_count(1)
