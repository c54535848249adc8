"""The schedule leaves no fault out, and the document says what the code does."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.faults import report
from tests.faults.fault import fit_together
from tests.faults.oracle import Outcome
from tests.faults.rounds import Round
from tests.faults.schedule import every_fault, make_schedule, named, possible

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("broker", ["rabbitmq", "embedded"])
def test_a_schedule_has_every_fault_and_pairs_that_fit(broker):
    schedule = make_schedule(broker, 36, random.Random(1))
    assert len(schedule) == 36
    assert {fault.name for faults in schedule for fault in faults} == {fault.name for fault in possible(broker)}
    pairs = [faults for faults in schedule if len(faults) > 1]
    assert len(pairs) >= 9
    assert all(fit_together(faults) for faults in pairs)
    names = [[fault.name for fault in faults] for faults in schedule]
    assert names == [[fault.name for fault in faults] for faults in make_schedule(broker, 36, random.Random(1))]


@pytest.mark.parametrize("broker", ["rabbitmq", "embedded"])
def test_faults_are_found_by_their_names(broker):
    assert [fault.name for fault in named("kill storage + cut client", broker)] == ["kill storage", "cut client"]
    with pytest.raises(KeyError):
        named("kill nobody", broker)


def test_names_are_unique_with_each_broker():
    for broker in ("rabbitmq", "embedded"):
        names = [fault.name for fault in every_fault() if broker in fault.brokers]
        assert len(names) == len(set(names))


def test_the_document_lists_every_fault():
    written = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
    assert report.fault_list() in written, "docs/reliability.md is out of date; run `make faults ARGS=--write-docs`"


def test_a_round_becomes_a_row_and_the_marked_part_is_replaced(tmp_path):
    document = tmp_path / "doc.md"
    document.write_text("before\n<!-- faults results: begin -->\nold\n<!-- faults results: end -->\nafter\n")
    result = Round(3, "kill storage", {Outcome.ACKNOWLEDGED: 1200, Outcome.REFUSED: 34})
    run = {"at": "2026-01-31T12:00:00", "cores": 2, "python": "3.11", "arguments": "--seed 1", "minutes": 5}
    report.fill_document(document, report.RESULTS, report.document(run, {"rabbitmq": [result]}))
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "| 3 | kill storage | 1,234 | 1,200 | 34 | 0 |" in text
    with pytest.raises(ValueError, match="lacks the marks"):
        report.fill_document(document, "nothing", "")
