"""Real logs become records: none of their lines is lost, and the documentation says what there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.recording import machine_logs
from collector.outputs.structured import Structure
from collector.records.declared import NAMES
from logmill.cli_collect import FORMATS
from logmill.rules.ruleset import load
from logmill.settings import load as load_settings
from logmill.submitted import Limits
from tests.support import loghub
from tests.support.recording import made, taken

DOCS = (Path(__file__).parents[3] / "docs" / "collector-formats.md").read_text()


def check(content: bytes) -> None:
    """Every line that is not blank is a record in its place, and in the copy too."""
    lines = [line for line in content.split(b"\n") if line.decode("utf-8", "replace").strip()]
    texts = [line.decode("utf-8", "replace") for line in lines]
    one = made(*content.split(b"\n"))
    assert [record.message for record in taken(one)] == texts
    assert one.fault_count == sum(text.encode() != line for text, line in zip(texts, lines, strict=True))
    assert len(Structure(load(""), Limits(), 1000).frame_of(one.body)) == len(texts)


@pytest.mark.parametrize("name", loghub.NAMES)
def test_every_line_of_loghub_is_recorded(name):
    loghub.require()
    check((loghub.DATA / f"{name}_2k.log").read_bytes())


def test_every_line_of_the_logs_of_this_machine_is_recorded():
    contents = machine_logs()
    if not contents:
        pytest.skip("this machine has no logs that can be read")
    for content in contents.values():
        check(content[: 1 << 20])


def test_options_settings_and_documentation_name_the_same_formats():
    assert set(FORMATS) == set(NAMES)
    assert [load_settings({}, collect_format=name).collect_format for name in NAMES] == list(NAMES)
    assert [name for name in NAMES if name not in {"auto", "pattern"} and f"`{name}`" not in DOCS] == []
