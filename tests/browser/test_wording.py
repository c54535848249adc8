"""What stands behind a count: one log, and two logs."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import settled

# Nouns that the page counts, in the plural.
_OF_ONE = re.compile(
    r"(?<![\d.,:])1 (?:(?:newest|more|older|most frequent) )?"
    r"(?:logs|rows|tests|results|files|changes|patterns|messages|parts|days|errors|intervals|bars|deliveries|records|keys|exports|characters|variants)\b"
)


def said(page: Page) -> list[str]:
    """All that the page says, to the eye or to a screen reader."""
    return page.evaluate("""() => {
      const names = [...document.querySelectorAll("[title], [aria-label]")];
      const attributes = names.flatMap((one) => [one.getAttribute("title"), one.getAttribute("aria-label")]);
      const texts = document.body.innerText.split("\\n").map((line) => line.trim());
      return [...texts, document.getElementById("announcer").textContent, ...attributes].filter(Boolean);
    }""")


@pytest.mark.parametrize(
    ("tab", "wanted"),
    [
        ("logs", ["1 log", "Only level ERROR, 1 log", "1 log shown"]),
        ("anomalies", ["1 log", "1 log; a click shows only this"]),
        ("patterns", ["1 pattern of 1 log"]),
        ("tail", []),
        ("pipeline", []),
    ],
)
def test_one_is_counted_in_the_singular(show, send, tab, wanted):
    page = show(send([{"message": "x" * 1501, "level": "ERROR"}]), f"&tab={tab}")
    texts = said(page)
    assert [text for text in texts if _OF_ONE.search(text)] == []
    for text in wanted:
        assert text in texts
    if tab == "logs":
        expect(page.locator(".rows .c-message .cut")).to_have_text("… 1 more character")
        assert any(re.fullmatch(r"Histogram by level: 1 log in \d+ bars, 1 of them an error", text) for text in texts)
    if tab == "patterns":
        assert any(re.fullmatch(r"\d+ intervals of \d+ \w+, at most 1 log in one", text) for text in texts)


def test_two_are_counted_in_the_plural(show, send):
    page = show(send([{"message": "m", "level": "ERROR"}, {"message": "m", "level": "ERROR"}]))
    texts = said(page)
    assert {"2 logs", "Only level ERROR, 2 logs", "2 logs shown"} <= set(texts)
    page.get_by_role("button", name="Patterns").click()
    settled(page)
    expect(page.locator(".table-tools")).to_contain_text("1 pattern of 2 logs")
