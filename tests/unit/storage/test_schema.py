"""The tables, the Arrow form and the vocabulary of predicates agree with the record and with each other."""

from __future__ import annotations

import re

from logmill.record import COLUMNS, Kind
from storage import blocks
from storage.engine import schema
from storage.search.filters import EVERYTHING, And, AnyOf
from storage.search.sql import condition
from storage.statements import statement, statements
from tests.support import storage_blocks


def test_every_kind_of_column_has_a_type_in_the_engine_and_in_arrow() -> None:
    assert set(schema.TYPES) == set(blocks.ARROW_TYPES) == set(Kind)


def test_the_table_has_the_columns_of_the_record_in_its_order() -> None:
    ddl = schema.create_logs_sql()
    found = re.findall(
        r"^    (\w+) (?:FixedString|DateTime64|LowCardinality|String|Array|Bool|UInt|Nullable)", ddl, re.MULTILINE
    )
    kept = [name for name in found if name not in {"metadata_packed", "metadata_text"}]
    assert kept == [column.name for column in COLUMNS]


def test_conditions_are_joined_and_every_value_is_bound() -> None:
    assert condition(EVERYTHING) == ("1", {})
    assert condition(And((AnyOf("level", ("INFO",)), AnyOf("tags", ("'",))))) == (
        "(level = {f0:String}) AND (has(tags, {f1:String}))",
        {"f0": "INFO", "f1": "'"},
    )


def test_fragments_of_a_statement_must_all_be_given() -> None:
    assert "$" not in statement("logs", "select_logs", columns="a", kept="a", where="1", settings="")


def test_blocks_of_the_processor_fit() -> None:
    table, stream = blocks.decode(storage_blocks.stream(storage_blocks.batch(3)))
    assert table.num_rows == 3
    assert stream is not None


def test_comments_are_no_part_of_statements() -> None:
    for file in ("engine", "expressions", "logs", "schema", "predicates", "counts", "rejections"):
        for name, text in statements(file).items():
            assert "--" not in text, (file, name)
