"""Has a recorder make records of events, and takes them as the producer does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from collector.records.made import Made, Source
from collector.records.recorder import Recorder
from logmill.intake import from_lines
from logmill.record import Entry
from logmill.rules.ruleset import load
from logmill.submitted import Limits

SOURCE = Source("/var/log/app.log", "app", "web-1")
NOW_US = 1_800_000_000_000_000


def recorder(limits: Limits | None = None, rules: str = "", **options: Any) -> Recorder:
    """One with the rules of the file at this path."""
    return Recorder(load(rules), limits or Limits(), **options)


def made(*events: bytes | str, limits: Limits | None = None, rules: str = "", **options: Any) -> Made:
    """What comes of these events."""
    return recorder(limits, rules, **options).make(
        SOURCE, [event.encode() if isinstance(event, str) else event for event in events]
    )


def taken(one: Made, limits: Limits | None = None) -> list[Entry]:
    """The records as the producer takes them; none of them is refused."""
    if not one.body:
        return []
    found = from_lines(one.body, limits or Limits(), now_us=NOW_US, protocol="http")
    assert found.rejected == []
    return found.columns.rows()


def sent(one: Made) -> list[dict[str, Any]]:
    """The records as they are sent."""
    return [json.loads(line) for line in one.body.splitlines()]


def levels(*events: bytes | str, **options: Any) -> Sequence[str]:
    """The level that is sent with each event, "" where there is none."""
    return [record.get("level", "") for record in sent(made(*events, **options))]
