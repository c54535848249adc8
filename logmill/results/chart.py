"""A summary of test results as a picture: a bar for each test, of what passed, failed and was skipped.

Drawn by matplotlib's objects, without pyplot and its global state. It is imported when the first picture is asked for:
it takes some 50 MB.
"""

from __future__ import annotations

import io
import threading
import warnings
from typing import Any, Literal

from logmill.results.model import counted
from logmill.results.summary import Summary, Tally
from logmill.results.text import headline, shown_name

Form = Literal["svg", "png"]
FORMS: dict[Form, str] = {"svg": "image/svg+xml", "png": "image/png"}
MAX_BARS = 40
# Okabe and Ito's colours, which those tell apart who do not see red or green; failures are hatched for print as well.
COLORS = {"passed": "#0072B2", "failed": "#D55E00", "errors": "#CC79A7", "skipped": "#999999"}
_HATCHES = {"passed": "", "failed": "////", "errors": "xxxx", "skipped": ""}
_WIDTH_INCHES = 10.0
_BAR_INCHES = 0.3
_AROUND_INCHES = 1.35
_DPI = 110
_INK, _FAINT = "#1f2328", "#6e7781"
_NAME_COLUMNS = 52
# One picture at a time: matplotlib's caches and settings belong to the process.
_lock = threading.Lock()


def draw(summary: Summary, form: Form, left_out: int = 0, *, wait_s: float = 30.0) -> bytes:
    """The picture, of the first MAX_BARS tests of a summary.

    Args:
        summary: what is shown.
        form: as what.
        left_out: tests that are not among it.
        wait_s: how long other pictures may keep it waiting.

    Raises:
        TimeoutError: they did so for longer.
    """
    if not _lock.acquire(timeout=wait_s):
        raise TimeoutError(f"other charts are drawn, for {wait_s:g} s by now")
    try:
        return _draw(summary, form, left_out + max(0, len(summary.tests) - MAX_BARS))
    finally:
        _lock.release()


def _draw(summary: Summary, form: Form, left_out: int) -> bytes:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    tests = summary.tests[:MAX_BARS]
    height = _AROUND_INCHES + _BAR_INCHES * max(1, len(tests))
    # Text stays text in an SVG: it can be searched, and needs no font of ours. Names are no formulas.
    style: Any = {"svg.fonttype": "none", "svg.hashsalt": "logmill", "hatch.linewidth": 0.6, "text.parse_math": False}
    with mpl.rc_context(style), warnings.catch_warnings():
        # Names may have letters that the font lacks; they are boxes then.
        warnings.simplefilter("ignore")
        figure = Figure(figsize=(_WIDTH_INCHES, height), dpi=_DPI, facecolor="white")
        figure.text(0.02, 1 - 0.22 / height, "Test results", fontsize=13, weight="bold", color=_INK, va="center")
        figure.text(0.02, 1 - 0.48 / height, headline(summary.totals), fontsize=9, color=_FAINT, va="center")
        bottom, top = 0.55 / height, 1 - 0.8 / height
        axes = figure.add_axes((0.38, bottom, 0.46, top - bottom))
        _bars(axes, tests)
        if left_out:
            words = f"and {counted(left_out, 'more test')}"
            figure.text(0.02, 0.2 / height, words, fontsize=9, color=_FAINT, va="center")
        stream = io.BytesIO()
        figure.savefig(stream, format=form, metadata={"Date": None} if form == "svg" else {"Software": None})
    return stream.getvalue()


def _bars(axes: Any, tests: Any) -> None:
    places = list(range(len(tests)))
    starts = [0] * len(tests)
    kinds = [kind for kind in COLORS if kind != "errors" or any(one.errors for one in tests)]
    for kind in kinds:
        counts = [one.failures if kind == "failed" else getattr(one, kind) for one in tests]
        axes.barh(
            places,
            counts,
            left=starts,
            height=0.68,
            color=COLORS[kind],
            hatch=_HATCHES[kind],
            edgecolor="white",
            linewidth=0.4,
            label=kind,
        )
        starts = [start + count for start, count in zip(starts, counts, strict=True)]
    most = max(starts, default=0) or 1
    axes.set_xlim(0, most)
    axes.set_ylim(max(1, len(tests)) - 0.4, -0.6)
    axes.set_yticks([])
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.tick_params(axis="x", labelsize=8, colors=_FAINT)
    axes.grid(axis="x", color="#d0d7de", linewidth=0.5)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#d0d7de")
    has_services = len({one.service for one in tests}) > 1
    has_errors = "errors" in kinds
    beside = axes.get_yaxis_transform()
    for place, one in enumerate(tests):
        name = shown_name(one, has_services=has_services, most=_NAME_COLUMNS)
        axes.text(-0.015, place, name, transform=beside, ha="right", va="center", fontsize=8.5, color=_INK)
        notes = "".join(f" {note}" for note, holds in (("failing", one.fails), ("flaky", one.flaky)) if holds)
        said = " / ".join(f"{count:,}" for count in (one.passed, one.failures, *([one.errors] if has_errors else [])))
        axes.text(
            1.015, place, f"{said}{notes}", transform=beside, ha="left", va="center", fontsize=8.5, color=_color_of(one)
        )
    axes.set_xlabel("runs", fontsize=8.5, color=_FAINT)
    if tests:
        heads = "passed / failed / errors" if has_errors else "passed / failed"
        axes.text(1.015, 1.0, heads, transform=axes.transAxes, va="bottom", fontsize=8.5, color=_FAINT)
        axes.legend(
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),
            ncols=len(kinds),
            frameon=False,
            fontsize=8.5,
            borderaxespad=0.2,
            handlelength=1.4,
        )
    else:
        axes.text(0.5, 0.5, "no results", transform=axes.transAxes, ha="center", color=_FAINT)


def _color_of(one: Tally) -> str:
    return COLORS["failed"] if one.fails else _INK
