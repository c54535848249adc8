"""The files of all pages keep the rules of the house, fit together, and are answered as browsers need it."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from collector.status.server import FOLDER as COLLECTOR
from logmill.page import files
from logmill.page.files import load
from storage.routes.dashboard import FOLDER as DASHBOARD

SHARED = Path(files.__file__).parent / "static"
PAGES = {"dashboard": DASHBOARD, "collector": COLLECTOR}
FOLDERS = (SHARED, *(folder / "static" for folder in PAGES.values()))
MODULES = [path for folder in FOLDERS for path in sorted((folder / "js").glob("*.js"))]
STYLES = [path for folder in FOLDERS for path in sorted(folder.rglob("*.css"))]
# What makes HTML, code or a style of text, and would only wait for a text that came from a log.
_SINKS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|createContextualFragment|srcdoc"
)
# Set by scripts, or by rules that are not those of a theme.
_SET_ELSEWHERE = {"--columns", "--least", "--share", "--tone", "--level", "--badge", "--mono", "--result", "--runs"}
every_page = pytest.mark.parametrize("page", PAGES)


def name_of(path):
    return f"{path.parent.parent.parent.name}/{path.name}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_what_it_is_for_is_short_and_makes_no_html_of_text(path):
    text = path.read_text("utf-8")
    assert text.startswith("// ")
    assert text.count("\n") < 300
    assert not _SINKS.search(text)


@pytest.mark.parametrize("path", STYLES, ids=name_of)
def test_styles_load_nothing(path):
    assert not re.search(r"@import|url\(", path.read_text("utf-8"))


@every_page
def test_modules_import_what_is_there(page):
    found = load(PAGES[page]).assets
    modules = {name: asset.content.decode() for name, asset in found.items() if name.startswith("js/")}
    assert modules
    for name, text in modules.items():
        for imported in re.findall(r'from "(\.[^"]+)"', text):
            assert (Path("/js") / imported).resolve().as_posix().lstrip("/") in found, f"{name} imports {imported}"


@every_page
def test_no_file_of_a_page_hides_one_that_all_share(page):
    own, shared = (
        {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        for folder in (PAGES[page] / "static", SHARED)
    )
    assert own
    assert shared
    assert not own & shared


def test_every_colour_that_is_used_is_defined_in_both_themes():
    base = (SHARED / "css" / "base.css").read_text("utf-8")
    light, dark = (
        set(re.findall(r"(--[\w-]+):", base.split(start)[1].split("\n}")[0])) for start in (":root {", '="dark"] {')
    )
    assert light
    assert light == dark
    used = {name for path in STYLES for name in re.findall(r"var\((--[\w-]+)\)", path.read_text("utf-8"))}
    assert used - light <= _SET_ELSEWHERE


@every_page
def test_a_page_names_its_files_by_a_version_that_changes_with_them(page):
    found = load(PAGES[page])
    text = found.page.content.decode()
    assert "{" not in text
    named = re.findall(rf"static/{found.version}/([^\"]+)", text)
    assert set(named) <= found.assets.keys()
    assert not re.search(r"<script>|<style|style=|\son\w+=", text)
    assert {name for name in found.assets if name.startswith("js/")} <= set(named)
    assert load(PAGES[page]).version == found.version


def test_another_file_makes_another_version(tmp_path):
    (tmp_path / "static").mkdir()
    (tmp_path / "index.html").write_text("<title>x</title>{modules}")
    versions = set()
    for text in ("// One.\n", "// Two.\n"):
        (tmp_path / "static" / "own.js").write_text(text)
        versions.add(load(tmp_path).version)
    assert len(versions) == 2


@pytest.mark.parametrize(
    ("accepted", "is_zipped"),
    [("gzip, deflate, br", True), ("br;q=1, GZIP;q=0.5", True), ("", False), ("br", False), ("gzip;q=0", False),
     ("gzip; q=0.0, br", False), ("x-gzip", False)],
)  # fmt: skip
def test_a_file_is_compressed_for_those_who_take_it(accepted, is_zipped):
    found = load(DASHBOARD)
    sent = found.send_asset(found.version, "js/dom.js", accepted, "")
    assert sent.status == 200
    assert ("Content-Encoding" in sent.headers) == is_zipped
    body = gzip.decompress(sent.body) if is_zipped else sent.body
    assert body == (SHARED / "js" / "dom.js").read_bytes()
    assert sent.headers["Vary"] == "Accept-Encoding"


def test_a_file_that_is_known_is_not_sent_again_and_the_two_forms_are_two():
    found = load(DASHBOARD)
    plain, zipped = (found.send_page(accepted, "") for accepted in ("", "gzip"))
    assert plain.headers["ETag"] != zipped.headers["ETag"]
    for known in (plain.headers["ETag"], f'"x", W/{plain.headers["ETag"]}', "*"):
        again = found.send_page("", known)
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", plain.headers["ETag"])
    assert found.send_page("", zipped.headers["ETag"]).status == 200


def test_files_of_an_older_version_are_not_kept_and_what_is_not_there_is_not_found():
    found = load(DASHBOARD)
    newest = found.send_asset(found.version, "css/base.css", "", "")
    older = found.send_asset("0" * 16, "css/base.css", "", "")
    assert "immutable" in newest.headers["Cache-Control"]
    assert older.headers["Cache-Control"] == found.send_page("", "").headers["Cache-Control"] == "no-cache"
    for version, name in ((found.version, "../files.py"), (found.version, "js/none.js"), ("..", "css/base.css")):
        assert found.send_asset(version, name, "", "") is None
