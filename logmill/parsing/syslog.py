"""Messages of syslog, RFC 5424 and RFC 3164, with the priority before or, as in files, without."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import polars as pl

from logmill.parsing.found import Format, Found
from logmill.parsing.lifting import is_in_us, time_us
from logmill.parsing.secrets import Secrets
from logmill.parsing.values import present, whole_number
from logmill.record import LEVEL_SYNONYMS
from logmill.submitted import MAX_LABEL_BYTES

NAME = "syslog"
FACILITIES = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
)  # fmt: skip
SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")

_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
_BSD_TIME = rf"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 0-9]?[0-9] {_CLOCK}"
_ISO_TIME = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_CLOCK}(?:Z|[+-][0-9]{{2}}:?[0-9]{{2}})"
_PRIORITY = r"<[0-9]{1,3}>"
# A year may follow the time, as Cisco's devices and rsyslog's own templates have it.
_DATED = rf"(?:{_BSD_TIME}(?: (?:19|20)[0-9]{{2}})?|{_ISO_TIME})"
# What ends in a colon is a program: one that writes to its own machine's socket names no host.
_HOST = r"[^ ]*[^ :]"
# sshd(pam_unix)[19939]:, and syslogd 1.4.1:
_TAG = r"(syslogd [0-9][0-9.]*|[^ :\[\]{}<>=\"',;|]+)"
# Without a process id the colon ends a word: 10:22:33 and http://… are text.
_PROGRAM = rf"{_TAG}(?:\[([^ \]]+)\]:\s?|:(?:\s|$))"
_MODERN = (
    r"(?s)^<([0-9]{1,3})>[1-9][0-9]{0,2} ([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+) "
    r'(-|(?:\[[^ =\]"]+(?: [^ =\]"]+="(?:[^"\\\]]|\\.)*")*\])+)(?: (.*))?$'
)
_CLASSIC = rf"(?s)^<([0-9]{{1,3}})>({_DATED}) (?:({_HOST}) )?((?:{_PROGRAM})?(.*))$"
# Without a priority other logs look alike: the tag must be there, and beside an ISO time the process id too.
_IN_FILES = (
    rf"(?s)^()(?:({_BSD_TIME}(?: (?:19|20)[0-9]{{2}})?) ({_HOST}) ({_PROGRAM}(.+))"
    rf"|({_ISO_TIME}) ({_HOST}) ((?:{_TAG}\[([0-9]+)\]|(kernel)): ?(.+)))$"
)
_GATE = (
    rf"(?:{_PRIORITY}(?:[1-9][0-9]{{0,2}} |{_DATED} )"
    rf"|{_DATED} {_HOST} {_TAG}(?:\[[^ \]]+\])?:)"
)
MOST_PRIORITY = 191
# The priority alone, of a line in which no JSON is that may know the level better.
LONE_PRIORITY = r"^<([0-9]{1,3})>[^{]*$"
# Matched where the last one ended, with possessive repetitions: linear in time.
_ELEMENT = re.compile(r'\[([^ =\]"]++)((?: [^ =\]"]++="(?:[^"\\\]]|\\.)*+")*+)\]', re.DOTALL)
_DATA = re.compile(r'(?:[^ ]++ ){6}((?:\[[^ =\]"]++(?: [^ =\]"]++="(?:[^"\\\]]|\\.)*+")*+\])++)', re.DOTALL)
_MOST_TORN_CHARS = 32 * 1024
# What a line that is not taken apart has all the same.
_SAFE = ("facility", "syslog_severity", "time")
_PARAMETER = re.compile(r' ([^ =\]"]++)="((?:[^"\\\]]|\\.)*+)"', re.DOTALL)
_ESCAPE = re.compile(r'\\(["\\\]])')
_BOM = "\ufeff"
# What begins a text rather than being a host: a number, a clock, what has a scheme, a pair, a quote, a bracket.
_NO_HOST = re.compile(r"[0-9]++|[0-9]{1,2}:[0-9]{2}(?::[0-9.]++)?|.*?(?:://|[=\"'(){}<>,;|]).*+", re.DOTALL)


def read(messages: pl.Series, _received: pl.Series, secrets: Secrets) -> list[Found | None]:
    """The header of each message; what is behind it becomes the message."""
    found: list[Found | None] = [None] * len(messages)
    left = list(range(len(messages)))
    for pattern, reader in ((_MODERN, _of_modern), (_CLASSIC, _of_classic), (_IN_FILES, _of_file)):
        groups = messages.gather(left).str.extract_groups(pattern).struct.unnest()
        for place, row in zip(left, groups.rows(), strict=True):
            found[place] = reader(secrets, *row)
        left = [place for place in left if found[place] is None]
    for place in messages.str.contains(secrets.hint).arg_true():
        one = found[place]
        if one is not None:
            found[place] = _whole_where_torn(messages[place], one, secrets)
    return found


def _whole_where_torn(message: str, found: Found, secrets: Secrets) -> Found:
    """Without host, program and the like where a secret in the line would not be known as one in its parts.

    The message stays then; what the priority and the time say is no text.
    """
    text = found.message or ""
    # So far a secret may reach that begins in the header; behind that both are the same.
    room = _MOST_TORN_CHARS - (len(message) - len(text))
    message = message[:_MOST_TORN_CHARS]
    parts = [found.host, text[: max(0, room)], *(text for text in found.fields.values() if isinstance(text, str))]
    data = _DATA.match(message) if "structured_data" in found.fields else None
    if data is not None:
        parts.append(data[1])
    if not secrets.tears(message, parts):
        return found
    kept = {name: found.fields[name] for name in _SAFE if name in found.fields}
    return Found(kept, level=found.level, time_us=found.time_us, time_field=found.time_field)


def _of_modern(
    _secrets: Secrets,
    priority: str | None,
    time: str | None,
    host: str | None,
    app: str | None,
    pid: str | None,
    msgid: str | None,
    data: str | None,
    text: str | None,
) -> Found | None:
    if priority is None or int(priority) > MOST_PRIORITY:
        return None
    found = _found(priority, _given(time), _given(host), _given(app), _given(pid), text)
    found.fields |= present(msgid=_given(msgid))
    if data and data != "-":
        found.fields["structured_data"] = _elements(data)
    return found


def _given(value: str | None) -> str:
    """RFC 5424 writes - for what there is none of."""
    return "" if value is None or value == "-" else value


def _of_classic(
    secrets: Secrets,
    priority: str | None,
    time: str | None,
    host: str | None,
    rest: str | None,
    app: str | None,
    pid: str | None,
    text: str | None,
) -> Found | None:
    if priority is None or not rest or int(priority) > MOST_PRIORITY:
        return None
    if host and _NO_HOST.fullmatch(host):
        return _found(priority, time or "", "", "", "", f"{host} {rest}")
    if app and secrets.names(app):
        app, pid, text = "", "", rest
    return _found(priority, time or "", host or "", app or "", pid or "", text)


def _of_file(secrets: Secrets, *row: str | None) -> Found | None:
    if row[0] is None:
        return None
    if row[1] is not None:
        time, host, rest, app, pid, text = row[1:7]
    else:
        time, host, rest, app, pid, kernel, text = row[7:14]
        app = app or kernel
    # 2026-01-31T12:00:00Z INFO main[1]: is a line of another logger.
    if not host or host.upper() in LEVEL_SYNONYMS or _NO_HOST.fullmatch(host):
        return None
    if app and secrets.names(app):
        app, pid, text = "", "", rest
    return _found("", time or "", host, app or "", pid or "", text)


def _found(priority: str, time: str, host: str, app: str, pid: str, text: str | None) -> Found:
    fields: dict[str, Any] = present(app=app, pid=whole_number(pid))
    found = Found(fields)
    if priority:
        facility, severity = divmod(int(priority), len(SEVERITIES))
        fields["facility"] = FACILITIES[facility]
        fields["syslog_severity"] = SEVERITIES[severity]
        found.level = LEVEL_SYNONYMS[str(severity)]
    if text and text.strip(_BOM):
        found.message = found.inner = text.removeprefix(_BOM)
    if time:
        found.time_us = time_us(time)
        if found.time_us is None or not is_in_us(time):
            fields["time"] = time
        else:
            found.time_field = ("time", time)
    if len(host.encode()) <= MAX_LABEL_BYTES:
        found.host = host
        found.host_field = ("host", host)
    else:
        fields["host"] = host
    return found


def _elements(data: str) -> dict[str, Any]:
    """STRUCTURED-DATA by id and name; the values of a name given more than once are a list."""
    elements: dict[str, dict[str, Any]] = {}
    for match in _ELEMENT.finditer(data):
        parameters = elements.setdefault(match[1], {})
        for name, escaped in _PARAMETER.findall(match[2]):
            value = _ESCAPE.sub(r"\1", escaped) if "\\" in escaped else escaped
            if name not in parameters:
                parameters[name] = value
            elif isinstance(parameters[name], list):
                parameters[name].append(value)
            else:
                parameters[name] = [parameters[name], value]
    return elements


def syslog(secrets: Secrets) -> Format:
    """The format, which takes no line apart in which it would tear a secret."""
    return Format(NAME, _GATE, partial(read, secrets=secrets), is_envelope=True)
