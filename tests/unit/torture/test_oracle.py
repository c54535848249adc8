"""The oracle of the torture finds what is lost, doubled, altered or foreign, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.torture.events import LEVELS, EventMaker, read
from tests.torture.oracle import Written, judge

COUNT = 400
WRITTEN = {0: Written("app-000", COUNT), 3: Written("job-003", COUNT)}


def stored() -> list[dict[str, Any]]:
    """Every event as storage shows it."""
    logs = []
    for stream, written in WRITTEN.items():
        maker = EventMaker(1, stream, has_traces=True)
        for number in range(written.count):
            message = maker.make(number).decode()
            event = read(message)
            assert event is not None
            logs.append({"id": f"{stream}-{number}", "service": written.name, "level": event.level, "message": message})
    return logs


def judged(logs: list[dict[str, Any]]) -> tuple[int, int, int, int]:
    verdict = judge(WRITTEN, logs)
    assert verdict.stored == len(logs)
    assert verdict.good is not any((verdict.lost, verdict.doubled, verdict.altered, verdict.foreign))
    return verdict.lost, verdict.doubled, verdict.altered, verdict.foreign


def test_everything_there_once_in_any_order_is_good() -> None:
    assert judged(stored()) == (0, 0, 0, 0)
    assert judged(stored()[::-1]) == (0, 0, 0, 0)


@pytest.mark.parametrize("at", [0, 7, COUNT - 1, COUNT, 2 * COUNT - 1])
def test_an_event_that_is_not_there_is_lost(at: int) -> None:
    logs = stored()
    assert judged(logs[:at] + logs[at + 1 :]) == (1, 0, 0, 0)


def test_runs_of_lost_events_are_told_as_such_and_counted_each() -> None:
    logs = stored()
    verdict = judge(WRITTEN, logs[:10] + logs[25:30] + logs[31:])
    assert verdict.lost == 16
    assert verdict.examples["lost"] == ["app-000 #10 to #24", "app-000 #30"]
    assert judged([]) == (2 * COUNT, 0, 0, 0)


def test_what_was_done_to_the_file_is_told_with_what_is_wrong() -> None:
    rotations = [(5, "rename"), (10, "date while down"), (20, "move"), (40, "truncate"), (60, "delete"), (70, "move")]
    written = {**WRITTEN, 0: Written("app-000", COUNT, rotations)}
    logs = stored()
    verdict = judge(written, [*logs[:25], *logs[45:], *logs[30:32]])
    assert verdict.examples["lost"] == [
        "app-000 #25 to #29 (date while down before #10, move before #20, truncate before #40, delete before #60)",
        "app-000 #32 to #44 (date while down before #10, move before #20, truncate before #40, "
        "delete before #60, move before #70)",
    ]


def test_an_event_that_is_there_twice_or_more_is_doubled() -> None:
    logs = stored()
    assert judged([*logs, {**logs[3], "id": "another"}]) == (0, 1, 0, 0)
    assert judged([*logs, logs[3], logs[3], logs[COUNT]]) == (0, 2, 0, 0)
    assert judged(logs + 300 * [logs[3]]) == (0, 1, 0, 0)


def test_one_that_is_doubled_does_not_hide_one_that_is_lost() -> None:
    logs = stored()
    assert judged([*logs[1:], logs[5]]) == (1, 1, 0, 0)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + " ",
        lambda text: text[:-1],
        lambda text: text[:60] + "\N{REPLACEMENT CHARACTER}" + text[61:],
        lambda text: text.replace("2026-01-31", "2026-01-30"),
        lambda text: text + "\n    at com.example.Other(Other.java:1)",
    ],
)
def test_an_event_whose_text_changed_is_altered(change: Any) -> None:
    logs = stored()
    logs[5] = {**logs[5], "message": change(logs[5]["message"])}
    assert judged(logs) == (0, 0, 1, 0)


def test_every_trace_that_lost_its_last_line_is_altered_and_the_line_is_foreign() -> None:
    logs = stored()
    traces = [at for at, log in enumerate(logs) if "\n" in log["message"]]
    assert len(traces) > 10
    for at in traces:
        message, _, line = logs[at]["message"].rpartition("\n")
        logs[at] = {**logs[at], "message": message}
        logs.append({**logs[at], "message": line})
    assert judged(logs) == (0, 0, len(traces), len(traces))


def test_another_level_or_service_is_an_alteration() -> None:
    logs = stored()
    logs[5] = {**logs[5], "level": next(level for level in LEVELS if level != logs[5]["level"])}
    logs[6] = {**logs[6], "service": "job-003"}
    assert judged(logs) == (0, 0, 2, 0)


def test_halves_and_what_was_never_written_are_foreign() -> None:
    logs = stored()
    text = logs[0]["message"]
    later = EventMaker(1, 0, has_traces=False).make(COUNT).decode()
    elsewhere = EventMaker(1, 9, has_traces=False).make(0).decode()
    strange = [{**logs[0], "message": message} for message in ("", text[:20], text[30:], later, elsewhere)]
    assert judged(logs + strange) == (0, 0, 0, 5)


def test_the_same_seed_makes_the_same_events_of_all_levels_and_lengths() -> None:
    messages = [log["message"] for log in stored()]
    assert messages == [log["message"] for log in stored()]
    assert len(set(messages)) == len(messages)
    maker = EventMaker(2, 0, has_traces=False)
    events = [maker.make(number) for number in range(5000)]
    assert {read(event.decode()).level for event in events} == set(LEVELS)  # type: ignore[union-attr]
    assert not any(b"\n" in event for event in events)
    assert any(len(event) > 4000 for event in events)
    assert any(not event.isascii() for event in events)
    assert all(event == event.strip() for event in events)
