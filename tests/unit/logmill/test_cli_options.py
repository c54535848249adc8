"""What is wrong with an option is told by the option's name; what is wrong with a setting, by that of the setting."""

from __future__ import annotations

from pathlib import Path

import pytest
from click import Command, Context, Option
from click.testing import CliRunner

from logmill.cli import main
from logmill.cli_options import named, note_options
from logmill.errors import ExitCode

ADDRESS_WORDS = "it must be an address that begins with http:// or https:// (it is 'localhost:7100')"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["collect", "a.log", "--producer", "localhost:7100"], f"--producer: {ADDRESS_WORDS}"),
        (["collect", "a.log", "--batch-lines", "0"], "--batch-lines: Expected `int` >= 1 (it is 0)"),
        (["collect", "a.log", "--poll-interval", "-1"], "--poll-interval: Expected `float` > 0.0 (it is -1.0)"),
        (["restore", "{file}", "--storage", "localhost:7100"], f"--storage: {ADDRESS_WORDS}"),
        (["results", "{file}", "--send", "--producer", "localhost:7100"], f"--producer: {ADDRESS_WORDS}"),
        (["query", "--storage", "localhost:7100"], f"--storage: {ADDRESS_WORDS}"),
        (["alerts", "--storage", "localhost:7100"], f"--storage: {ADDRESS_WORDS}"),
        (["bench", "--producer", "localhost:7100"], "--producer: an address is http://"),
        (["generate", "--broker", "redis://a"], "--broker: unknown scheme 'redis'"),
        (["up", "--processors", "-1"], "--processors: Expected `int`"),
        (["generate", "--producer", "localhost:7100"], "--producer: 'localhost:7100' is no address"),
    ],
)
def test_what_is_wrong_with_an_option_is_told_by_its_name(words: list[str], told: str, tmp_path: Path) -> None:
    file = tmp_path / "results.txt"
    file.write_text("Test: a\nResult: PASS\n")
    done = CliRunner().invoke(main, [word.format(file=file) for word in words])
    assert done.exit_code == ExitCode.USAGE, done.output
    assert f"logmill: {told}" in done.stderr
    assert "LOGMILL_" not in done.stderr
    assert "regex" not in done.stderr


def test_a_fault_that_is_found_later_has_the_name_of_its_option_too(tmp_path: Path) -> None:
    output = "/proc/nothing/copy"
    words = ["collect", "a.log", "--port", "0", "--data-dir", str(tmp_path), "--output", output]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == ExitCode.USAGE
    assert f"logmill: --output: {output} cannot be written" in done.stderr


def test_a_message_that_names_option_and_setting_names_the_option_once_where_it_was_typed() -> None:
    context = Context(Command("collect", params=[Option(["--data-dir"])]))
    message = "give each a --data-dir (LOGMILL_DATA_DIR) of its own"
    assert named(context, message) == message
    note_options(context, data_dir="there")
    assert named(context, message) == "give each a --data-dir of its own"


def test_a_fault_of_a_setting_has_the_name_of_the_setting_and_words_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGMILL_PRODUCER_URL", "localhost:7100")
    done = CliRunner().invoke(main, ["collect", "a.log", "--batch-lines", "5"])
    assert done.stderr == f"logmill: LOGMILL_PRODUCER_URL: {ADDRESS_WORDS}\n"
    monkeypatch.delenv("LOGMILL_PRODUCER_URL")
    monkeypatch.setenv("LOGMILL_COLLECT_FROM", "middle")
    done = CliRunner().invoke(main, ["collect", "a.log"])
    assert done.stderr == "logmill: LOGMILL_COLLECT_FROM: it must be one of start, end (it is 'middle')\n"
