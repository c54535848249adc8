"""What each format writes is read back by whoever reads such logs: json, csv, and our own parsing."""

from __future__ import annotations

import csv
import io
import json
import re
from random import Random

import pytest

from generator.custom import CustomFields
from generator.flows.journey import Journey
from generator.formats import NAMES, format_of
from generator.log import Log, Made, Metadata, metadata_with
from generator.maker import Maker
from generator.mix import DEFAULT_LEVELS, mix_of
from logmill.errors import ConfigError
from logmill.intake import Limits, from_lines
from logmill.timestamps import to_us
from producer.formats.text import level_of
from tests.support.generating import EPOCH_US
from tests.support.parsing import entry, parsed

COUNT = 3000


def some(*, only_requests: bool = False, custom: CustomFields | None = None) -> Made:
    options = {}
    if custom is not None:
        options = {"new_metadata": metadata_with(custom.names), "custom": custom.drawing(Random(3))}
    journey = Journey(Random(1), users=1000, only_requests=only_requests, **options)
    mix = mix_of(DEFAULT_LEVELS, only_requests=only_requests)
    return Maker(mix, journey, Random(2), epoch_us=EPOCH_US).make(range(0, COUNT * 1000, 1000))


def awkward() -> Made:
    """Texts that would break a line, a cell, or a pair."""
    texts = ['say "hi", he said', "one\ntwo\nthree", "back\\slash", "a=b, c=d", "", "späť ☃", "tab\there"]
    logs = [Log("", "ERROR", "user", text, "h", "t", "s", Metadata("r")) for text in texts]
    return Made([EPOCH_US] * len(logs), logs)


@pytest.mark.parametrize("name", NAMES)
def test_a_record_is_one_line(name: str):
    form = format_of(name)
    for made in (some(only_requests=form.only_requests), awkward()):
        assert made.logs
        body = form.encode(made)
        assert body.endswith(b"\n")
        assert body.count(b"\n") == len(made.logs)


def test_json_is_what_the_producer_takes_and_loses_nothing():
    made = some()
    body = format_of("json").encode(made)
    taken = from_lines(body, Limits(), now_us=0, protocol="http")
    assert not taken.rejected
    columns = taken.columns
    assert [round(time_us) for time_us in columns.timestamp] == made.times_us
    assert list(columns.message) == [log.message for log in made.logs]
    assert list(columns.level) == [log.level for log in made.logs]
    assert list(columns.trace_id) == [log.trace_id for log in made.logs]
    assert list(columns.host) == [log.host for log in made.logs]
    for line, log in zip(body.splitlines(), made.logs, strict=True):
        metadata = json.loads(line)["metadata"]
        assert metadata["request_id"] == log.metadata.request_id
        assert metadata.get("status_code", 0) == log.metadata.status_code
        assert metadata.get("response_time_ms") == log.metadata.response_time_ms
        # What there is none of is left out.
        assert all(metadata.values())


def test_csv_has_a_header_and_a_cell_for_each_field():
    form = format_of("csv", ("region",))
    custom = CustomFields.of(["region=eu-{1..3}"])
    made = some(custom=custom)
    rows = list(csv.DictReader(io.StringIO((form.header + form.encode(made)).decode())))
    assert len(rows) == COUNT
    for row, log, time_us in zip(rows, made.logs, made.times_us, strict=True):
        assert to_us(row["timestamp"]) == time_us
        assert row["message"].replace("\\n", "\n") == log.message
        assert (row["level"], row["service"], row["trace_id"]) == (log.level, log.service, log.trace_id)
        assert int(row["status_code"] or 0) == log.metadata.status_code
        assert float(row["response_time_ms"] or 0) == (log.metadata.response_time_ms or 0)
        assert row["error_code"] == log.metadata.error_code
        assert row["region"] in {"eu-1", "eu-2", "eu-3"}
        assert None not in row


def test_awkward_cells_come_back():
    form = format_of("csv")
    made = awkward()
    rows = list(csv.DictReader(io.StringIO((form.header + form.encode(made)).decode())))
    assert [row["message"].replace("\\n", "\n") for row in rows] == [log.message for log in made.logs]


def test_text_names_time_level_and_service():
    made = some()
    lines = format_of("text").encode(made).decode().splitlines()
    shape = re.compile(r"(\S+Z) (\w+) +([\w-]+): (.*) \[(req-\w+)\]")
    for line, log, time_us in zip(lines, made.logs, made.times_us, strict=True):
        match = shape.fullmatch(line)
        assert match is not None, line
        assert to_us(match[1]) == time_us
        assert match.groups()[1:] == (log.level, log.service, log.message.replace("\n", "\\n"), log.metadata.request_id)
        # As the producer finds it in text that it is sent.
        assert level_of(line) == log.level


def test_access_logs_are_read_by_our_parsing():
    made = some(only_requests=True)
    lines = format_of("access").encode(made).decode().splitlines()
    for found, log, time_us in zip(parsed(*map(entry, lines)), made.logs, made.times_us, strict=True):
        assert found.parsed_as == "access"
        assert found.time_us == time_us // 1_000_000 * 1_000_000
        known = log.metadata
        assert found.metadata == {
            "client_ip": known.client_ip,
            "user_id": known.user_id,
            "method": known.method,
            "path": known.path,
            "http_version": "1.1",
            "user_agent": known.user_agent,
            "status_code": known.status_code,
            "bytes": known.bytes,
        }


def test_logfmt_is_read_by_our_parsing():
    made = some(custom=CustomFields.of(["region=eu {1..3}"]))
    lines = format_of("logfmt", ("region",)).encode(made).decode().splitlines()
    for found, log, time_us in zip(parsed(*map(entry, lines)), made.logs, made.times_us, strict=True):
        assert found.parsed_as == "logfmt"
        assert (found.message, found.level, found.time_us) == (log.message, log.level, time_us)
        assert found.metadata["request_id"] == log.metadata.request_id
        assert found.metadata["service"] == log.service
        assert found.metadata.get("status_code", 0) == log.metadata.status_code
        assert found.metadata["region"] in {"eu 1", "eu 2", "eu 3"}


def test_awkward_pairs_come_back():
    made = Made(*(column[:-1] for column in awkward()))
    lines = format_of("logfmt").encode(made).decode().splitlines()
    for found, log in zip(parsed(*map(entry, lines)), made.logs, strict=True):
        assert found.parsed_as == "logfmt"
        if log.message:
            assert found.message == log.message


def test_a_template_is_filled_as_by_pythons_logging():
    made = some()
    lines = format_of("%(asctime)s - %(levelname)-8s - %(name)s: %(message)s").encode(made).decode().splitlines()
    for line, log in zip(lines, made.logs, strict=True):
        message = log.message.replace("\n", "\\n")
        assert line.partition(" - ")[2] == f"{log.level:8} - {log.service}: {message}"


@pytest.mark.parametrize("name", ["yaml", "", "%(nothing)s", "%(message)d", "%(message)s %"])
def test_a_format_that_is_none_is_refused(name: str):
    with pytest.raises(ConfigError, match="--format"):
        format_of(name)


def test_times_across_a_second_are_each_their_own():
    form = format_of("json")
    times = [EPOCH_US - 1, EPOCH_US, EPOCH_US + 999_999, EPOCH_US + 1_000_000, EPOCH_US - 1]
    logs = [Log("", "INFO", "a", "b") for _ in times]
    written = [json.loads(line)["timestamp"] for line in form.encode(Made(times, logs)).splitlines()]
    assert [to_us(text) for text in written] == times
