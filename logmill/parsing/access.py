"""Lines of access logs, Apache's and Nginx's: common and combined, with the virtual host before or without."""

from __future__ import annotations

import polars as pl

from logmill.parsing.found import Format, Found
from logmill.parsing.values import whole_number
from logmill.timestamps import MAX_US, MIN_US

_TIME = r"[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4}"
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
# Further fields, which servers add as they are told, stay in the message.
_LINE = (
    r"^(?:([^ ]+:[0-9]+) )?([^ ]+) [^ ]+ ([^\[\"]+) "
    rf"\[({_TIME})\] {_QUOTED} ([0-9]{{3}}) ([0-9]+|-)(?: {_QUOTED} {_QUOTED})?(?: |\r?\n?$)"
)
_REQUEST = r"^([A-Z][A-Z-]*) ([^ ?]+)(?:\?([^ ]*))?(?: HTTP/([0-9.]+))?$"
_HTTP_DATE = "%d/%b/%Y:%H:%M:%S %z"
_NAMES = ("vhost", "client_ip", "user_id", "time", "request", "status_code", "bytes", "referer", "user_agent")


def read(messages: pl.Series, _received: pl.Series) -> list[Found | None]:
    """Who asked for what, and how it was answered. The message stays, and a status changes no level."""
    lines = messages.str.extract_groups(_LINE).struct.unnest()
    lines.columns = list(_NAMES)
    requests = lines["request"].str.extract_groups(_REQUEST).struct.unnest()
    times = lines["time"].str.to_datetime(_HTTP_DATE, time_unit="us", time_zone="UTC", strict=False).to_physical()
    return [
        None if line[5] is None else _found(line, request, time)
        for line, request, time in zip(lines.rows(), requests.rows(), times, strict=True)
    ]


def _found(line: tuple[str | None, ...], request: tuple[str | None, ...], time: int | None) -> Found:
    vhost, client, user, time_text, _request, status, size, referer, agent = line
    method, path, query, version = request
    texts = {
        "client_ip": client,
        "user_id": user,
        "method": method,
        "path": path,
        "query": query,
        "http_version": version,
        "referer": referer,
        "user_agent": agent,
        "vhost": vhost,
    }
    # Servers write - for what there is none of.
    fields: dict[str, object] = {name: text for name, text in texts.items() if text and text != "-"}
    fields["status_code"] = int(status or 0)
    if size and size != "-":
        fields["bytes"] = whole_number(size)
    if time is None or not MIN_US <= time <= MAX_US:
        time = None
        fields["time"] = time_text
    return Found(fields, time_us=time, time_field=("time", time_text))


ACCESS = Format("access", r"[^ ]+(?: [^ ]+){2,5} \[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:", read)
