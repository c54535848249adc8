"""Writes what was taken of a log as the line of JSON that is sent, within the producer's limits."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from logmill.handler.taking import MAX_MESSAGE_BYTES, SITE_NAMES, Site, Taken
from logmill.handler.tracing import NO_TRACE, Trace, hexadecimal
from logmill.handler.values import cut, json_members, name_of

MAX_METADATA_BYTES = 256 * 1024
# No shorter line can pass a limit: nothing takes more bytes in UTF-8 than it does here, where all is ASCII.
_PLAIN_LINE_BYTES = 128 * 1024
# What stays of each value where metadata is too long, so that the others keep their place.
_CUT_CHARS = 4096
_MARK_BYTES = 100
# Fewer microseconds (a clock that was never set is at 1970) are milliseconds or seconds to the producer.
_FEWEST_S = 1e8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OWN_CHARS = 1000
_MAX_SITES = 2048
_USUAL_LEVELS = frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})
_OWN_NAMES = frozenset(
    {"logger", "level_name", "code.file", "code.line", "code.function", "thread", "task", "process", "pid"}
)
# Nothing beyond ASCII, so that surrogates without a partner, which no UTF-8 has, stay out of the way as well.
_text = json.JSONEncoder(ensure_ascii=True).encode

# The beginning of a line, the members that it ends with, and these before they were written.
_Known = tuple[str, str, dict[str, Any]]


def level_of(number: int) -> str:
    """The level of Logmill for a number of Python's."""
    if number >= logging.ERROR:
        return "CRITICAL" if number >= logging.CRITICAL else "ERROR"
    if number >= logging.INFO:
        return "WARNING" if number >= logging.WARNING else "INFO"
    return "DEBUG"


class LineEncoder:
    """Turns what was taken into lines, for one process.

    Args:
        service: who logs.
        host: where.
    """

    def __init__(self, service: str, host: str) -> None:
        self._fixed = f'"service":{_text(service)},"host":{_text(host)}'
        # What all logs of one line of code in one thread have in common, written once.
        self._sites: dict[Site, _Known] = {}

    def line(self, taken: Taken) -> bytes:
        """One line with its end, in ASCII."""
        _, created, message, site, members, trace = taken
        if isinstance(message, bytes):
            return message
        head, tail, own = self._sites.get(site) or self._learn(site)
        if trace is not NO_TRACE:
            head += _traced(trace)
        if members:
            members = dict(reversed(members.items()))
            if _OWN_NAMES.isdisjoint(members):
                tail = f"{json_members(members)},{tail}"
            else:
                members = _united(members, own)
                tail = json_members(members)
        text = f'{{"timestamp":{_time(created)},{head},"message":{_text(message)},"metadata":{{{tail}}}}}\n'
        if len(text) > _PLAIN_LINE_BYTES:
            if len(tail) > MAX_METADATA_BYTES - 2:
                tail = _shortened(_united(members or {}, own), own)
            text = f'{{"timestamp":{_time(created)},{head},"message":{_text(_cut_message(message))},'
            text += f'"metadata":{{{tail}}}}}\n'
        return text.encode("ascii")

    def _learn(self, site: Site) -> _Known:
        if len(self._sites) >= _MAX_SITES:  # threads with ever new names
            self._sites.clear()
        named = dict(zip(SITE_NAMES, site, strict=True))
        level, process = named["levelname"], named["processName"]
        named = {
            "logger": named["name"],
            "level_name": None if level in _USUAL_LEVELS else level,
            "code.file": named["pathname"],
            "code.line": named["lineno"],
            "code.function": named["funcName"],
            "thread": named["threadName"],
            "task": named.get("taskName"),
            "process": None if process == "MainProcess" else process,
            "pid": os.getpid(),
        }
        own = {
            name: cut(value, _OWN_CHARS) if isinstance(value, str) else value for name, value in named.items() if value
        }
        known = self._sites[site] = (f'"level":"{level_of(site[0])}",{self._fixed}', json_members(own), own)
        return known


def _time(created: float) -> int | str:
    """A time as the producer takes it: microseconds, which it takes for a larger unit where they are few."""
    if created >= _FEWEST_S:
        return int(created * 1e6)
    return f'"{(_EPOCH + timedelta(seconds=created)).isoformat()}"'


def _traced(trace: Trace) -> str:
    trace_id, span_id = hexadecimal(trace)
    return f',"trace_id":{_text(trace_id)},"span_id":{_text(span_id)}'


def _united(members: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """All members; of ours those whose name the application has are under `name_2`, or the next free number."""
    united = {name_of(name): value for name, value in members.items()}
    for name, value in own.items():
        free, number = name, 1
        while free in united and united[free] != value:
            number += 1
            free = f"{name}_{number}"
        united[free] = value
    return united


def _cut_message(message: str) -> str:
    """The message within the producer's limit."""
    data = message.encode(errors="replace")
    if len(data) <= MAX_MESSAGE_BYTES:
        return message
    kept = data[: MAX_MESSAGE_BYTES - _MARK_BYTES].decode(errors="ignore")
    return f"{kept}… [cut, {len(message)} characters in all]"


def _shortened(members: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    """Members as JSON within the producer's limit: long values are cut, and what still has no room is left out."""
    parts: list[str] = []
    left = MAX_METADATA_BYTES - _MARK_BYTES
    for name, value in sorted(members.items(), key=lambda member: member[0] not in own):
        part = json_members({name: value})
        if len(part) > _CUT_CHARS:
            text = value if isinstance(value, str) else part.partition(":")[2]
            part = json_members({name: cut(text, _CUT_CHARS)})
        left -= len(part) + 1
        if left < 0:
            parts.append(json_members({"…": f"[cut, {len(members)} members in all]"}))
            break
        parts.append(part)
    return ",".join(parts)
