"""The picture of a summary: both forms of it, names that attack or do not fit, and how many at a time."""

from __future__ import annotations

import threading
from xml.etree import ElementTree as ET

import pytest

from logmill.results import chart
from logmill.results.accumulator import Accumulator
from logmill.results.model import FileResults, Outcome, Result
from logmill.results.summary import Summary

SVG = "{http://www.w3.org/2000/svg}"


def summary_of(*tests: tuple[str, int, int, int]) -> Summary:
    """Of tests that passed, failed and were skipped so often."""
    accumulator = Accumulator("tests")
    for name, *counts in tests:
        kinds = (Result.PASSED, Result.FAILED, Result.SKIPPED)
        outcomes = [
            Outcome(test=name, result=kind, line=1)
            for kind, count in zip(kinds, counts, strict=True)
            for _ in range(count)
        ]
        accumulator.add(FileResults(name="f", format="pairs", outcomes=outcomes, problems=[], problem_count=0), 1)
    return accumulator.summary()


def texts(svg: bytes) -> list[str]:
    return ["".join(one.itertext()) for one in ET.fromstring(svg).iter(f"{SVG}text")]


def test_an_svg_has_each_test_with_its_numbers_as_text_and_bars_as_long_as_they():
    svg = chart.draw(summary_of(("login", 30, 10, 0), ("checkout", 20, 0, 5)), "svg")
    found = texts(svg)
    assert {"login", "checkout", "30 / 10 failing flaky", "20 / 0", "passed", "failed", "skipped"} <= set(found)
    assert "65 results of 2 tests in 2 files: 50 passed, 10 failed, 5 skipped; 1 failing now; 1 flaky" in found
    widths = {color: [] for color in chart.COLORS.values()}
    for path in ET.fromstring(svg).iter(f"{SVG}path"):
        style = path.get("style", "")
        for kind, color in chart.COLORS.items():
            if f"fill: {color.lower()}" in style and path.get("clip-path"):
                xs = [
                    float(word)
                    for word in path.get("d", "").replace("L", "M").split("M")[1:]
                    for word in word.split()[:1]
                ]
                widths[chart.COLORS[kind]].append(round(max(xs) - min(xs), 1))
    passed, skipped = (widths[chart.COLORS[kind]] for kind in ("passed", "skipped"))
    assert passed[0] / passed[1] == pytest.approx(30 / 20, rel=0.01)
    assert skipped[1] / passed[1] == pytest.approx(5 / 20, rel=0.01)


def test_errors_have_a_number_and_a_colour_of_their_own():
    accumulator = Accumulator("tests")
    outcomes = [Outcome(test="t", result=result, line=1) for result in (Result.PASSED, Result.FAILED, Result.ERROR)]
    found = FileResults(name="f", format="pairs", outcomes=outcomes, problems=[], problem_count=0)
    accumulator.add(found, 0)
    svg = chart.draw(accumulator.summary(), "svg")
    assert {"1 / 1 / 1 failing flaky", "errors", "passed / failed / errors"} <= set(texts(svg))
    assert chart.COLORS["errors"].lower() in svg.decode().lower()
    assert chart.COLORS["errors"].lower() not in chart.draw(summary_of(("t", 1, 1, 1)), "svg").decode().lower()


def test_a_png_is_one_and_the_same_summary_gives_the_same_picture():
    found = summary_of(("login", 3, 1, 0))
    first = chart.draw(found, "png")
    assert first.startswith(b"\x89PNG\r\n")
    assert chart.draw(found, "png") == first
    assert chart.draw(found, "svg") == chart.draw(found, "svg")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("$x^2$ and $\\frac{1}{2", "$x^2$ and $\\frac{1}{2"),
        ("<script>alert(1)</script>&", "<script>alert(1)</script>&"),
        ("red\x1b[31m\u202e", "red\\x1b[31m\\u202e"),
        ("テスト", "テスト"),
    ],
)
def test_names_are_shown_as_they_are_and_nothing_else(name: str, shown: str):
    found = summary_of((name, 1, 1, 0))
    svg = chart.draw(found, "svg")
    assert shown in texts(svg)
    assert not list(ET.fromstring(svg).iter(f"{SVG}script"))
    assert chart.draw(found, "png").startswith(b"\x89PNG")


def test_there_are_so_many_bars_and_the_others_are_told():
    tests = [(f"test_{number:03}", 1, 0, 0) for number in range(chart.MAX_BARS + 7)]
    found = texts(chart.draw(summary_of(*tests), "svg", left_out=3))
    assert sum(one.startswith("test_") for one in found) == chart.MAX_BARS
    assert "and 10 more tests" in found


def test_a_summary_of_nothing_is_a_picture_that_says_so():
    assert "no results" in texts(chart.draw(summary_of(), "svg"))


def test_one_picture_is_drawn_at_a_time_and_the_next_waits_no_longer_than_it_is_told():
    found = summary_of(("login", 1, 0, 0))
    with chart._lock, pytest.raises(TimeoutError):
        chart.draw(found, "svg", wait_s=0.05)
    drawn: list[bytes] = []
    threads = [threading.Thread(target=lambda: drawn.append(chart.draw(found, "svg"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(drawn) == 4
    assert len(set(drawn)) == 1
