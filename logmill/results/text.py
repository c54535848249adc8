"""A summary of test results as condensed text, for terminals and mails; nothing of it is obeyed by a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from logmill.results.model import counted
from logmill.results.summary import Summary, Tally, Totals
from logmill.terminal import columns, printable
from logmill.timestamps import EPOCH

_NAME_COLUMNS = 60
_MESSAGE_CHARS = 160
# From here on durations have no more digits, or another unit.
_MANY_MS, _S_MS, _MANY_S, _MINUTE_S = 10, 1000, 10, 60


def headline(totals: Totals) -> str:
    """The totals on one line; errors, which could not be run, are apart from failures."""
    words = [f"{totals.passed:,} passed", f"{totals.failed - totals.errors:,} failed"]
    if totals.errors:
        words.append(counted(totals.errors, "error"))
    if totals.skipped:
        words.append(f"{totals.skipped:,} skipped")
    counts = (counted(totals.results, "result"), counted(totals.tests, "test"), counted(totals.files, "file"))
    more = [f"{count:,} {what}" for count, what in ((totals.failing, "failing now"), (totals.flaky, "flaky")) if count]
    if totals.problems:
        more.append(counted(totals.problems, "problem"))
    return "; ".join(["{} of {} in {}: ".format(*counts) + ", ".join(words), *more])


def render(summary: Summary, left_out: int = 0) -> str:
    """The totals, and a line or two for each test; errors and durations have columns where there are any.

    Args:
        summary: what is shown.
        left_out: tests that are not among it.
    """
    tests = summary.tests
    lines = [headline(summary.totals)]
    if tests:
        has_services = len({one.service for one in tests}) > 1
        names = [shown_name(one, has_services=has_services) for one in tests]
        wide = max(4, *(columns(name) for name in names))
        heads, rows = _cells(tests)
        widths = [max(len(head), *(len(row[place]) for row in rows)) for place, head in enumerate(heads)]
        lines += ["", _row("test", wide, heads, widths, "last runs")]
        for one, name, row in zip(tests, names, rows, strict=True):
            lines.append(_row(name, wide, row, widths, _said(one)))
            if one.fails or one.flaky:
                lines += _failure(one)
    if left_out:
        lines.append(f"and {counted(left_out, 'more test')}")
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _cells(tests: Sequence[Tally]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """The heads of the columns that there is something for, and of each test what is in them."""
    found = {
        "passed": [f"{one.passed:,}" for one in tests],
        "failed": [f"{one.failures:,}" for one in tests],
        "errors": [f"{one.errors:,}" for one in tests] if any(one.errors for one in tests) else [],
        "skipped": [f"{one.skipped:,}" for one in tests],
    }
    if any(one.last_duration_s is not None for one in tests):
        found["median"] = [duration_text(one.median_duration_s) for one in tests]
        found["last"] = [duration_text(one.last_duration_s) for one in tests]
    shown = {head: cells for head, cells in found.items() if cells}
    return list(shown), list(zip(*shown.values(), strict=True))


def duration_text(duration_s: float | None) -> str:
    """A duration in three digits or so: 3.1 ms, 250 ms, 1.25 s, 12.5 s, 5 m 10 s, 2 h 5 m; "-" for None."""
    if duration_s is None:
        return "-"
    if round(duration_s * 1000, 1) < _MANY_MS:
        return f"{duration_s * 1000:.1f} ms"
    if round(duration_s * 1000) < _S_MS:
        return f"{duration_s * 1000:.0f} ms"
    if round(duration_s, 1) < _MINUTE_S:
        return f"{duration_s:.1f} s" if round(duration_s, 2) >= _MANY_S else f"{duration_s:.2f} s"
    minutes, seconds = divmod(round(duration_s), _MINUTE_S)
    return f"{minutes} m {seconds} s" if minutes < _MINUTE_S else f"{minutes // 60:,} h {minutes % 60} m"


def _row(name: str, wide: int, cells: Sequence[str], widths: Sequence[int], rest: str) -> str:
    counts = "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
    return f"{name}{' ' * (wide - columns(name))}  {counts}  {rest}"


def _said(one: Tally) -> str:
    notes = [name for name, holds in (("failing", one.fails), ("flaky", one.flaky)) if holds]
    notes += [one.trend.direction] if one.trend.direction in {"worse", "better"} else []
    said = ", ".join(notes)
    return f"{one.letters}  {said}" if said else one.letters


def _failure(one: Tally) -> list[str]:
    """Where and why it failed last."""
    failure = one.last_failure
    if failure is None:
        return []
    at = (EPOCH + timedelta(microseconds=failure.at_us)).strftime("%Y-%m-%d %H:%M:%SZ")
    reason = printable(" ".join(failure.message.split()), keep="")[:_MESSAGE_CHARS]
    place = f"    last failure {at} in {printable(failure.file, keep='')}:{failure.line}"
    return [f"{place}: {reason}" if reason else place]


def shown_name(one: Tally, *, has_services: bool, most: int = _NAME_COLUMNS) -> str:
    """The name of a test as it can be shown, at most so many columns wide.

    Args:
        one: the test.
        has_services: whether there are tests of other services beside it.
        most: beyond it the middle of the name is left out: tests that belong together begin alike.
    """
    name = printable(f"{one.service}: {one.test}" if has_services else one.test, keep="")
    if columns(name) <= most:
        return name
    start, end = name[:most], name[-most:]
    while columns(start) > most // 2 - 1:
        start = start[:-1]
    while columns(end) > most // 2:
        end = end[1:]
    return f"{start}…{end}"
