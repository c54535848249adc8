"""Loads the SQL in `storage/sql/` by name; the only way SQL text enters the program."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from string import Template
from types import MappingProxyType

_COMMENT = re.compile(r"^--(?! name:).*\n", re.MULTILINE)
_HEADING = re.compile(r"^-- name: *(\w+) *$", re.MULTILINE)


@cache
def statements(file: str) -> Mapping[str, str]:
    """The statements of `sql/<file>.sql` by the name in the `-- name:` line above each."""
    text = resources.files("storage").joinpath("sql", f"{file}.sql").read_text("utf-8")
    # A comment above a heading must not end up in the statement before it, which may stand within another.
    _, *parts = _HEADING.split(_COMMENT.sub("", text))
    return MappingProxyType(dict(zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True)))


def statement(file: str, name: str, **fragments: str) -> str:
    """One statement, its `$fragments` filled in.

    Fragments come from this program (column names, DDL, predicates), never from a request: values are bound.
    """
    return Template(statements(file)[name]).substitute(fragments)
