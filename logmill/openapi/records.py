"""What a log may look like when it is sent, as JSON Schemas made from the fields that `logmill.submitted` knows."""

from __future__ import annotations

from typing import Any

from logmill.record import LANE_OF_LEVEL, LEVELS, Lane
from logmill.submitted import Submitted

_TEXT: dict[str, Any] = {"type": ["string", "null"]}
_PROPERTIES: dict[str, dict[str, Any]] = {
    "level": {
        "type": ["string", "number", "null"],
        "description": f"{', '.join(LEVELS)}, a synonym or a number of syslog or Python; another is kept aside",
        "examples": [*LEVELS],
    },
    "message": {"type": "string", "description": "the text"},
    "service": {**_TEXT, "description": "who sends it", "examples": ["auth"]},
    "metadata": {"type": ["object", "null"], "description": "any JSON object", "examples": [{"user_id": "7"}]},
    "timestamp": {
        "type": ["string", "number", "null"],
        "description": "event time: ISO 8601, or Unix time in s, ms, µs or ns; now if it is not given",
    },
    "id": {"type": ["string", "integer", "null"], "description": "the client's own id, kept as client_id"},
    "trace_id": {**_TEXT, "description": "trace"},
    "span_id": {**_TEXT, "description": "span"},
    "host": {**_TEXT, "description": "where it was written"},
    "file": {**_TEXT, "description": "the file it was read from"},
}
LANE: dict[str, Any] = {
    "enum": [*map(str, Lane), None],
    "description": "the queue to travel in; if it is not given its level says it: "
    + ", ".join(f"{level} {lane}" for level, lane in LANE_OF_LEVEL.items()),
}
# A body that has a JSON object a line.
LINES: dict[str, Any] = {"type": "string", "format": "ndjson"}
_SEVERITY = {"description": "the level, where no level is given and this is a level's name; else kept in metadata"}
_SOURCE = {
    "type": ["string", "object", "null"],
    "description": "the file, or host and file",
    "properties": {"host": {"type": "string"}, "file": {"type": "string"}},
}


def log_schema(help_: str, **added: Any) -> dict[str, Any]:
    """The schema of a log that is sent.

    Args:
        help_: one sentence for people.
        added: the schemas of fields that it may have beside those of `Submitted`.
    """
    fields = {name: _PROPERTIES[name] for name in Submitted.__struct_fields__}
    wrapped = {
        "description": "the log, or its message",
        "anyOf": [{"type": "object"}, {"type": "string", "minLength": 1}],
    }
    plain = {"properties": {**fields, "source": _SOURCE, **added, "log_data": False}, "minProperties": 1}
    return {
        "description": help_,
        "type": "object",
        "anyOf": [plain, {"required": ["log_data"], "properties": {**added, "log_data": wrapped}}],
    }


class SubmittedLog:
    """A log as clients send it to the producer."""

    @staticmethod
    def json_schema() -> dict[str, Any]:
        """Its schema."""
        help_ = "A log, as an object or in log_data; fields that are not known join its metadata."
        return log_schema(help_, severity=_SEVERITY, lane=LANE)
