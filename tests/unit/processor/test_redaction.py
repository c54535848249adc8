"""Redaction: what each kind finds and leaves, the modes, and rules of one's own."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmill.errors import ConfigError
from logmill.rules.ruleset import load
from logmill.settings import Settings
from processor.redaction.documents import Documents
from processor.redaction.placeholders import is_placeholder
from processor.redaction.rules import redactor_of as rules_redactor
from processor.redaction.rules import rules_in_force
from processor.redaction.text import Redactor
from processor.stages.redaction import LABELS, redact

KEY = "a key of 16 bytes or more"


def redactor_of(rules: str = "", tmp_path=None, key: str = KEY) -> Redactor:
    path = ""
    if rules:
        (tmp_path / "rules.yaml").write_text(rules)
        path = str(tmp_path / "rules.yaml")
    return rules_redactor(load(path), Settings(redaction_key=key))


SHIPPED = redactor_of()


def frame_of(*messages: str, metadata: list[str] | None = None, **labels: list[str]) -> pl.DataFrame:
    rows = len(messages)
    columns = {name: labels.get(name, [""] * rows) for name in LABELS}
    return pl.DataFrame({"message": list(messages), "metadata": metadata or ["{}"] * rows, **columns})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail from bob.o'neil+x@mail.example.co.uk.", "mail from <email>."),
        ("<Bob@EXAMPLE.COM>", "<<email>>"),
        ("müller@exämple.de", "<email>"),
        ("call +49 (0)171 1234567 now", "call <phone> now"),
        ("call +1-555-234-5678x12, please", "call <phone>, please"),
        ("0033 1 41 26 81 70", "<phone>"),
        ("(555) 234-5678", "<phone>"),
        ("phone=0171/1234567;", "phone=<phone>;"),
        ("paid with 4111 1111 1111 1111", "paid with <card>"),
        ("378282246310005.", "<card>."),
        ("iban DE89 3704 0044 0532 0130 00 ok", "iban <iban> ok"),
        ("GB82WEST12345698765432", "<iban>"),
        ("cpf 529.982.247-25", "cpf <national_id>"),
        ("PESEL: 44051401359", "PESEL: <national_id>"),
        ("RSSMRA85T10A562S", "<national_id>"),
        ("11010219840406970X", "<national_id>"),
        ("521364195104172215, of a county nobody listed", "<national_id>, of a county nobody listed"),
        ("t=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_-def", "t=<jwt>"),
        ("ghp_" + "a1B2" * 9, "<token>"),
        ("Authorization: Bearer abc123.def~ghi", "Authorization: Bearer <token>"),
        ("authorization: Basic Ym9iOmh1bnRlcjI=", "authorization: Basic <token>"),
        ("password=hunter2 user=bob", "password=<password> user=bob"),
        ("a=1&password=x,y&b=2", "a=1&password=<password>&b=2"),
        ("(pwd=abc)", "(pwd=<password>)"),
        ('{"password": "a \\" b", "x": 1}', '{"password": "<password>", "x": 1}'),
        ('{\\"secret\\":\\"s p\\"}', '{\\"secret\\":\\"<password>\\"}'),
        ("postgres://bob:p@ss@db/x", "postgres://bob:<password>@db/x"),
        ("run --token abc --verbose", "run --token <password> --verbose"),
        ("Cookie: sid=1; theme=dark\nnext", "Cookie: <password>\nnext"),
        ("X-Api-Key: 17", "X-Api-Key: <password>"),
        ("ALTER USER bob IDENTIFIED BY 'x y'", "ALTER USER bob IDENTIFIED BY '<password>'"),
        ("-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----!", "<private_key>!"),
        ("cut -----BEGIN PRIVATE KEY-----\nMHc", "cut <private_key>"),
    ],
)
def test_what_is_sensitive_is_found_and_nothing_beside_it(text, expected):
    assert SHIPPED.redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Failed password for root from 10.0.0.1 port 22",
        "using password: YES",
        "password=<password>",
        "password: ****",
        "password=$DB_PASSWORD",
        "blk_-1608999687919862906 and blk_4111111111111111",
        "4111 1111 1111 1112",
        "1763888888123 1763888888 20261123101112",
        "at 2026-11-23 10:11:12,123 +0100",
        "icon@2x.png",
        "token=Token{a64f992 ActivityRecord{de9231d",
        "basic authentication, bearer authentication",
        "12345678901 44051401359",
        "ip 10.0.0.1",
        "DE00 3704 0044 0532 0130 00",
        "",
    ],
)
def test_what_only_looks_alike_is_left(text):
    assert SHIPPED.redact(text) == text


def test_addresses_are_redacted_where_that_was_chosen(tmp_path):
    redactor = redactor_of("redaction: {kinds: {ip: mask}}", tmp_path)
    assert redactor.redact("from 10.0.0.1:22 to fe80::1%eth0, 2001:db8::8:800:200c:417a") == (
        "from <ip>:22 to <ip>%eth0, <ip>"
    )
    assert redactor.redact("v1.2.3.4.5 at 10:11:12 00:1a:2b:3c:4d:5e") == "v1.2.3.4.5 at 10:11:12 00:1a:2b:3c:4d:5e"


def test_equal_values_have_equal_hashes_under_one_key_and_others_under_another(tmp_path):
    rules = "redaction: {mode: hash}"
    one, other = redactor_of(rules, tmp_path), redactor_of(rules, tmp_path, key="another key, 16 bytes")
    a, b, c = (redactor.redact("bob@example.com") for redactor in (one, one, other))
    assert a == b != c
    assert a.startswith("<email#")
    assert is_placeholder(a)
    assert one.redact("eve@example.com") != a


def test_drop_leaves_not_even_the_kind(tmp_path):
    assert redactor_of("redaction: {mode: drop}", tmp_path).redact("to bob@example.com: hi") == "to <>: hi"


def test_a_kind_that_is_off_is_left(tmp_path):
    redactor = redactor_of("redaction: {kinds: {email: 'off', password: 'off'}}", tmp_path)
    text = '{"password":"x","to":"bob@example.com"}'
    assert Documents(redactor).redact(text) == text


def test_own_rules_come_first_and_may_name_what_of_it_is_secret(tmp_path):
    redactor = redactor_of(
        "redaction:\n  rules:\n    - {name: employee, pattern: 'EMP-[0-9]{6}'}\n"
        "    - {name: room, pattern: 'room (?P<secret>\\w+)', mode: drop}\n"
        "    - {name: city, pattern: '(?i)\\bköln\\b'}\n",
        tmp_path,
    )
    assert redactor.redact("EMP-123456 in room 12b, KÖLN") == "<employee> in room <>, <city>"
    frame = redact(frame_of("plain", "in room 7", "nach Köln"), redactor)
    assert frame["message"].to_list() == ["plain", "in room <>", "nach <city>"]


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ("redaction:\n  rules:\n  - {name: a, pattern: '(b'}\n", "line 3"),
        ("redaction:\n  rules:\n  - {name: a, pattern: 'b*'}\n", "matches the empty text"),
        ("redaction:\n  rules:\n  - {name: email, pattern: 'b'}\n", "shipped kind"),
        ("redaction:\n  rules:\n  - {name: a, pattern: '(?=b)'}\n", "look-around"),
    ],
)
def test_a_rule_that_cannot_be_used_is_an_error_with_its_line(tmp_path, rules, says):
    with pytest.raises(ConfigError, match=says) as caught:
        redactor_of(rules, tmp_path)
    assert "rules.yaml, line 3" in str(caught.value)


def test_hashes_need_a_key(tmp_path):
    with pytest.raises(ConfigError, match="LOGMILL_REDACTION_KEY"):
        redactor_of("redaction: {mode: hash}", tmp_path, key="")


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ('{"a":"bob@example.com"}', '{"a":"<email>"}'),
        ('{"bob@example.com": 1.50, "b" :2e5}', '{"<email>": 1.50, "b" :2e5}'),
        ('{"a":{"b":[1,{"c":"+49 171 1234567"}]}}', '{"a":{"b":[1,{"c":"<phone>"}]}}'),
        ('{"password":12345,"pin":1}', '{"password":"<password>","pin":1}'),
        ('{"db_password": null, "x": true}', '{"db_password": null, "x": true}'),
        ('{"credentials":{"user":"bob","key":[1,"k"]},"user":"bob"}',
         '{"credentials":{"user":"<password>","key":["<password>","<password>"]},"user":"bob"}'),
        ('{"card":4111111111111111}', '{"card":"<card>"}'),
        ('{"bytes":501800000009}', '{"bytes":501800000009}'),
        ('{"phone":"0171 1234567","pesel":"44051401359"}', '{"phone":"<phone>","pesel":"<national_id>"}'),
        ('{"pesel":44051401359}', '{"pesel":"<national_id>"}'),
        ('{"a":"bob\\u0040example.com"}', '{"a":"<email>"}'),
        ('{"a":"\\u0062ob@example\\u002ecom"}', '{"a":"<email>"}'),
        ('{"a":"https:\\/\\/bob:pw@host\\/x"}', '{"a":"https://bob:<password>@host/x"}'),
        ('{"a":"\\ud800 bob@example.com"}', '{"a":"\ufffd <email>"}'),
        ('{"token":"short"}', '{"token":"short"}'),
        ('{"token":"longer-than-that"}', '{"token":"<password>"}'),
        ('{"log":"{\\"password\\":\\"x y\\"}"}', '{"log":"{\\"password\\":\\"<password>\\"}"}'),
        ("no json bob@example.com", "no json <email>"),
    ],
)  # fmt: skip
def test_documents_are_redacted_at_any_depth_and_stay_what_they_were_beside(document, expected):
    frame = redact(frame_of("m", metadata=[document]), SHIPPED)
    assert frame["metadata"][0] == expected


def test_every_label_of_the_sender_is_redacted():
    labels = {name: ["x", "bob@example.com"] for name in LABELS}
    frame = redact(frame_of("m", "m", **labels), SHIPPED)
    for name in LABELS:
        assert frame[name].to_list() == ["x", "<email>"], name


_secrets = st.sampled_from(
    ["bob@example.com", "4111 1111 1111 1111", "+49 171 1234567", "password=x y", "DE89370400440532013000",
     "https://u:p@h/", '"secret":"', "Bearer abcdefgh1", "-----BEGIN RSA PRIVATE KEY-----", "<email>", "token: ",
     "pesel 44051401359", "Cookie: a=b", "'", '"', "\\", "<", ">", "&a=1", ",", "\n", "0049", "AKIAIOSFODNN7EXAMPLE"]
)  # fmt: skip
_texts = st.lists(st.one_of(st.text(max_size=12), _secrets), max_size=8).map("".join)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("mode", ["mask", "hash", "drop"])
@given(text=_texts)
def test_redacting_again_changes_nothing(tmp_path_factory, mode, text):
    redactor = _in_mode(mode)
    once = redactor.redact(text)
    assert redactor.redact(once) == once


@given(text=_texts)
def test_all_but_the_sensitive_parts_stays_letter_by_letter(text):
    """What is between the placeholders stood in the text before, in the same order."""
    redacted = SHIPPED.redact(text)
    at = 0
    for part in _between_placeholders(redacted, text):
        at = text.find(part, at)
        assert at >= 0
        at += len(part)


@given(document=st.dictionaries(_texts, _values, max_size=4), is_ascii=st.booleans())
def test_a_redacted_document_is_json_again_and_redacting_it_again_changes_nothing(document, is_ascii):
    documents = Documents(SHIPPED)
    once = documents.redact(json.dumps(document, ensure_ascii=is_ascii))
    assert isinstance(json.loads(once), dict)
    assert documents.redact(once) == once


@given(st.lists(st.tuples(_texts, st.dictionaries(_texts, _values, max_size=3)), min_size=1, max_size=8))
def test_whole_blocks_are_redacted_as_each_text_alone(rows):
    """So the quick look at whole columns overlooks nothing."""
    texts = [text for text, _ in rows]
    documents = [json.dumps(document) for _, document in rows]
    frame = redact(frame_of(*texts, metadata=documents), SHIPPED)
    assert frame["message"].to_list() == [SHIPPED.redact(text) for text in texts]
    assert frame["metadata"].to_list() == [Documents(SHIPPED).redact(document) for document in documents]


@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing(noise):
    text = noise.decode("utf-8", "replace")
    redact(frame_of(text, metadata=[text]), SHIPPED)


def _in_mode(mode: str) -> Redactor:
    rules = rules_in_force(load(""), Settings())
    return Redactor([type(rule)(rule.kind, mode) for rule in rules], KEY.encode())


def _between_placeholders(redacted: str, original: str) -> list[str]:
    """The parts between what redaction put in; a placeholder that was in the original counts as text."""
    parts, rest = [], redacted
    names = [f"<{rule.kind.name}>" for rule in rules_in_force(load(""), Settings())]
    while rest:
        found = min(((rest.find(name), name) for name in names if name in rest), default=None)
        if found is None:
            parts.append(rest)
            break
        parts.append(rest[: found[0]])
        rest = rest[found[0] + len(found[1]) :]
    return parts
