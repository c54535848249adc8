"""Forms of messages of an operator's own: named groups, grok, their errors with their place, and switching off."""

from __future__ import annotations

from pathlib import Path

import pytest

from logmill.errors import ConfigError
from logmill.parsing.grok import GrokError, expand
from logmill.parsing.grok_patterns import PATTERNS
from logmill.rules.ruleset import load
from logmill.settings import Settings
from processor.redaction.text import Redactor
from processor.stages import make_stages
from tests.support.parsing import entry, one, parsed

RULES = r"""
parsing:
  rules:
    - name: order
      pattern: '^order (?P<order_id>[0-9]+) (placed|paid)(?: by (?P<user_id>\S+))?'
    - name: job
      grok: >-
        %{TIMESTAMP_ISO8601:timestamp} \[%{LOGLEVEL:level}\] %{JAVACLASS:logger}
        took %{NUMBER:seconds:float}s, %{INT:items:int} items: %{GREEDYDATA:message}
    - name: pair
      grok: '^%{IP:ip} %{IP:ip} %{DATA:rest.of-it}$'
"""


@pytest.fixture
def rules(tmp_path: Path) -> str:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return str(path)


def test_named_groups_become_metadata_and_the_message_stays(rules):
    found = one("order 4711 paid by eve now", rules=rules)
    assert (found.parsed_as, found.message) == ("order", "order 4711 paid by eve now")
    assert found.metadata == {"order_id": "4711", "user_id": "eve"}
    assert one("order 4711 placed", rules=rules).metadata == {"order_id": "4711"}
    assert one("an order 4711 paid", rules=rules).parsed_as == ""


def test_grok_with_types_and_what_belongs_elsewhere(rules):
    found = one("2023-11-14T22:13:20.5Z [warn] c.e.Job took 1.50s, -3 items: all is well", rules=rules)
    assert (found.parsed_as, found.message, found.level) == ("job", "all is well", "WARNING")
    assert found.metadata == {"logger": "c.e.Job", "seconds": 1.5, "items": -3}
    assert found.time_us == 1_700_000_000_500_000
    assert one("10.0.0.1 ::1 x", rules=rules).metadata == {"ip": "10.0.0.1", "ip_2": "::1", "rest.of-it": "x"}


def test_of_an_own_form_time_and_level_are_what_it_says_they_are(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(
        "parsing: {rules: [{name: own, grok: '^%{WORD:level} %{INT:timestamp:int} %{GREEDYDATA:message}'}]}"
    )
    found = one("C 1523000000 done", rules=str(path))
    assert (found.level, found.time_us, found.metadata) == ("CRITICAL", 1_523_000_000_000_000, {})


def test_own_forms_come_first_and_formats_can_be_switched_off(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text("parsing: {formats: {json: false, logfmt: false}, rules: [{name: own, pattern: '^(?P<all>.)'}]}")
    assert [one(text, rules=str(path)).parsed_as for text in ('{"a":1}', "a=1 b=2", "\n")] == ["own", "own", ""]
    path = tmp_path / "off.yaml"
    off = ", ".join(
        f"{name}: false" for name in ("json", "logfmt", "access", "error", "syslog", "trace", "cri", "time")
    )
    path.write_text(f"parsing: {{formats: {{{off}}}}}")
    assert one('{"a":1}', rules=str(path)).parsed_as == ""


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("{name: x}", "either a pattern or grok"),
        ("{name: x, pattern: '(?P<a>.)', grok: '%{INT:a}'}", "either a pattern or grok"),
        ("{name: x, pattern: '(a)'}", "name at least one group"),
        ("{name: x, grok: '%{INT}'}", "name at least one group"),
        ("{name: x, pattern: '(?P<a>'}", "pattern: unclosed group"),
        (r"{name: x, pattern: '(?P<a>.)\1'}", "pattern: backreferences"),
        ("{name: x, grok: '(?P<a>%{INT:b}'}", "grok: unclosed group"),
        ("{name: x, grok: '%{NOPE:a}'}", "unknown pattern %{NOPE}"),
        ("{name: x, grok: '%{INT:a:date}'}", "unknown type 'date'"),
        ("{name: x, grok: '%{INT:a b}'}", "no name of a field"),
        ("{name: x, pattern: '(?P<a>(?:.{1000}){1000})'}", "pattern: "),
    ],
)
def test_a_wrong_rule_is_an_error_with_its_place_at_the_start(tmp_path, rule, says):
    path = tmp_path / "rules.yaml"
    path.write_text(f"parsing:\n  rules:\n    - {rule}\n")
    with pytest.raises(ConfigError) as caught:
        make_stages(Settings(), load(str(path)), Redactor([], b""))
    assert says in str(caught.value)
    assert "line 3, parsing.rules[0]" in str(caught.value)


def test_groups_of_ones_own_stand_beside_those_of_grok(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text("parsing: {rules: [{name: x, grok: '^(?P<a>[a-z]+)=(b)?%{INT:n:int}'}]}")
    big, huge = parsed(entry("k=12"), entry("k=" + "9" * 5000), rules=str(path))
    assert big.metadata == {"a": "k", "n": 12}
    assert huge.metadata == {"a": "k", "n": "9" * 5000}


@pytest.mark.parametrize("name", PATTERNS)
def test_every_pattern_expands_and_compiles(name, tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(f"parsing: {{rules: [{{name: x, grok: '%{{{name}:field}}'}}]}}")
    make_stages(Settings(), load(str(path)), Redactor([], b""))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("INT", "-17"), ("NUMBER", "3.25"), ("WORD", "a_1"), ("IP", "255.10.0.1"), ("IP", "2001:db8::8a2e:370:7334"),
        ("IP", "::ffff:10.0.0.1"), ("HOSTNAME", "a-b.example.com"), ("USER", "a.b-c"), ("PATH", "/var/log/x.log"),
        ("UUID", "01890a5d-ac96-774b-bcce-b302099a8057"), ("QUOTEDSTRING", '"a \\" b"'), ("PATH", "C:\\x\\y.txt"),
        ("URI", "https://u:p@example.com:8080/a/b?c=d#e"), ("TIMESTAMP_ISO8601", "2026-01-31 12:00:00,123+0100"),
        ("HTTPDATE", "10/Oct/2000:13:55:36 -0700"), ("SYSLOGTIMESTAMP", "Oct  1 22:14:15"), ("LOGLEVEL", "Warning"),
        ("JAVACLASS", "com.example.A$B"), ("MAC", "00:1a:2B:3c:4d:5e"), ("EMAILADDRESS", "a+b@example.com"),
        ("HOSTPORT", "10.0.0.1:80"), ("DATE", "31.01.2026"), ("SYSLOGPROG", "cron[12]"), ("MULTILINEDATA", "a\nb"),
    ],
)  # fmt: skip
def test_patterns_match_the_whole_of_what_they_are_for(name, text, tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(f"parsing: {{rules: [{{name: x, grok: '^%{{{name}:field}}$'}}]}}")
    assert one(text, rules=str(path)).metadata == {"field": text}


def test_expansion_is_bounded():
    with pytest.raises(GrokError, match="longer"):
        expand("%{URI:a}" * 9_000)
