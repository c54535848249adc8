"""The tables as ClickHouse DDL, derived from the record; docs/decisions/store-schema.md has the costs."""

from __future__ import annotations

from logmill.errors import ConfigError
from logmill.record import COLUMNS, KINDS, Kind
from storage.engine import mutations
from storage.engine.protocol import Engine
from storage.statements import statement

VERSION = 6
_COMMENT = "logmill schema "
_ROWS_CHANGED, _INDEXES_BUILT, _VALUES_COUNTED = 3, 4, 5

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
# Columns that are looked through where an index or a projection cannot say; ZSTD takes most of the time for that.
_TYPE_OF = {"user_id": "String CODEC(LZ4)"}
# Values that metadata repeats, and the marks that stand there in their place: part of what is on disk.
MARKS = {"request_id": 1, "user_id": 2, "path": 3, "method": 4, "status_code": 5, "response_time_ms": 6}
# Found by their value wherever they are.
IDS = ("request_id", "user_id", "trace_id", "span_id", "client_id", "fingerprint", "path")
# What the projection `facets` counts by, in each hour.
FACETS = ("level", "service", "priority", "status_code", "method", "host", "tags", "anomaly", "anomaly_reasons")
# Of too many values to be counted together with others: each by itself, over the whole of a part.
VALUES = ("user_id", "path")

COLUMN_LIST = ", ".join(column.name for column in COLUMNS)
# As a row lies there.
KEPT_LIST = ", ".join("metadata_packed" if column.name == "metadata" else column.name for column in COLUMNS)


def create_logs_sql() -> str:
    """The DDL of the table `logs`."""
    metadata = _metadata_columns()
    projections = [_schema("counts_projection"), _facets_projection(), *_value_projections().values()]
    columns = [
        part for column in COLUMNS for part in (metadata if column.name == "metadata" else [_definition(column.name)])
    ]
    return statement(
        "schema",
        "create_logs",
        columns=",\n    ".join(columns),
        indexes=",\n    ".join([_schema("batch_range"), _schema("batch_bloom"), *_search_indexes().values()]),
        projections=",\n    ".join(projections),
        version=f"{_COMMENT}{VERSION}",
    )


def ensure(engine: Engine) -> None:
    """Create what is missing, and bring tables of an earlier version up to this one.

    Raises:
        ConfigError: the tables are of another version than this program knows.
    """
    engine.run(create_logs_sql())
    engine.run(statement("schema", "create_rejections"))
    for old in range(1, VERSION):
        if _found(engine) == f"{_COMMENT}{old}":
            for sql in _migration(old).split(";\n"):
                if old == _ROWS_CHANGED:
                    mutations.await_all(engine)
                engine.run(sql)
    found = _found(engine)
    if found != f"{_COMMENT}{VERSION}":
        raise ConfigError(
            f"the data folder holds {found!r}, this program reads schema {VERSION}: use the newer program"
        )


def _migration(old: int) -> str:
    """The statements that lead from this version to the next; what they did may be done again."""
    indexes, projections, metadata = _search_indexes(), _value_projections(), _metadata_columns()
    lists = {
        _ROWS_CHANGED: {
            "changes": [
                *(f"ADD COLUMN IF NOT EXISTS {column}" for column in metadata if "EPHEMERAL" in column),
                *(f"MODIFY COLUMN {column}" for column in metadata if "DEFAULT" in column),
                *(f"ADD COLUMN IF NOT EXISTS {column}" for column in metadata if "ALIAS" in column),
                *(_added("INDEX", index) for index in indexes.values()),
                _added("PROJECTION", _facets_projection()),
            ]
        },
        _INDEXES_BUILT: {
            "building": [*(f"MATERIALIZE INDEX {name}" for name in indexes), "MATERIALIZE PROJECTION facets"]
        },
        _VALUES_COUNTED: {
            "changes": [
                _added("INDEX", indexes["path_bloom"]),
                *(f"MODIFY COLUMN {_definition(name)}" for name in _TYPE_OF),
                *(_added("PROJECTION", projection) for projection in projections.values()),
            ],
            "building": [
                "MATERIALIZE INDEX path_bloom",
                *(f"MATERIALIZE PROJECTION {name}" for name in projections),
            ],
        },
    }
    joined = {name: ",\n    ".join(parts) for name, parts in lists.get(old, {}).items()}
    return statement("schema", f"migrate_{old}_to_{old + 1}", version=f"{_COMMENT}{old + 1}", **joined)


def _added(kind: str, definition: str) -> str:
    return definition.replace(kind, f"ADD {kind} IF NOT EXISTS", 1)


def _definition(column: str) -> str:
    return f"{column} {_TYPE_OF.get(column, TYPES[KINDS[column]])}"


def _metadata_columns() -> list[str]:
    """How metadata is taken in, kept, and given back."""
    separator, marked = _expression("separator"), "metadata"
    for column, mark in MARKS.items():
        form = "mark_text" if KINDS[column] in {Kind.TEXT, Kind.LABEL} else "mark_number"
        fragments = {"column": column, "value": _as_text(column), "mark": str(mark), "separator": separator}
        marked = _expression(form, text=marked, **fragments)
    packed = _expression("pack_metadata", marked=marked)
    return [
        "metadata String EPHEMERAL",
        f"metadata_packed String DEFAULT {packed} CODEC(ZSTD(1))",
        f"metadata_text String ALIAS {_restored()}",
    ]


def _restored() -> str:
    """Metadata with the columns' values in the place of the marks."""
    restored = "metadata_packed"
    for column, mark in MARKS.items():
        restored = _expression("restore_value", text=restored, value=_as_text(column), mark=str(mark))
    return _expression("restore_metadata", restored=restored)


def _as_text(column: str) -> str:
    is_nullable = KINDS[column] is Kind.F32_OR_NULL
    return _expression("nullable_as_text" if is_nullable else "value_as_text", column=column)


def _search_indexes() -> dict[str, str]:
    """The indexes that searches use, by name."""
    return {
        "words": _schema("words_index", plain_words=_expression("plain_words")),
        "tokens": _schema("tokens_index", all_words=_expression("all_words")),
        "metadata_tokens": _schema("metadata_index", metadata_words=_expression("metadata_words")),
        **{f"{column}_bloom": _schema("value_bloom", column=column, column_bloom=f"{column}_bloom") for column in IDS},
    }


def _facets_projection() -> str:
    return _schema("facets_projection", keys=", ".join(FACETS))


def _value_projections() -> dict[str, str]:
    """The projections that count one column, by name."""
    names = {f"{column}_counts": column for column in VALUES}
    return {name: _schema("value_projection", value_counts=name, column=column) for name, column in names.items()}


def _found(engine: Engine) -> str:
    """What the table says of its version."""
    found: str = engine.select(statement("schema", "schema_version"))["comment"][0].as_py()
    return found


def _schema(name: str, **fragments: str) -> str:
    return statement("schema", name, **fragments)


def _expression(name: str, **fragments: str) -> str:
    return statement("expressions", name, **fragments)


# As a row is read of one that is kept: with all of its metadata, under the names in which it came.
READ_LIST = ", ".join(f"{_restored()} AS metadata" if column.name == "metadata" else column.name for column in COLUMNS)
