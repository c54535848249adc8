"""The short form of the fault laboratory: the worst faults, on each broker in turn, in about a minute each."""

from __future__ import annotations

from pathlib import Path

import pytest

from logmill.settings import in_ci
from tests.faults.laboratory import Laboratory
from tests.faults.rounds import Pace, Round, run_series
from tests.faults.schedule import lacking, named
from tests.support.rabbitmq_node import scripts_folder

SEED = 1
PACE = Pace(before_s=(0.4, 0.8), hold_s=1.2, after_s=(0.4, 0.8), drain_s=60.0, rate=1500.0)
ROUNDS = {
    "rabbitmq": (
        "kill producer + kill processor-1",
        "kill broker",
        "storage stores, then 500 + cut client",
        "kill storage + memory alarm",
        "cut publisher + cut consumer + full disk of storage",
    ),
    "embedded": (
        "kill everything",
        "storage stores, then cut + kill producer",
        "full disk of storage + cut client",
        "kill storage + kill processor-1",
        "full disk of broker + storage stores, then 500",
        "stop producer + kill worker of storage",
    ),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("broker", ROUNDS)
def test_what_was_acknowledged_is_stored_once_and_intact_whatever_breaks(broker: str, tmp_path: Path) -> None:
    if broker == "rabbitmq" and scripts_folder() is None:
        _missing("no RabbitMQ whose node can be killed: apt-get install rabbitmq-server")
    schedule = [named(words, broker) for words in ROUNDS[broker]]
    missing = lacking()
    for need in {fault.needs for faults in schedule for fault in faults} & missing.keys():
        print(f"left out: {missing[need]}")
    schedule = [[fault for fault in faults if fault.needs not in missing] for faults in schedule]
    with Laboratory(tmp_path, broker) as lab:
        results = run_series(lab, [faults for faults in schedule if faults], PACE, SEED, _show)
    assert [f"{result.faults}: {result.troubles}" for result in results if not result.passed] == []


def _show(result: Round) -> None:
    print(result.number, result.faults, dict(result.outcomes), f"{result.seconds:.1f} s", *result.notes)


def _missing(what: str) -> None:
    (pytest.fail if in_ci() else pytest.skip)(what)
