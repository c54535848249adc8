"""What the pages that keep themselves fresh do when an answer fails: ask again, or say why not."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.test_tail_page import top
from tests.support.browser import settled
from tests.support.pipeline import Pipeline
from tests.support.waiting import wait_until

_TAIL, _PIPELINE = "**/logs/tail?*", "**/pipeline"


def failing(page: Page, where: str, *ways: int | str) -> Callable[[], int]:
    """Has the next questions fail so, a status or an error of the network each; the rest go on. Gives how many came."""
    left = list(ways)
    asked = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        way = left.pop(0) if left else None
        if way is None:
            route.continue_()
        elif isinstance(way, str):
            route.abort(way)
        else:
            body = json.dumps({"status": "error", "code": "of_the_test", "message": f"made to fail with {way}"})
            route.fulfill(status=way, content_type="application/json", body=body)

    page.route(where, answer)
    return lambda: len(asked)


def test_the_live_tail_connects_again_after_errors_that_pass(page, watch, send, pipeline: Pipeline):
    watch.expected = {429, 500, 504}
    watch.unreachable = True
    service = send([{"message": "here"}])
    failing(page, _TAIL, 504, 429, "connectionreset", 500)
    page.goto(f"{pipeline.storage_url}/?tab=tail&is.service={service}")
    notices = page.get_by_role("log", name="Notices")
    expect(notices).to_contain_text("made to fail with 504; connecting again in")
    top(page, "here")
    expect(page.locator(".light")).to_have_text("connected")
    expect(notices).to_have_text("")


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_the_live_tail_does_not_ask_again_what_is_refused_and_says_so(page, watch, send, pipeline: Pipeline, status):
    watch.expected = {status}
    service = send([{"message": "here"}])
    body = "event: notice\ndata: {}\n\n"
    ended = []

    def once(route: Route) -> None:
        if ended:
            return route.fallback()
        ended.append(route)
        return route.fulfill(content_type="text/event-stream", body=body)

    # Refused at once, and where there was a connection before.
    asked = failing(page, _TAIL, status, status)
    page.goto(f"{pipeline.storage_url}/?tab=tail&is.service={service}")
    said = page.locator(".problems .notice")
    expect(said).to_be_visible()
    page.keyboard.press("Escape")
    page.route(_TAIL, once)
    page.get_by_role("navigation", name="Views").get_by_role("button", name="Logs").click()
    settled(page)
    expect(said).to_have_count(0)
    page.get_by_role("navigation", name="Views").get_by_role("button", name="Live").click()
    expect(said).to_be_visible()
    assert len(ended) == 1
    assert asked() == 2


def test_the_page_of_the_pipeline_asks_again_after_errors_and_says_so(page, watch, pipeline: Pipeline):
    watch.expected = {429, 503, 504}
    watch.unreachable = True
    failing(page, _PIPELINE, 503)
    page.goto(f"{pipeline.storage_url}/?tab=pipeline")
    warning = page.locator(".pipeline-warning")
    expect(warning).to_contain_text("made to fail with 503; nothing is known yet. Asking again in")
    tile = page.locator('[data-tile="Logs"] strong')
    expect(tile).to_be_visible()
    expect(warning).to_have_text("")
    page.unroute(_PIPELINE)
    asked = failing(page, _PIPELINE, 504, "connectionreset", 429)
    expect(warning).to_contain_text("made to fail with 504; these are the last figures known. Asking again in")
    wait_until(lambda: page.evaluate("1") and asked() >= 4, what="the fourth question")
    expect(warning).to_have_text("")


def test_the_page_of_the_pipeline_asks_nothing_while_an_answer_is_on_its_way(page, pipeline: Pipeline):
    page.clock.install()
    page.goto(f"{pipeline.storage_url}/?tab=pipeline")
    expect(page.locator('[data-tile="Logs"] strong')).to_be_visible()
    expect(page.get_by_role("region", name="Dead letters").locator(".card-body")).not_to_be_empty()
    held: list[Route] = []
    page.route(_PIPELINE, lambda route: held.append(route))  # noqa: PLW0108 - Playwright cannot mark a builtin
    page.clock.run_for(6_000)
    wait_until(lambda: page.evaluate("1") and len(held) == 1, what="the question")
    page.clock.run_for(30_000)
    # What was asked before this has come by the time it is answered.
    page.evaluate("fetch('pipeline/dead?limit=1')")
    assert len(held) == 1
    held[0].continue_()
    held.clear()

    def asked_again() -> bool:
        page.clock.run_for(1_000)
        return len(held) == 1

    wait_until(asked_again, what="the next question")
