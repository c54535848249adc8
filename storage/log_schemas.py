"""What a log looks like in requests and answers, as JSON Schemas made from the record and what reads and shows it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from logmill.openapi.records import log_schema
from logmill.record import COLUMNS, KINDS, Kind
from storage import render
from storage.submitted import RANGES, Processed

_TEXT: dict[str, Any] = {"type": "string"}
_TIME = {**_TEXT, "format": "date-time"}
_SCHEMAS: dict[Kind, dict[str, Any]] = {
    Kind.TIME: _TIME,
    Kind.LABEL: _TEXT,
    Kind.TEXT: _TEXT,
    Kind.LABELS: {"type": "array", "items": _TEXT},
    Kind.BOOL: {"type": "boolean"},
    Kind.U8: {"type": "integer", "minimum": 0, "maximum": (1 << 8) - 1},
    Kind.U16: {"type": "integer", "minimum": 0, "maximum": (1 << 16) - 1},
    Kind.F32_OR_NULL: {"type": "number"},
}
# Fields that are shown in another form than their column's, or have none.
_SHOWN: dict[str, dict[str, Any]] = {
    "id": {**_TEXT, "description": "<batch id>-<number>"},
    "metadata": {"description": "as it was sent"},
    "fingerprint": {**_TEXT, "pattern": "^[0-9a-f]{16}$"},
    "source": {
        "type": "object",
        "description": "where it was written, and how it came in",
        "properties": dict.fromkeys(render.SOURCE, _TEXT),
        "additionalProperties": False,
    },
}
_COLUMNS = {column.name: column for column in COLUMNS}


def _field(name: str) -> dict[str, Any]:
    column = _COLUMNS.get(name)
    return {
        **({} if column is None else {"description": column.help}),
        **(_SHOWN[name] if column is None or name in _SHOWN else _SCHEMAS[column.kind]),
    }


class ShownLog:
    """A log of which only some fields may be shown."""

    @staticmethod
    def json_schema() -> dict[str, Any]:
        """Its schema."""
        return {
            "description": "A log, or those of its fields, or parts of them, that were asked for.",
            "type": "object",
            "properties": {name: _field(name) for name in render.FIELDS},
            "additionalProperties": False,
        }


class Log:
    """A log with all its fields."""

    @staticmethod
    def json_schema() -> dict[str, Any]:
        """Its schema."""
        required = [name for name in render.FIELDS if name not in render.OPTIONAL]
        shown = ShownLog.json_schema()
        shown["properties"]["source"] = {**shown["properties"]["source"], "required": [*render.SOURCE]}
        return {**shown, "description": "A log as it is stored.", "required": required}


class ProcessedLog:
    """A log as storage takes it: as clients send it, with what a processor adds."""

    @staticmethod
    def json_schema() -> dict[str, Any]:
        """Its schema."""
        (_,), components = msgspec.json.schema_components([Processed])
        added: dict[str, Any] = {
            name: {"anyOf": schema["anyOf"]} for name, schema in components["Processed"]["properties"].items()
        }
        for name, (least, most) in RANGES.items():
            added[name] = {"type": [_SCHEMAS[KINDS[name]]["type"], "null"], "minimum": least, "maximum": most}
        return log_schema("A log as a client sends it, and what a processor adds; what is missing is made up.", **added)


ProcessedLogs = Annotated[list[ProcessedLog], Meta(min_length=1)]
