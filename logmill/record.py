"""The record: its fields, types, levels and lanes; every other form of it is derived from here.

`Entry` is a record as it was accepted: normalised, not yet enriched (`logmill.columns` has many of them as lists).
`COLUMNS` is a record as it is stored: what the processor sends as Arrow and the engine keeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
DEFAULT_LEVEL = "INFO"
DEFAULT_SERVICE = "unknown"
# Tags that senders give in `metadata`: so many of a record, each so long, are in the column `tags` too.
MAX_SENT_TAGS, MAX_TAG_CHARS = 16, 64
# What `Entry.timestamp_from` says where the client sent no time.
ARRIVAL = "arrival"
# What `Entry.level_from` says where the client sent no level.
DEFAULTED = "default"
# Fields of `Entry` that are for the processors and not stored.
UNSTORED = ("timestamp_from", "level_from", "tag")

# Names that loggers use for the five levels: syslog (RFC 5424), Python, Java, Log4j, .NET, Android, pino, zap.
_NAMES = {
    "DEBUG": ("DEBUG", "DEBUGGING", "DBG", "D", "TRACE", "TRC", "T", "VERBOSE", "V", "FINE", "FINER", "FINEST", "ALL"),
    "INFO": ("INFO", "INFORMATION", "INFORMATIONAL", "INF", "I", "NOTICE", "LOG", "CONFIG", "SUCCESS"),
    "WARNING": ("WARNING", "WARN", "WRN", "W"),
    "ERROR": ("ERROR", "ERR", "E", "EROR", "ERRO", "SEVERE", "EXCEPTION", "FAILURE", "DPANIC"),
    "CRITICAL": ("CRITICAL", "CRIT", "C", "FATAL", "FTL", "F", "PANIC", "EMERG", "EMERGENCY", "ALERT", "A", "WTF"),
}
# 0-7 are syslog's severities (RFC 5424, table 2); 10-50 are Python's, 60 is pino's fatal.
_NUMBERS = {
    **dict.fromkeys((0, 1, 2, 50, 60), "CRITICAL"),
    **dict.fromkeys((3, 40), "ERROR"),
    **dict.fromkeys((4, 30), "WARNING"),
    **dict.fromkeys((5, 6, 20), "INFO"),
    **dict.fromkeys((7, 10), "DEBUG"),
}
LEVEL_SYNONYMS: dict[str, str] = {
    **{name: level for level, names in _NAMES.items() for name in names},
    **{str(number): level for number, level in _NUMBERS.items()},
}


class Lane(StrEnum):
    """The queues a record may travel in, the most pressing first."""

    URGENT = "urgent"
    NORMAL = "normal"
    BULK = "bulk"


LANE_OF_LEVEL = {
    "CRITICAL": Lane.URGENT,
    "ERROR": Lane.URGENT,
    "WARNING": Lane.NORMAL,
    "INFO": Lane.NORMAL,
    "DEBUG": Lane.BULK,
}
URGENT_LEVELS = tuple(level for level, lane in LANE_OF_LEVEL.items() if lane is Lane.URGENT)
SEVERITY_OF_LEVEL = {"CRITICAL": 90, "ERROR": 70, "WARNING": 45, "INFO": 20, "DEBUG": 10}
# The class of a severity is the first whose bound it reaches.
SEVERITY_CLASSES = (("critical", 90), ("high", 65), ("medium", 40), ("low", 0))
PRIORITY_OF_LEVEL = {"CRITICAL": "high", "ERROR": "high", "WARNING": "medium", "INFO": "low", "DEBUG": "low"}


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One accepted log.

    Attributes:
        timestamp: event time, microseconds since 1970-01-01 UTC.
        level: one of LEVELS.
        message: the text.
        service: who sent it.
        metadata: a JSON object as it was sent, on one line.
        original_level: what the client sent where it was no known level, else "".
        client_id: the client's own id for the record, else "".
        trace_id: W3C trace id or what the client uses for one, else "".
        span_id: the span within the trace, else "".
        host: where the log was written, else "".
        file: the file it was read from, else "".
        protocol: how it came in: http, amqp, syslog, ….
        timestamp_from: ARRIVAL where the client sent no time and `timestamp` is that of arrival, else "".
        level_from: DEFAULTED where the client sent no level and `level` is the default, else "".
        tag: what Logmill itself knows the record to be, one of its tags; else "".
    """

    timestamp: int
    level: str = DEFAULT_LEVEL
    message: str = ""
    service: str = DEFAULT_SERVICE
    metadata: msgspec.Raw = msgspec.Raw(b"{}")
    original_level: str = ""
    client_id: str = ""
    trace_id: str = ""
    span_id: str = ""
    host: str = ""
    file: str = ""
    protocol: str = ""
    timestamp_from: str = ""
    level_from: str = ""
    tag: str = ""


