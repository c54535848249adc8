"""The dashboard's files agree with the storage they ask, and keep the rules of the house."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from storage.dashboard import files
from storage.routes.statistics import _COUNTABLE
from storage.search.fields import ALIASES, FIELDS, Holds

STATIC = Path(files.__file__).parent / "static"
MODULES = sorted((STATIC / "js").glob("*.js"))
# What makes HTML, code or a style of text, and would only wait for a text that came from a log.
_SINKS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|createContextualFragment|srcdoc"
)
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


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_says_what_it_is_for_is_short_and_makes_no_html_of_text(path):
    text = path.read_text("utf-8")
    assert text.startswith("// ")
    assert text.count("\n") < 300
    assert not _SINKS.search(text)


@pytest.mark.parametrize("path", sorted(STATIC.rglob("*.css")), ids=lambda path: path.name)
def test_styles_load_nothing(path):
    assert not re.search(r"@import|url\(", path.read_text("utf-8"))


def test_modules_import_what_is_there():
    for path in MODULES:
        for name in re.findall(r'from "(\.[^"]+)"', path.read_text("utf-8")):
            assert (path.parent / name).resolve().is_file(), f"{path.name} imports {name}"


def test_every_colour_that_is_used_is_defined_in_both_themes():
    base = (STATIC / "css" / "base.css").read_text("utf-8")
    light, dark = (
        set(re.findall(r"(--[\w-]+):", base.split(start)[1].split("\n}")[0])) for start in (":root {", '="dark"] {')
    )
    assert light == dark
    used = set()
    for path in STATIC.rglob("css/*.css"):
        used |= set(re.findall(r"var\((--[\w-]+)\)", path.read_text("utf-8")))
    made_by_script = {"--columns", "--least", "--share", "--tone", "--level", "--badge", "--mono", "--result", "--runs"}
    assert used - light <= made_by_script


def test_the_page_names_its_files_by_a_version_that_changes_with_them():
    found = files.load()
    page = found.page.content.decode()
    assert "{" not in page
    for name in re.findall(rf"static/{found.version}/([^\"]+)", page):
        assert name in found.assets
    assert not re.search(r"<script>|<style|style=|\son\w+=", page)
    assert all(f"static/{found.version}/js/{path.name}" in page for path in MODULES)
    assert files.load().version == found.version
