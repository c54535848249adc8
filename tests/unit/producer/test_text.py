"""Plain text: lines, levels and defaults."""

from __future__ import annotations

import pytest

from logmill.errors import Refused
from logmill.submitted import Limits
from logmill.text_levels import level_of
from producer.formats.text import Defaults, from_text


def read(body: bytes, *, whole: bool = False, limits: Limits | None = None, **defaults: str):
    return from_text(body, limits or Limits(), now_us=5, defaults=Defaults(**defaults), whole=whole)


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("081109 203615 148 INFO dfs.DataNode: x", "INFO"),
        ("[Sun Dec 04 04:47:44 2005] [error] mod_jk child", "ERROR"),
        ("[Sun Dec 04 04:47:44 2005] [notice] workerEnv.init() ok", "INFO"),
        ("03-17 16:13:38.811  1702  2395 W WindowManager: x", "WARNING"),
        ("2026-01-31 12:00:00,123 CRITICAL [main] x", "CRITICAL"),
        ('time="x" level=warning msg="y"', "WARNING"),
        ("an error happened, said the info desk", ""),
        ("Dec 10 06:55:46 LabSZ sshd[24200]: Invalid user", ""),
        ("x" * 200 + " ERROR", ""),
        ("INFORMATION", ""),
        ("[İnfo] level=İnfo", ""),
    ],
)
def test_the_level_is_read_off_the_line_where_it_says_one(line, level):
    assert level_of(line) == level


def test_a_line_is_a_record_and_blank_lines_are_none():
    taken = read(b"one\r\n\n  \nERROR two\n", service="s", level="debug", host="h", file="f")
    assert [(e.message, e.level, e.service, e.host, e.file) for e in taken.columns.rows()] == [
        ("one", "DEBUG", "s", "h", "f"),
        ("ERROR two", "ERROR", "s", "h", "f"),
    ]


def test_a_whole_text_stays_one_record():
    taken = read(b"Traceback:\n  File x\nValueError\n", whole=True)
    assert [e.message for e in taken.columns.rows()] == ["Traceback:\n  File x\nValueError"]


def test_faults_name_the_line_or_the_body():
    limits = Limits(max_batch_records=2, max_message_bytes=16)
    taken = read(b"short\n\n" + b"x" * 17, limits=limits)
    assert [(r.index, r.field, r.line) for r in taken.rejected] == [(1, "message", 3)]
    with pytest.raises(Refused) as caught:
        read(b"a\nb\nc", limits=limits)
    assert caught.value.status == 413
    with pytest.raises(Refused, match="UTF-8"):
        read(b"\xff")
