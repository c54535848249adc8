"""What the load test asks."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from logmill.bench.plan import Question
from logmill.bench.questions import built_in, of_file
from logmill.errors import ConfigError


def test_the_built_in_mix_asks_each_kind_as_often_and_for_what_is_there() -> None:
    found = built_in(["web", "a b"], ["User 7 logged in", "no", "disk is full"])
    assert set(Counter(question.name for question in found).values()) == {3}
    paths = {question.path for question in found}
    assert "/logs?limit=100&service=a+b" in paths
    assert "/logs?limit=100&q=%22logged+in%22" not in paths  # "in" is too short for a word
    assert "/logs?limit=100&q=%22disk+is%22" not in paths
    assert {question.name for question in found} == {
        "newest", "by level", "by service", "phrase", "stats", "histogram"
    }  # fmt: skip


def test_phrases_are_words_that_stand_together_in_the_newest_logs() -> None:
    found = built_in([], ["Payment accepted for order 7", "Stock of item 3 is out"])
    assert {question.path for question in found if question.name == "phrase"} == {
        "/logs?limit=100&q=%22Payment+accepted%22"
    }
    assert any("bench-" in question.path for question in found if question.name == "by service")


def test_a_file_has_a_question_a_line_and_a_name_may_have_several(tmp_path: Path) -> None:
    path = tmp_path / "questions.txt"
    path.write_text("# ours\n\nslow: /logs?q=response_time_ms:%3E=500\n  slow :/logs?level=error\ncount: /logs/stats\n")
    assert of_file(path) == (
        Question("slow", "/logs?q=response_time_ms:%3E=500"),
        Question("slow", "/logs?level=error"),
        Question("count", "/logs/stats"),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("newest /logs\n", "line 1"),
        ("ok: /logs\nbad: logs\n", "line 2.*begins with /"),
        ("spaces: /logs?q=a b\n", "line 1.*encoded"),
        ("umlaut: /logs?q=ä\n", "encoded"),
        ("tail: /logs/tail?level=error\n", "without an end"),
        (f"{'n' * 41}: /logs\n", "40 characters"),
        ("a\x07b: /logs\n", "line 1"),
        ("# nothing\n", "1 to 1000"),
        ("q: /logs\n" * 1001, "1 to 1000"),
    ],
)
def test_a_file_that_cannot_be_asked_is_refused_by_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "questions.txt"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"--queries.*{said}"):
        of_file(path)


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        of_file(tmp_path / "none.txt")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        of_file(tmp_path / "binary")
