"""Alerts as answers and messages show them, page by page."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from logmill.errors import InvalidField
from storage import render
from storage.alerting.file import Row, StateFile
from storage.alerting.silencing import Silenced
from storage.alerting.spans import SECOND_US
from storage.alerting.states import ACKNOWLEDGED, FIRING, MAX_TRANSITIONS, RESOLVED, SILENCED, is_silenced
from storage.statements import statement

STATES = (FIRING, ACKNOWLEDGED, SILENCED, RESOLVED)
_FORM = struct.Struct(">q12s")
_PAGE = 500
_decode = msgspec.json.Decoder().decode


def shown(row: Row, silenced: Silenced) -> dict[str, Any]:
    """An alert, for JSON."""
    group = _decode(row["grouping"])
    end_us = row["end_us"]
    return {
        "id": row["id"],
        "rule": row["rule"],
        "kind": row["kind"],
        "severity": row["severity"],
        "state": _state(row, group, silenced),
        "group": group,
        "summary": row["summary"],
        "description": row["description"],
        "labels": _decode(row["labels"]),
        "value": row["value"],
        "limit": row["bound"],
        "since": render.time_text(row["start_us"]),
        "until": render.time_text(end_us),
        "fired_at": render.time_text(row["fired_us"]),
        "acknowledged_at": _time(row["acknowledged_us"]),
        "acknowledged_by": row["acknowledged_by"],
        "resolved_at": _time(row["resolved_us"]),
        "trend": _decode(row["trend"]),
        "query": {
            "q": row["q"],
            "since": render.time_text(row["since_us"]),
            # The end is not part of a search's range.
            "until": render.time_text(end_us + SECOND_US),
        },
    }


def message(row: Row, state: str, delivery: str, at_us: int) -> bytes:
    """What a webhook is told of a change."""
    body = {
        "version": 1,
        "delivery": delivery,
        "event": state,
        "at": render.time_text(at_us),
        "alert": {name: value for name, value in shown(row, Silenced(())).items() if name != "trend"},
    }
    return msgspec.json.encode(body)


def transitions(file: StateFile, alert: str) -> list[dict[str, Any]]:
    """The changes of an alert, newest first."""
    return [
        {"state": row["state"], "at": render.time_text(row["at_us"]), "by": row["by_whom"], "comment": row["comment"]}
        for row in file.rows("transitions", alert=alert, most=MAX_TRANSITIONS)
    ]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of alerts, and where the next begins; None where there is none."""

    alerts: list[dict[str, Any]]
    next_cursor: str | None


def page(file: StateFile, silenced: Silenced, state: str, rule: str, limit: int, cursor: str) -> Page:
    """Alerts, the newest first.

    Args:
        file: where they are.
        silenced: which the silences in force are for.
        state: one of STATES, "open" for all that are not resolved, "" for all.
        rule: "" for any.
        limit: how many at most.
        cursor: where the last page ended, "" for the first.

    Raises:
        InvalidField: this is no cursor.
    """
    before = _place(cursor) if cursor else (1 << 62, "")
    found: list[Row] = []
    while len(found) <= limit:
        rows = file.rows("alerts", {"where": _where(state, rule)}, **_values(state, rule, before), most=_PAGE)
        found += [
            row
            for row in rows
            if state not in {FIRING, SILENCED} or _state(row, _decode(row["grouping"]), silenced) == state
        ]
        if len(rows) < _PAGE:
            break
        before = (rows[-1]["fired_us"], rows[-1]["id"])
    is_more = len(found) > limit
    last = found[:limit][-1:] if is_more else []
    following = next((_text(row["fired_us"], row["id"]) for row in last), None)
    return Page([shown(row, silenced) for row in found[:limit]], following)


def count_silenced(file: StateFile, silenced: Silenced) -> int:
    """How many alerts would fire if no silence were for them."""
    return sum(is_silenced(row, silenced) for row in file.rows("groups_firing"))


def _state(row: Row, group: Mapping[str, str], silenced: Silenced) -> str:
    state: str = row["state"]
    return SILENCED if state == FIRING and (row["rule"], group) in silenced else state


def _where(state: str, rule: str) -> str:
    names = ["where_before"]
    if state == "open":
        names.append("where_open")
    elif state:
        names.append("where_state")
    if rule:
        names.append("where_rule")
    return " AND ".join(f"({statement('alert_state', name)})" for name in names)


def _values(state: str, rule: str, before: tuple[int, str]) -> Mapping[str, Any]:
    values: dict[str, Any] = {"before_us": before[0], "before_id": before[1]}
    if state and state != "open":
        values["state"] = FIRING if state == SILENCED else state
    if rule:
        values["rule"] = rule
    return values


def _text(fired_us: int, alert: str) -> str:
    return base64.urlsafe_b64encode(_FORM.pack(fired_us, bytes.fromhex(alert))).rstrip(b"=").decode()


def _place(text: str) -> tuple[int, str]:
    try:
        fired_us, alert = _FORM.unpack(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, struct.error):
        raise InvalidField("cursor", "this is no cursor; use next_cursor of an answer as it is") from None
    return fired_us, alert.hex()


def _time(us: int | None) -> str | None:
    return None if us is None else render.time_text(us)
