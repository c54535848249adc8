"""The dashboard's files agree with the storage they ask."""

from __future__ import annotations

import re

from storage.routes.dashboard import FOLDER
from storage.routes.statistics import _COUNTABLE
from storage.search.fields import ALIASES, FIELDS, Holds

STATIC = FOLDER / "static"
_HOLDS = {
    Holds.MESSAGE: "words",
    Holds.TEXT: "text",
    Holds.LIST: "list",
    Holds.NUMBER: "number",
    Holds.TIME: "time",
    Holds.BOOL: "bool",
}


def fields_of_the_page() -> dict[str, str]:
    text = (STATIC / "js" / "fields.js").read_text("utf-8")
    body = text.split("export const FIELDS = {")[1].split("\n};")[0]
    return dict(re.findall(r'^  (\w+): \["(\w+)",', body, re.MULTILINE))


def test_the_page_knows_the_fields_that_storage_has_and_what_they_hold():
    assert fields_of_the_page() == {name: _HOLDS[field.holds] for name, field in FIELDS.items()}


def test_the_page_knows_the_other_names_of_fields():
    text = (STATIC / "js" / "fields.js").read_text("utf-8")
    body = text.split("export const ALIASES = {")[1].split("\n};")[0]
    assert dict(re.findall(r'^  "?([\w.@]+)"?: "(\w+)",', body, re.MULTILINE)) == ALIASES


def test_the_page_counts_by_what_storage_counts_by():
    assert [name for name, holds in fields_of_the_page().items() if holds not in {"words", "time"}] == list(_COUNTABLE)
