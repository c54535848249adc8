"""What docs/stages.md and docs/parsing.md show works as they show it."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import processor.stages
from logmill.parsing.formats import shipped
from logmill.parsing.grok_patterns import PATTERNS
from logmill.rules.ruleset import load
from logmill.rules.sections import Formats
from logmill.settings import Settings
from processor.redaction.text import Redactor
from processor.redaction.torn import SECRETS
from tests.support.parsing import entry, frame_of, one

DOCS = Path(__file__).parents[3] / "docs"
STAGES, PARSING = (DOCS / "stages.md").read_text(), (DOCS / "parsing.md").read_text()
MOST_LINES = 10


def block(text: str, mark: str) -> str:
    """The code behind this mark."""
    found = re.search(rf"<!-- {mark} -->\n```[a-z]+\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def shouting(monkeypatch) -> ModuleType:
    """The stage of the document, as the module that it would be."""
    module = ModuleType("processor.stages.shouting")
    exec(compile(block(STAGES, "stage: file"), "docs/stages.md", "exec"), module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(processor.stages, "shouting", module, raising=False)
    return module


@pytest.mark.usefixtures("shouting")
def test_the_stage_of_the_document_passes_its_test():
    names: dict = {}
    exec(compile(block(STAGES, "stage: test"), "docs/stages.md", "exec"), names)
    names["test_only_what_shouts_is_calmed"]()


def test_it_has_ten_lines_and_works_among_the_others(shouting):
    assert sum(bool(line.strip()) for line in block(STAGES, "stage: file").splitlines()) <= MOST_LINES
    frame = frame_of(entry("DISK FULL"), entry("x"))
    for name, stage in processor.stages.make_stages(Settings(), load(""), Redactor([], b"")):
        frame = stage(frame)
        frame = shouting.calm(frame) if name == "redaction" else frame
    assert frame["message"].to_list() == ["disk full", "x"]


def test_every_stage_is_in_the_document_and_in_its_order():
    stages = [name for name, _stage in processor.stages.make_stages(Settings(), load(""), Redactor([], b""))]
    rows = re.findall(r"^\| (`.*?) \|", STAGES, re.MULTILINE)
    assert re.findall("`([a-z]+)`", " ".join(rows)) == stages


def test_every_format_is_in_the_document_and_in_its_order_and_has_its_switch():
    names = [each.name for each in shipped(SECRETS)]
    assert re.findall(r"^\| `([a-z]+)` \|", PARSING, re.MULTILINE) == names
    assert set(Formats.__struct_fields__) == set(names)


def test_the_rules_of_the_document_read_what_it_says(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(block(PARSING, "rules: example"))
    order = one("order 4711 paid by eve", rules=str(path))
    assert order.metadata == {"order_id": "4711", "state": "paid", "user_id": "eve"}
    job = one("2026-01-31T12:00:00Z ERROR took 1.5s: done", rules=str(path))
    assert (job.parsed_as, job.message, job.level, job.metadata) == ("job", "done", "ERROR", {"seconds": 1.5})
    assert one("a=1 b=2", rules=str(path)).parsed_as == ""


def test_every_name_of_grok_is_in_the_document():
    listed = PARSING.partition("<!-- grok: names -->")[2].partition("**")[0]
    assert re.findall(r"`([A-Z0-9_]+)`", listed) == list(PATTERNS)
