"""The tables as ClickHouse DDL, derived from the record; docs/decisions/store-schema.md has the costs."""

from __future__ import annotations

from logmill.errors import ConfigError
from logmill.record import COLUMNS, Kind
from storage.engine.protocol import Engine
from storage.statements import statement

VERSION = 3
_COMMENT = "logmill schema "

TYPES: dict[Kind, str] = {
    Kind.BATCH_ID: "FixedString(16) CODEC(ZSTD(1))",
    Kind.TIME: "DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1))",
    Kind.LABEL: "LowCardinality(String)",
    Kind.TEXT: "String CODEC(ZSTD(1))",
    Kind.LABELS: "Array(LowCardinality(String))",
    Kind.BOOL: "Bool",
    Kind.U8: "UInt8",
    Kind.U16: "UInt16 CODEC(ZSTD(1))",
    Kind.U32: "UInt32 CODEC(Delta(4), ZSTD(1))",
    Kind.U64: "UInt64 CODEC(ZSTD(1))",
    Kind.F32_OR_NULL: "Nullable(Float32) CODEC(ZSTD(1))",
}

COLUMN_NAMES = tuple(column.name for column in COLUMNS)
COLUMN_LIST = ", ".join(COLUMN_NAMES)


def create_logs_sql() -> str:
    """The DDL of the table `logs`."""
    columns = ",\n    ".join(f"{column.name} {TYPES[column.kind]}" for column in COLUMNS)
    return statement("schema", "create_logs", columns=columns, version=f"{_COMMENT}{VERSION}")


def ensure(engine: Engine) -> None:
    """Create what is missing, and bring tables of an earlier version up to this one.

    Raises:
        ConfigError: the tables are of another version than this program knows.
    """
    engine.run(create_logs_sql())
    engine.run(statement("schema", "create_rejections"))
    for old in range(1, VERSION):
        if _found(engine) == f"{_COMMENT}{old}":
            engine.run(statement("schema", f"migrate_{old}_to_{old + 1}", version=f"{_COMMENT}{old + 1}"))
    found = _found(engine)
    if found != f"{_COMMENT}{VERSION}":
        raise ConfigError(
            f"the data folder holds {found!r}, this program reads schema {VERSION}: use the newer program"
        )


def _found(engine: Engine) -> str:
    """What the table says of its version."""
    found: str = engine.select(statement("schema", "schema_version"))["comment"][0].as_py()
    return found
