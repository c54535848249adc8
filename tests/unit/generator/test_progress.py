"""What is said of a run: how it is going, how it went, and that it is behind where it is."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest

from generator.outputs.protocol import Counts
from generator.progress import Progress
from logmill.errors import LogmillError


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def looked(
    counts: Counts, stream: io.StringIO, *times: float, file: Path | None = None, rate: int | None = 100
) -> Progress:
    progress = Progress(lambda: counts, lambda now_s: None if rate is None else round(now_s * rate), stream, file)
    for now_s in times:
        progress.look(now_s)
    return progress


def test_without_a_terminal_there_is_a_line_every_ten_seconds():
    stream = io.StringIO()
    counts = Counts(done=900)
    looked(counts, stream, *(tenth / 10 for tenth in range(250)))
    assert stream.getvalue().splitlines() == [
        "logmill generate: asked 100.0/s, kept 90.0/s, total 900, behind 0, errors 0",
        "logmill generate: asked 100.0/s, kept 0.0/s, total 900, behind 1,000, errors 0",
    ]


def test_on_a_terminal_the_line_is_written_over_each_second():
    stream = Terminal()
    looked(Counts(done=100, refused=2, retries=3), stream, 0.0, 1.0, 1.5, 2.0)
    assert stream.getvalue().count("\r") == 2
    assert "\n" not in stream.getvalue()
    assert stream.getvalue().rstrip().endswith("behind 0, errors 2, sent again 3")


def test_what_is_due_for_more_than_a_second_is_behind():
    stream = io.StringIO()
    progress = looked(Counts(done=400, refused=50), stream, 9.0)
    assert progress.most_behind == 350
    looked(Counts(done=860), stream, 10.5)
    assert "behind 90," in stream.getvalue()


def test_the_file_has_how_it_is_going(tmp_path: Path):
    file = tmp_path / "state" / "generator.json"
    looked(Counts(done=5, trouble="the producer does not answer"), io.StringIO(), 0.1, 0.2, 2.0, file=file)
    standing = json.loads(file.read_text())
    assert (standing["total"], standing["behind"]) == (5, 95)
    assert standing["trouble"] == "the producer does not answer"
    assert [path.name for path in file.parent.iterdir()] == ["generator.json"]


def test_a_line_begins_with_what_goes_wrong_as_long_as_it_does():
    stream = io.StringIO()
    counts = Counts(retries=3, trouble="the producer answers 503")
    progress = looked(counts, stream, 10.0)
    # Nothing was sent meanwhile, since the producer asked for time; and then it took all.
    progress.look(20.0)
    counts.done = 3000
    progress.look(30.0)
    stuck, waiting, well = stream.getvalue().splitlines()
    for line in (stuck, waiting):
        assert line.startswith("logmill generate: the producer answers 503; asked 100.0/s, kept 0.0/s, total 0, ")
    assert well.startswith("logmill generate: asked 100.0/s")


def test_what_was_asked_is_that_of_the_run_once_it_is_over(tmp_path: Path):
    stream = io.StringIO()
    file = tmp_path / "state"
    progress = Progress(Counts, lambda now_s: round(min(now_s, 5.0) * 100), stream, file, 5.0)
    for now_s in (10.0, 20.0):
        progress.look(now_s)
    assert [line.split(", ")[0] for line in stream.getvalue().splitlines()] == ["logmill generate: asked 100.0/s"] * 2
    progress.close(21.0, "the producer answers 503")
    standing = json.loads(file.read_text())
    assert (standing["asked"], standing["state"], standing["reason"]) == (100.0, "failed", "the producer answers 503")


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LogmillError, match="--status-file"):
        looked(Counts(), io.StringIO(), 1.0, file=tmp_path / "file" / "state")


@pytest.mark.parametrize(
    ("counts", "end_s", "words"),
    [
        (Counts(done=1000), 10.1, r"1,000 logs in 10.0 s: 100.0/s of 100.0/s asked"),
        (Counts(done=1000), 20.0, r"1,000 logs in 20.0 s: 50.0/s of 100.0/s asked; the last were out 10.0 s late"),
        (
            Counts(done=990, refused=10, retries=2, trouble="a\x1b[1m"),
            10.0,
            r"990 logs in 10.0 s: 99.0/s of 100.0/s asked; 10 refused; 2 sent again (last trouble: a\x1b[1m)",
        ),
    ],
)
def test_the_sum_is_honest(counts: Counts, end_s: float, words: str):
    assert looked(counts, io.StringIO()).end(end_s, 10.0) == words


def test_what_was_missed_and_behind_is_in_the_sum():
    progress = looked(Counts(done=500), io.StringIO(), 9.0)
    progress.missed = 7
    assert re.search(r"up to 300 behind; 7 missed", progress.end(10.0, 10.0))


def test_as_fast_as_it_goes_has_nothing_to_be_behind():
    stream = io.StringIO()
    progress = looked(Counts(done=5000), stream, 10.0, rate=None)
    assert "as fast as it goes, kept 500.0/s, total 5,000, behind 0" in stream.getvalue()
    assert progress.end(10.0, 10.0) == "5,000 logs in 10.0 s: 500.0/s"


def test_a_few_logs_in_a_moment_are_no_rate_that_was_asked():
    assert looked(Counts(done=2), io.StringIO()).end(0.01, 0.01) == "2 logs in 0.0 s: 200.0/s"
