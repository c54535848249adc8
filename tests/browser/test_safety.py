"""What came from logs is text and never runs; the page loads from and talks to nobody but storage."""

from __future__ import annotations

import re

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.support.browser import messages, settled

_ATTACKS = [
    "<script>window.ran = 1; alert(1)</script>",
    '<img src=x onerror="window.ran = 1; alert(2)">',
    "<svg/onload=alert(3)>",
    "javascript:alert(4)",
    "{{constructor.constructor('alert(5)')()}}",
    '"><iframe srcdoc="<script>parent.ran = 1</script>">',
]


def nothing_ran(page: Page) -> None:
    assert page.evaluate("window.ran") is None
    assert page.locator("#content script, #content img, #content iframe, #detail img, #facets img").count() == 0


def test_markup_in_any_part_of_a_log_is_shown_as_text(show, send):
    service = send(
        [
            {"message": attack, "host": attack, "file": attack, "trace_id": attack[:60],
             "metadata": {attack: attack, "method": attack[:20], "path": attack, "error_code": attack[:60]}}
            for attack in _ATTACKS
        ]
    )  # fmt: skip
    page = show(service, "&columns=timestamp,host,path,message&by=path")
    assert messages(page) == _ATTACKS
    for number in range(len(_ATTACKS)):
        page.locator(".rows .row").nth(number).click()
        expect(page.locator(".detail-message")).to_have_text(_ATTACKS[number])
        nothing_ran(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Field host", exact=True).click()
    page.get_by_role("button", name="Field path", exact=True).click()
    expect(page.locator(".facets")).to_contain_text("<svg/onload=alert(3)>")
    page.locator(".facets").get_by_role("button", name="Only path <img").click()
    settled(page)
    expect(page.get_by_role("group", name="Filters")).to_contain_text("onerror")
    box = page.locator(".histogram .u-over").bounding_box()
    page.mouse.move(box["x"] + box["width"] - 4, box["y"] + 50)
    page.mouse.move(box["x"] + box["width"] - 6, box["y"] + 50)
    page.get_by_role("combobox", name="Search text").press_sequentially("path:")
    expect(page.locator("#completions")).to_contain_text("<img")
    nothing_ran(page)


def test_markup_in_the_address_is_shown_as_text(page, pipeline, watch):
    watch.expected = {400, 404}
    for name in ("q", "is.level", "not.x", "since", "until", "by", "columns", "row", "tab", "sort", "view"):
        page.goto(f"{pipeline.storage_url}/?{name}=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E")
        settled(page)
        nothing_ran(page)


def test_escapes_of_terminals_and_signs_that_turn_text_round_are_marked(show, send):
    raw = "\x1b[31mred\x1b[0m \x1b]0;title\x07 bell \u202eevil\u202c zero\u200bwidth"
    page = show(send([{"message": raw}]))
    cell = page.locator(".rows .c-message")
    shown = cell.text_content()
    assert not re.search("[\x1b\x07\u202e\u200b]", shown)
    assert shown.startswith("␛red␛ ␛ bell U+202Eevil")
    assert cell.locator(".unseen").first.get_attribute("title") == r'"\u001b[31m"'
    page.locator(".rows .row").click()
    page.get_by_role("tab", name="JSON").click()
    # The JSON has them as they were sent.
    expect(page.locator("pre.json")).to_contain_text(r"\u001b[31mred\u001b[0m")


def test_what_cannot_be_seen_is_marked_in_names_and_values_as_in_messages(show, send):
    # Turned round, escaped, without width, or nothing else at all.
    odd = {"\u202egnp": "U+202Egnp", "\x1b[31mr": "␛r", "ad\u200bmin": "adU+200Bmin", "\u200b\u2060": "U+200BU+2060",
           "\u200d": "U+200D", "\u3164": "U+3164", "\u00ad": "U+00AD", "\U000e0041": "U+E0041",
           "\u3000": "U+3000"}  # fmt: skip
    kept = {"می\u200cخواهم", "👩\u200d💻"}  # noqa: RUF001 - a word of Persian, a woman at a computer
    service = send([{"message": "m", "host": host, "metadata": {host: host}} for host in [*odd, *kept]])
    page = show(service, "&by=host&columns=host,message")
    page.locator(".facet").filter(has_text="host").get_by_role("button", name="more", exact=True).click()
    settled(page)
    values = page.locator(".facet").filter(has_text="host").locator(".value-text span:not(.unseen)")
    expect(values).to_have_count(len(odd) + len(kept))
    assert set(values.all_text_contents()) == set(odd.values()) | kept
    labels = page.locator(".facet").filter(has_text="host").locator(".value-text")
    hidden = re.compile("[\x1b\u202e\u200b\u2060\u3164\u00ad\U000e0041]")
    for attribute in ("aria-label", "title"):
        assert not [one for one in labels.all() if hidden.search(one.get_attribute(attribute))]
    legend = [text for text in page.locator(".legend-item span:not(.unseen)").all_text_contents() if text != "others"]
    assert len(legend) == 8
    assert set(legend) <= set(odd.values()) | kept
    for number, shown in enumerate(odd.values()):
        page.locator(".rows .row").nth(number).click()
        expect(page.locator('tr[data-field^="metadata."] th[scope=row]')).to_have_text(f"metadata.{shown}")
        expect(page.locator('tr[data-field^="metadata."] .field-value')).to_have_text(shown)
    page.keyboard.press("Escape")
    page.locator(".facets").get_by_role("button", name="Only host U+202Egnp").click()
    settled(page)
    expect(page.locator(".chip-text").filter(has_text="host")).to_have_text("host is U+202Egnp")
    expect(page.locator(".rows .row")).to_have_count(1)
    page.locator(".rows .row").click()
    page.get_by_role("button", name="Column U+202Egnp", exact=True).click()
    expect(page.get_by_role("button", name="Column U+202Egnp: move, remove")).to_have_text("U+202Egnp")


def test_the_policy_lets_no_script_in_even_where_the_page_had_a_hole(page, pipeline, watch):
    page.goto(pipeline.storage_url)
    settled(page)
    page.evaluate("""() => {
      window.refused = [];
      try { document.body.innerHTML += "<b>"; } catch (error) { window.refused.push(error.name); }
      const script = document.createElement("script");
      try {
        script.textContent = "window.ran = 1";
        document.body.append(script);
      } catch (error) { window.refused.push(error.name); }
      const handler = document.createElement("a");
      try {
        handler.setAttribute("onclick", "window.ran = 1");
        handler.click();
      } catch (error) { window.refused.push(error.name); }
      const inline = document.createElement("p");
      inline.setAttribute("style", "color: red");
      document.body.append(inline);
      window.inline = getComputedStyle(inline).color;
    }""")
    assert page.evaluate("window.ran") is None
    assert "TypeError" in page.evaluate("window.refused")
    assert page.evaluate("window.inline") != "rgb(255, 0, 0)"
    breaches = watch.complaints()
    assert any("trusted-types" in one for one in breaches)
    assert any("style" in one for one in breaches)
    # These were wanted.
    watch.complaints = list
    page.evaluate("window.breaches.length = 0")


def test_all_that_is_loaded_comes_from_storage(show, send):
    asked = set()
    service = send([{"message": "m"}])
    page = show(service)
    page.on("request", lambda request: asked.add(request.url.split("/")[2]))
    for tab in ("Anomalies", "Logs"):
        page.get_by_role("navigation", name="Views").get_by_role("button", name=tab).click()
        settled(page)
    assert asked == {page.url.split("/")[2]}


@pytest.mark.parametrize("path", ["/", "script", "style"])
def test_every_file_comes_with_the_headers_that_keep_it_safe(pipeline, path):
    page = requests.get(pipeline.storage_url, timeout=30)
    found = {"script": r'src="(static/\w+/js/main.js)"', "style": r'href="(static/\w+/css/base.css)"'}
    if path != "/":
        path = "/" + re.search(found[path], page.text).group(1)
    answer = requests.get(pipeline.storage_url + path, timeout=30)
    assert answer.status_code == 200
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    for name in ("script-src", "style-src", "connect-src"):
        assert policy[name] == "'self'"
    for name in ("frame-ancestors", "base-uri", "form-action"):
        assert policy[name] == "'none'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert ("immutable" in answer.headers["Cache-Control"]) == (path != "/")
    again = requests.get(pipeline.storage_url + path, headers={"If-None-Match": answer.headers["ETag"]}, timeout=30)
    assert (again.status_code, again.content) == (304, b"")
