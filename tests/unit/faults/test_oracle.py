"""The oracle finds what is lost, doubled, altered or foreign, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.oracle import Oracle, Outcome, Verdict
from tests.faults.records import Record, RecordMaker, as_json, as_ndjson, number_of

SERVICE = "shop"


@pytest.fixture
def records() -> list[Record]:
    maker = RecordMaker("unit")
    return [maker.make(SERVICE, number) for number in range(20)]


@pytest.fixture
def oracle(records: list[Record]) -> Oracle:
    """It knows all records as acknowledged, each under an id of its own."""
    oracle = Oracle()
    oracle.sending(records)
    oracle.acknowledged(records, [f"id-{record.number}" for record in records])
    return oracle


def stored(records: list[Record]) -> list[dict[str, Any]]:
    return [{"id": f"id-{record.number}", "severity": 20, **record.body()} for record in records]


def judged(oracle: Oracle, logs: list[dict[str, Any]]) -> tuple[int, int, int, int]:
    verdict = oracle.judge({SERVICE: logs})
    assert verdict.stored == len(logs)
    assert verdict.good is not any((verdict.lost, verdict.doubled, verdict.altered, verdict.foreign))
    return verdict.lost, verdict.doubled, verdict.altered, verdict.foreign


def test_everything_there_once_is_good(oracle, records):
    assert judged(oracle, stored(records)) == (0, 0, 0, 0)


def test_the_order_does_not_matter(oracle, records):
    assert judged(oracle, stored(records)[::-1]) == (0, 0, 0, 0)


def test_an_acknowledged_record_that_is_not_there_is_lost(oracle, records):
    assert judged(oracle, stored(records[1:])) == (1, 0, 0, 0)
    assert judged(oracle, []) == (20, 0, 0, 0)


def test_a_record_that_is_there_twice_is_doubled_under_the_same_id_or_another(oracle, records):
    logs = stored(records)
    assert judged(oracle, [*logs, logs[3]]) == (0, 1, 0, 0)
    assert judged(oracle, [*logs, {**logs[3], "id": "id-other"}]) == (0, 1, 1, 0)


def test_three_times_counts_as_one_doubled_record(oracle, records):
    logs = stored(records)
    assert judged(oracle, [*logs, logs[3], logs[3]]) == (0, 1, 0, 0)


@pytest.mark.parametrize("field", ["level", "message", "metadata", "id"])
def test_any_difference_is_an_alteration(oracle, records, field):
    logs = stored(records)
    different = {
        "level": "INFO" if records[5].level != "INFO" else "ERROR",
        "message": records[5].message + " ",
        "metadata": {**records[5].metadata, "n": "5"},
        "id": "id-4",
    }
    logs[5] = {**logs[5], field: different[field]}
    assert judged(oracle, logs) == (0, 0, 1, 0)
    assert field in oracle.judge({SERVICE: logs}).examples["altered"][0]


def test_two_records_whose_messages_were_exchanged_are_altered(oracle, records):
    logs = stored(records)
    logs[1]["message"], logs[2]["message"] = logs[2]["message"], logs[1]["message"]
    assert judged(oracle, logs) == (0, 0, 2, 0)


def test_the_order_of_keys_in_metadata_is_no_alteration(oracle, records):
    logs = stored(records)
    logs[0]["metadata"] = dict(reversed(logs[0]["metadata"].items()))
    assert judged(oracle, logs) == (0, 0, 0, 0)


def test_what_was_never_sent_is_foreign(oracle, records):
    logs = stored(records)
    strange = [{**logs[0], "message": text} for text in ("#99 hello", "hello", "#", "#1x")]
    assert judged(oracle, [*logs, *strange]) == (0, 0, 0, 4)
    assert oracle.judge({SERVICE: logs, "nobody": logs[:2]}).foreign == 2


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.UNKNOWN, Outcome.REJECTED, Outcome.PENDING])
def test_what_was_not_acknowledged_may_be_there_once_or_not_at_all(oracle, records, outcome):
    extra = RecordMaker("extra").make(SERVICE, 77)
    oracle.sending([extra])
    oracle.settled([extra], outcome)
    assert judged(oracle, stored(records)) == (0, 0, 0, 0)
    assert judged(oracle, stored([*records, extra])) == (0, 0, 0, 0)
    assert judged(oracle, stored([*records, extra, extra])) == (0, 1, 0, 0)
    altered = {**stored([extra])[0], "message": "#77 something else"}
    assert judged(oracle, [*stored(records), altered]) == (0, 0, 1, 0)


def test_a_request_that_is_repeated_until_it_is_acknowledged_counts_as_acknowledged(oracle, records):
    extra = RecordMaker("extra").make(SERVICE, 77)
    oracle.sending([extra])
    oracle.settled([extra], Outcome.UNKNOWN)
    oracle.acknowledged([extra], ["id-77"])
    assert judged(oracle, stored(records)) == (1, 0, 0, 0)
    assert oracle.counts() == {Outcome.ACKNOWLEDGED: 21}


def test_a_number_is_sent_once(oracle, records):
    with pytest.raises(ValueError, match="#3 was sent before"):
        oracle.sending([records[3]])


def test_examples_are_few_and_counts_are_not():
    verdict = Verdict()
    for number in range(100):
        verdict.note("lost", f"#{number}")
    assert verdict.lost == 100
    assert len(verdict.examples["lost"]) == 5


def test_the_same_seed_makes_the_same_records_of_all_levels():
    made = [[RecordMaker("same").make(SERVICE, 0) for _ in range(2)] for _ in range(2)]
    assert made[0] == made[1]
    maker = RecordMaker("levels")
    several = [maker.make(SERVICE, number) for number in range(200)]
    assert {record.level for record in several} == {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}
    assert [number_of(record.message) for record in several] == list(range(200))
    assert as_ndjson(several).count(b"\n") == 200
    assert as_json(several).startswith(b"[{")
