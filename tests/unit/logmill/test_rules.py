"""Rules files: what is shipped, what an operator's own adds, and errors that name the line."""

from __future__ import annotations

import pytest

from logmill.errors import ConfigError
from logmill.rules.document import Document
from logmill.rules.ruleset import load
from logmill.rules.sections import Sections


@pytest.fixture
def written(tmp_path):
    def write(text: str) -> str:
        path = tmp_path / "rules.yaml"
        path.write_text(text)
        return str(path)

    return write


def test_shipped_rules_tag_flag_and_score():
    rules = load("")
    assert [rule.rule.tag for rule in rules.tags] == ["auth", "auth", "payment", "api"]
    assert {rule.rule.reason for rule in rules.anomalies} == {
        "error_level",
        "status_code",
        "slow_response",
        "error_code",
    }
    assert len(rules.severity) == 4
    assert (rules.redaction_kinds["email"], rules.redaction_kinds["ip"]) == ("mask", "off")


def test_own_rules_come_after_the_shipped_ones(written):
    rules = load(written("tags:\n  rules:\n    - {tag: billing, when: {service: [billing]}}\n"))
    assert [rule.rule.tag for rule in rules.tags] == ["auth", "auth", "payment", "api", "billing"]


def test_shipped_rules_can_be_left_out(written):
    rules = load(written("tags:\n  defaults: false\nanomalies: {defaults: false}\n"))
    assert rules.tags == rules.anomalies == ()
    assert rules.severity


def test_a_kind_of_sensitive_text_is_switched_by_its_name(written):
    rules = load(written("redaction:\n  mode: drop\n  kinds: {ip: hash}\n"))
    assert (rules.redaction_kinds["email"], rules.redaction_kinds["ip"]) == ("drop", "hash")


def test_off_needs_no_quotes(written):
    rules = load(written("tags: {defaults: false}\nredaction:\n  kinds: {phone: off, email: 'off'}\n"))
    assert (rules.redaction_kinds["phone"], rules.redaction_kinds["email"], rules.tags) == ("off", "off", ())


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("tags:\n  rules:\n  - tag: a\n    when: {level: [LOUD]}\n", 4, "LOUD"),
        ("tags:\n  rules:\n  - tag: a\n    when: {}\n  - tga: b\n", 5, "tga"),
        ("tags:\n\n  rulse: []\n", 3, "rulse"),
        ("redaction:\n  mode: hide\n", 2, "hide"),
        ("redaction:\n  kinds:\n    email: mask\n    phone: 7\n", 4, "str"),
        ("redaction:\n  kinds:\n    emial: mask\n", 3, "emial"),
        ("severity:\n  rules:\n  - add: 700\n    when: {slow: true}\n", 3, "100"),
        ("parsing:\n  rules:\n  - name: 'a b'\n", 3, "regex"),
        ("tags:\n  rules: 7\n", 2, "array"),
        ("- a\n", 1, "object"),
        ("tags: &a {}\nseverity: *a\n", 1, "aliases"),
        ("tags: {}\nseverity: {}\ntags: {}\n", 3, "twice"),
        ("tags: {\n", 2, "no YAML"),
        ("tags: !!python/object:os.system {}\n", 1, "could not determine"),
        ("? [a]\n: b\n", 1, "no name"),
    ],
)
def test_an_error_names_the_line_and_what_is_wrong(written, text, line, says):
    with pytest.raises(ConfigError) as caught:
        load(written(text))
    assert f"rules.yaml, line {line}" in str(caught.value)
    assert says in str(caught.value)


def test_a_file_that_is_missing_too_long_or_no_text_is_an_error(written, tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        load(str(tmp_path / "none.yaml"))
    with pytest.raises(ConfigError, match="longer than"):
        load(written("#" * 1024 * 1024 + "\n"))
    (tmp_path / "bytes.yaml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="UTF-8"):
        load(str(tmp_path / "bytes.yaml"))


def test_nesting_without_end_is_an_error():
    with pytest.raises(ConfigError, match="nested too deeply"):
        Document("deep", "[" * 100_000)


def test_an_empty_file_has_no_rules():
    assert Document("empty", "# nothing\n").convert(Sections) == Sections()
