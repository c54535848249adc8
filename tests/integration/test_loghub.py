"""Real logs: six Loghub files, as text and as JSON, through the whole pipeline; every line found, every count right.

The lines of Linux and OpenSSH are syslog's, whose header becomes fields: put together again they must give the line.
"""

from __future__ import annotations

import json
from collections import Counter

import pytest
import requests

from tests.support import loghub
from tests.support.loghub import DATA, NAMES
from tests.support.pipeline import Pipeline
from tests.support.waiting import wait_until

TIMEOUT_S = 60
# The truth of the data sets says V, I, notice, …; what each means is written down here once more, by hand.
MEANING = {
    "V": "DEBUG", "D": "DEBUG", "I": "INFO", "W": "WARNING", "E": "ERROR",
    "notice": "INFO", "error": "ERROR", "INFO": "INFO", "WARN": "WARNING", "WARNING": "WARNING",
}  # fmt: skip


def read(name: str) -> tuple[list[str], list[str | None]]:
    """The lines of a data set, and their levels by its truth: None where it has none."""
    loghub.require()
    text = (DATA / f"{name}_2k.log").read_bytes().decode()
    lines = [line.removesuffix("\r") for line in text.split("\n") if line.strip()]
    rows = loghub.rows(name)
    assert len(rows) == len(lines) == 2000
    return lines, [MEANING.get(row.get("Level") or "") for row in rows]


def without_address(line: str) -> str:
    """The line as it is stored: one of all these, of Linux, has an address of mail in it."""
    return line.replace("bhcompile@bugs.build.redhat.com", "<email>")


def line_of(log: dict) -> str:
    """The line that was posted: the message, behind the header that was made fields of it."""
    facts = log["metadata"]
    if "app" not in facts:
        return log["message"]
    pid = f"[{facts['pid']}]" if "pid" in facts else ""
    return f"{facts['time']} {log['source']['host']} {facts['app']}{pid}: {log['message']}"


# How many lines of each were read as syslog; one of Linux has no tag that could be told from its text.
HEADERS = {"Linux": 1999, "OpenSSH": 2000}


def stored(pipeline: Pipeline, service: str) -> list[dict]:
    """All 2,000 logs of a service."""
    url = f"{pipeline.storage_url}/logs"

    def look():
        answer = requests.get(url, {"service": service, "limit": 5000}, timeout=TIMEOUT_S).json()
        return answer["logs"] if answer["count"] >= 2000 else None

    return wait_until(look, 60, f"2,000 logs of {service}")


@pytest.mark.parametrize("name", NAMES)
def test_every_line_posted_as_text_is_found_with_its_level(pipeline: Pipeline, name: str):
    lines, levels = read(name)
    service = f"{name}-text"
    answer = requests.post(
        f"{pipeline.producer_url}/logs/batch?service={service}&file={name}.log",
        (DATA / f"{name}_2k.log").read_bytes(),
        headers={"Content-Type": "text/plain"},
        timeout=TIMEOUT_S,
    )
    assert (answer.status_code, answer.json()["accepted"]) == (201, 2000)
    logs = stored(pipeline, service)
    assert Counter(map(line_of, logs)) == Counter(map(without_address, lines))
    assert sum("app" in log["metadata"] for log in logs) == HEADERS.get(name, 0)
    if name == "Apache":
        assert all(log["message"].startswith(f"[{log['metadata']['time']}]") for log in logs)
    # Linux and OpenSSH lines name no level, but for logrotate's ALERT.
    expected = Counter(
        level or ("CRITICAL" if " ALERT " in line else "INFO") for line, level in zip(lines, levels, strict=True)
    )
    assert Counter(log["level"] for log in logs) == expected
    assert {log["source"]["file"] for log in logs} == {f"{name}.log"}
    check_stats(pipeline, service, expected)


@pytest.mark.parametrize("name", NAMES)
def test_every_line_posted_as_json_is_found_with_its_level(pipeline: Pipeline, name: str):
    lines, levels = read(name)
    service = f"{name}-json"
    items = [
        {"message": line, "service": service, "metadata": {"line": number}} | ({"level": level} if level else {})
        for number, (line, level) in enumerate(zip(lines, levels, strict=True))
    ]
    answer = requests.post(f"{pipeline.producer_url}/logs/batch", json=items, timeout=TIMEOUT_S)
    assert (answer.status_code, answer.json()["accepted"]) == (201, 2000)
    logs = stored(pipeline, service)
    assert sorted((log["metadata"]["line"], line_of(log)) for log in logs) == list(
        enumerate(map(without_address, lines))
    )
    expected = Counter(level or "INFO" for level in levels)
    assert Counter(log["level"] for log in logs) == expected
    check_stats(pipeline, service, expected)


def check_stats(pipeline: Pipeline, service: str, expected: Counter) -> None:
    stats = requests.get(f"{pipeline.storage_url}/logs/stats", timeout=TIMEOUT_S).json()
    assert stats["by_service"][service] == 2000
    for level, count in expected.items():
        answer = requests.get(
            f"{pipeline.storage_url}/logs", {"service": service, "level": level, "limit": 5000}, timeout=TIMEOUT_S
        )
        assert answer.json()["count"] == count, json.dumps(stats)


def test_patterns_have_the_accuracy_that_is_promised(pipeline: Pipeline):
    """As tests/unit/test_pattern_accuracy.py has it, but of what a client sends and is answered."""
    accuracy = {}
    for name in NAMES:
        loghub.require()
        contents, true = loghub.truth(name)
        service = f"{name}-patterns"
        items = [
            {"message": text, "service": service, "metadata": {"line": number}} for number, text in enumerate(contents)
        ]
        answer = requests.post(f"{pipeline.producer_url}/logs/batch", json=items, timeout=TIMEOUT_S)
        assert (answer.status_code, answer.json()["accepted"]) == (201, 2000)
        logs = stored(pipeline, service)
        params = {"cluster": "true", "service": service, "limit": 1000}
        found = requests.get(f"{pipeline.storage_url}/logs/patterns", params, timeout=TIMEOUT_S).json()
        assert (found["total"], found["truncated"]) == (2000, False)
        pattern = {}
        for number, one in enumerate(found["patterns"]):
            assert one["fingerprint_count"] == len(one["fingerprints"])
            assert one["example"]["fingerprint"] in one["fingerprints"]
            pattern |= dict.fromkeys(one["fingerprints"], number)
        groups = dict(sorted((log["metadata"]["line"], pattern[log["fingerprint"]]) for log in logs))
        accuracy[name] = loghub.grouping_accuracy([*groups.values()], true)
        counts = Counter(groups.values())
        assert [counts[number] for number in range(len(counts))] == [one["count"] for one in found["patterns"]]
    assert sum(accuracy.values()) / len(accuracy) >= 0.95, accuracy
