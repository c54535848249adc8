"""Lines of error logs, Apache's (2.2 and 2.4) and Nginx's."""

from __future__ import annotations

import polars as pl

from logmill.parsing.found import Format, Found
from logmill.parsing.values import level_of, present, whole_number
from logmill.record import URGENT_LEVELS

_APACHE_GATE = r"\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9:.]{8,15} [0-9]{4}\] \["
_NGINX_GATE = r"[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} \[[a-z]+\] [0-9]+#"
_APACHE = (
    r"^\[([^\]]+)\] \[(?:([^:\]]*):)?([a-z0-9]+)\](?: \[pid ([0-9]+)(?::tid ([0-9]+))?\])?"
    r"(?:[^\[]*\[(?:client|remote) ((?:\[[^\]]*\])?[^\]]*)\])?(?: (AH[0-9]{5}):)?"
)
# The level alone, where it stands behind a module's name; elsewhere `logmill.text_levels` finds it.
APACHE_LEVEL = r"^\[[^\]]+\] \[[^:\]]*:([a-z]+)[1-8]?\]"
_NGINX = r"^([^\[]+) \[([a-z]+)\] ([0-9]+)#([0-9]+):(?: \*([0-9]+))?"
_NGINX_FACTS = {
    "client_ip": r", client: ([^ ,]+)",
    "server": r", server: ([^ ,]*)",
    "request": r', request: "((?:[^"\\]|\\.)*)"',
    "upstream": r', upstream: "([^"]*)"',
    "http_host": r', host: "([^"]*)"',
    "referer": r', referrer: "([^"]*)"',
}
_REQUEST = r"^([A-Z]+) ([^ ?]+)(?:\?([^ ]*))?"
_PORT = r"^(.+?):[0-9]+$"


def read(messages: pl.Series, _received: pl.Series) -> list[Found | None]:
    """The head of each line, and of Nginx what it says of the request at its end. The message stays."""
    is_apache = messages.str.starts_with("[")
    apache = iter(_apache(messages.filter(is_apache)))
    nginx = iter(_nginx(messages.filter(~is_apache)))
    return [next(apache) if bracketed else next(nginx) for bracketed in is_apache]


def _apache(messages: pl.Series) -> list[Found | None]:
    heads = messages.str.extract_groups(_APACHE).struct.unnest()
    return [_of_apache(*row) for row in heads.rows()]


def _of_apache(
    time: str | None,
    module: str | None,
    level: str | None,
    pid: str | None,
    tid: str | None,
    client: str | None,
    code: str | None,
) -> Found | None:
    # Apache 2.4 also counts trace1 to trace8.
    known = level_of((level or "").rstrip("12345678"))
    if not known:
        return None
    address, port = _address(client or "")
    fields = present(
        time=time, module=module, pid=whole_number(pid or ""), tid=whole_number(tid or ""), client_ip=address,
        client_port=port,
    )  # fmt: skip
    # Apache numbers notices as well, and a log with an error code is an anomaly.
    if code:
        fields["error_code" if known in URGENT_LEVELS else "code"] = code
    return Found(fields, level=known, level_field=("level", level))


def _address(client: str) -> tuple[str, int | str]:
    """Address and port of `1.2.3.4:56`; IPv6 addresses without brackets have no port that could be told apart."""
    address, _colon, port = client.rpartition(":")
    if address.startswith("[") and address.endswith("]"):
        return address[1:-1], whole_number(port)
    return (address, whole_number(port)) if address and ":" not in address else (client, "")


def _nginx(messages: pl.Series) -> list[Found | None]:
    frame = messages.alias("message").to_frame()
    heads = frame.select(pl.col("message").str.extract_groups(_NGINX)).unnest("message")
    facts = frame.select(pl.col("message").str.extract(pattern).alias(name) for name, pattern in _NGINX_FACTS.items())
    requests = facts["request"].str.extract_groups(_REQUEST).struct.unnest()
    rows = zip(heads.rows(), facts.drop("request").rows(named=True), requests.rows(), strict=True)
    return [_of_nginx(head, more, request) for head, more, request in rows]


def _of_nginx(
    head: tuple[str | None, ...], facts: dict[str, str | None], request: tuple[str | None, ...]
) -> Found | None:
    time, level, pid, tid, connection = head
    known = level_of(level or "")
    if not known:
        return None
    method, path, query = request
    fields = present(
        time=time, pid=whole_number(pid or ""), tid=whole_number(tid or ""), connection=whole_number(connection or ""),
        method=method, path=path, query=query, **facts,
    )  # fmt: skip
    return Found(fields, level=known, level_field=("level", level))


ERROR = Format("error", f"(?:{_APACHE_GATE}|{_NGINX_GATE})", read)
