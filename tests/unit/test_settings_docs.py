"""`.env.example` and `docs/settings.md` say what the table of settings says."""

import re
from pathlib import Path

import pytest

from logmill.settings import load
from logmill.settings_docs import render_env, render_markdown
from logmill.settings_table import Row, table

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("file", "render"), [(".env.example", render_env), ("docs/settings.md", render_markdown)])
def test_the_file_is_what_the_table_renders(file, render):
    written = (ROOT / file).read_text(encoding="utf-8")
    assert written == render(table()), f"{file} is out of date; run `make docs`"


def test_every_setting_has_help_that_is_a_sentence():
    assert [row.name for row in table() if not row.help.endswith(".")] == []


def test_every_default_of_env_example_uncommented_is_the_default():
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    environ = dict(line.removeprefix("#").split("=", 1) for line in lines if re.match(r"#LOGMILL_\w+=", line))
    assert environ.keys() == {row.name for row in table()}
    assert load(environ) == load({})


def test_env_example_sets_nothing_by_itself():
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []


def test_unit_default_and_help_are_shown():
    row = Row(name="LOGMILL_X_S", default="2.0", unit="s", help="How long x takes.")
    assert "# How long x takes. (unit: s; default: 2.0)\n#LOGMILL_X_S=2.0\n" in render_env([row])
    assert "| `LOGMILL_X_S` | `2.0` | s | How long x takes. |\n" in render_markdown([row])


def test_an_empty_default_is_said_to_be_empty():
    row = Row(name="LOGMILL_X", default="", unit="", help="X.")
    assert "# X. (default: empty)\n#LOGMILL_X=\n" in render_env([row])
    assert "| `LOGMILL_X` | empty |  | X. |\n" in render_markdown([row])


def test_a_pipe_in_the_help_does_not_end_the_cell():
    row = Row(name="LOGMILL_X", default="a|b", unit="", help="a|b.")
    assert r"| `LOGMILL_X` | `a\|b` |  | a\|b. |" in render_markdown([row])


def test_long_help_is_wrapped_as_comments():
    row = Row(name="LOGMILL_X", default="", unit="", help="word " * 60 + "end.")
    entry = render_env([row]).split("#RABBITMQ_PASSWORD=guest\n")[1]
    assert max(map(len, entry.splitlines())) <= 118
    assert all(line.startswith("#") for line in entry.splitlines() if line)