class Kind(StrEnum):
    """What a column holds; the processor maps it to polars, the engine to its own types."""

    BATCH_ID = "batch_id"  # 16 bytes, big-endian, so that UUIDv7 sorts by time
    TIME = "time"  # UTC, microseconds
    LABEL = "label"  # text with few distinct values
    TEXT = "text"
    LABELS = "labels"  # a list of labels
    BOOL = "bool"
    U8 = "u8"
    U16 = "u16"
    U32 = "u32"
    U64 = "u64"
    F32_OR_NULL = "f32_or_null"


@dataclass(frozen=True, slots=True)
class Column:
    """One stored column.

    Attributes:
        name: as in Arrow, SQL and, but for identity and source, in JSON answers.
        kind: what it holds.
        help: one line for people.
    """

    name: str
    kind: Kind
    help: str


COLUMNS: tuple[Column, ...] = (
    Column("batch_id", Kind.BATCH_ID, "the batch the log was accepted in; first half of its id"),
    Column("ordinal", Kind.U32, "its place in that batch; second half of its id"),
    Column("timestamp", Kind.TIME, "event time"),
    Column("received_at", Kind.TIME, "when the producer accepted the batch"),
    Column("processed_at", Kind.TIME, "when the processor finished with it"),
    Column("level", Kind.LABEL, "DEBUG, INFO, WARNING, ERROR or CRITICAL"),
    Column("original_level", Kind.LABEL, "what was sent where it was no known level"),
    Column("service", Kind.LABEL, "who sent it"),
    Column("message", Kind.TEXT, "the text"),
    Column("metadata", Kind.TEXT, "a JSON object, as it was sent"),
    Column("priority", Kind.LABEL, "high, medium or low"),
    Column("severity", Kind.U8, "0 to 100"),
    Column("severity_class", Kind.LABEL, "low, medium, high or critical"),
    Column("anomaly", Kind.BOOL, "whether any anomaly rule holds"),
    Column("anomaly_reasons", Kind.LABELS, "the rules that hold"),
    Column("tags", Kind.LABELS, "auth, payment, api, general, …"),
    Column("fingerprint", Kind.U64, "hash of the message with its variable parts masked"),
    Column("processor_id", Kind.LABEL, "the worker that processed it"),
    Column("client_id", Kind.TEXT, "the client's own id"),
    Column("trace_id", Kind.TEXT, "trace"),
    Column("span_id", Kind.TEXT, "span"),
    Column("host", Kind.LABEL, "source: host"),
    Column("file", Kind.LABEL, "source: file"),
    Column("protocol", Kind.LABEL, "source: protocol"),
    Column("status_code", Kind.U16, "HTTP status, 0 where there is none"),
    Column("response_time_ms", Kind.F32_OR_NULL, "response time in milliseconds"),
    Column("method", Kind.LABEL, "HTTP method"),
    Column("path", Kind.TEXT, "URL path"),
    Column("user_id", Kind.TEXT, "user"),
    Column("request_id", Kind.TEXT, "request"),
    Column("error_code", Kind.LABEL, "the application's error code"),
)
KINDS = {column.name: column.kind for column in COLUMNS}
