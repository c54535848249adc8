"""docs/generator.md says what there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from generator import main as generator_main
from generator.flows.incidents import KINDS
from generator.formats import NAMES
from generator.mix import DEFAULT_LEVELS
from logmill.cli import main
from logmill.cli_generate import generate

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "generator.md").read_text(encoding="utf-8")


def rows(first: str) -> set[str]:
    """The names in the first column of the table with this heading."""
    table = PAGE.partition(f"| {first} |")[2].partition("\n\n")[0]
    return set(re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE))


def test_every_kind_of_incident_and_every_format_has_its_row():
    assert rows("incident") == set(KINDS)
    assert rows("`--format`") == set(NAMES)


def test_the_levels_are_those_of_the_default():
    said = {level: float(share) for share, level in re.findall(r"([0-9.]+) % ([A-Z]+)", PAGE)}
    assert said == DEFAULT_LEVELS
    option = next(one for one in generate.params if one.name == "levels")
    assert all(f"{level}={weight}" in option.help for level, weight in DEFAULT_LEVELS.items())  # type: ignore[attr-defined]


def test_options_that_it_shows_exist():
    known = {name for option in generate.params for name in option.opts}
    shown = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", PAGE)) - {"--profile", "--build", "--help"}
    assert shown <= known
    assert {"--burst", "--incident", "--seed", "--heartbeat"} <= shown


@pytest.mark.parametrize("command", re.findall(r"^logmill (generate [^#\n]+)", PAGE, re.MULTILINE))
def test_its_examples_are_understood(command: str, monkeypatch: pytest.MonkeyPatch):
    seen = []
    monkeypatch.setattr(
        generator_main, "run", lambda asked, _settings, _stop: seen.append(generator_main.plan_of(asked))
    )
    monkeypatch.setattr("logmill.cli_generate.StopSignal.install", lambda _self: None)
    result = CliRunner().invoke(main, shlex.split(command))
    assert result.exit_code == 0, result.output
    assert len(seen) == 1
