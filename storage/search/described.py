"""The filter parameters as the OpenAPI document shows them, from the tables that read them."""

from __future__ import annotations

from typing import Any

from logmill.openapi import Parameter
from logmill.record import COLUMNS, LEVELS, PRIORITY_OF_LEVEL
from storage import render
from storage.search.fields import Field, Holds, field_of
from storage.search.parameters import COMMON_PARAMETERS, FILTER_PARAMETERS, MAX_VALUES

TIME = "ISO 8601, Unix time, or relative: 15m is fifteen minutes ago, now-1h, now"
_TEXT: dict[str, Any] = {"type": "string"}
_HELP = {column.name: column.help for column in COLUMNS}
# The others name a field, and are described as the field is.
_OWN: dict[str, tuple[str, dict[str, Any]]] = {
    "q": (
        'A search text in Lucene\'s syntax: level:error AND service:auth "timed out"',
        _TEXT,
    ),
    "source": ("The host, the file, or host:file.", _TEXT),
    "min_severity": ("The least severity.", {"type": "integer", "minimum": 0, "maximum": 100}),
    "since": (f"From this time on: {TIME}.", {**_TEXT, "examples": ["15m"]}),
    "until": (f"Before this time: {TIME}.", {**_TEXT, "examples": ["now"]}),
}
_AGAIN = {"q": "all must hold", "since": "all must hold", "until": "all must hold", "min_severity": "the least counts"}
_SCHEMAS: dict[str, dict[str, Any]] = {
    "level": {**_TEXT, "examples": [*LEVELS]},
    "priority": {**_TEXT, "enum": [*dict.fromkeys(PRIORITY_OF_LEVEL.values())]},
    "status_code": {"type": "integer", "minimum": 0, "maximum": 65535},
    "fingerprint": {**_TEXT, "pattern": "^[0-9a-fA-F]{16}$"},
}


def timeout(text: str) -> Parameter:
    """The parameter `timeout` of a read whose limit is another than that of most."""
    return Parameter("timeout", text, {"type": "number", "minimum": 0.1}, may_be_empty=True)


_COMMON = {"timeout": timeout("How long it may take, in s; at most LOGMILL_QUERY_TIMEOUT_S.")}
# What every read takes.
COMMON = [_COMMON[name] for name in COMMON_PARAMETERS]
FIELDS = Parameter(
    "fields",
    f"What of each log is shown, with commas between: {', '.join((*render.FIELDS, *render.PARTS_OF_SOURCE))}, "
    "and parts of the metadata as metadata.order.id.",
    {"type": "string"},
)


def filters(*left_out: str) -> list[Parameter]:
    """The parameters that `filter_of` reads, but for these."""
    common = [parameter for parameter in COMMON if parameter.name not in left_out]
    return [*(_filter(name) for name in FILTER_PARAMETERS if name not in left_out), *common]


def _filter(name: str) -> Parameter:
    if name in _OWN:
        help_, schema = _OWN[name]
    else:
        field = field_of(name)
        if field is None:
            raise LookupError(f"nothing is said of the parameter {name}")
        help_, schema = f"Field: {_HELP[field.name]}.", _schema_of(field)
    text = f"{help_} Several values: {_AGAIN.get(name, 'any will do')}."
    return Parameter(name, text, {"type": "array", "items": schema, "maxItems": MAX_VALUES})


def _schema_of(field: Field) -> dict[str, Any]:
    if field.name in _SCHEMAS:
        return _SCHEMAS[field.name]
    if field.holds is Holds.BOOL:
        return {"type": "boolean"}
    return {"type": "number"} if field.holds is Holds.NUMBER else _TEXT
