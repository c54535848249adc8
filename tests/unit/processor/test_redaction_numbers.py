"""Numbers that redaction looks for: how people write them, what only looks like them, and how long that takes."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmill.rules.ruleset import load
from logmill.settings import Settings
from processor.redaction.kinds import compiled
from processor.redaction.rules import redactor_of
from processor.redaction.shipped import KINDS
from processor.stages.redaction import LABELS, redact

REDACTOR = redactor_of(load(""), Settings())


def stored(message: str, metadata: str = "{}", **labels: str) -> dict[str, str]:
    """The log as it is stored: what the quick look overlooks stays."""
    frame = pl.DataFrame(
        {"message": [message], "metadata": [metadata], **{name: [labels.get(name, "")] for name in LABELS}}
    )
    return redact(frame, REDACTOR).row(0, named=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("phone_number=01712345678", "phone_number=<phone>"),
        ("phone number: 0171 2345678", "phone number: <phone>"),
        ("tel no. 0171 2345678", "tel no. <phone>"),
        ("PHONE = 0171 2345678", "PHONE = <phone>"),
        ("userPhone=0171/234567, homeTel: 2345678", "userPhone=<phone>, homeTel: <phone>"),
        ("mobile 015123456789 of", "mobile <phone> of"),
        ("mobile 0151-23456789", "mobile <phone>"),
        ("tel 0171 1234567", "tel <phone>"),
        ("phone 2345678", "phone <phone>"),
        ("fax (0171) 1234567", "fax <phone>"),
        ("tel 0171 1234567 2026-11-23 10:11:12", "tel <phone> 2026-11-23 10:11:12"),
        ("phone: 0171 1234567 2026-11-23", "phone: <phone> 2026-11-23"),
        ("card_4111111111111111 x", "card_<card> x"),
        ("user_4111111111111111", "user_<card>"),
        ("card=4111111111111111.00 EUR", "card=<card>.00 EUR"),
        ("4111.1111.1111.1111.", "<card>."),
        ("4111_1111_1111_1111", "<card>"),
        ("4111  1111  1111  1111", "<card>"),
        ("3782-822463-10005", "<card>"),
        ("1234 4111 1111 1111 1111 1234", "1234 <card> 1234"),
        ("4111111111111111-4111111111111111", "<card>-<card>"),
        ("iban=gb29nwbk60161331926819", "iban=<iban>"),
        ("DE89-3704-0044-0532-0130-00", "<iban>"),
        ("iban_DE89370400440532013000", "iban_<iban>"),
        ("DE89 3704 0044 0532 0130 00 MORE", "<iban> MORE"),
        ("SIN 046 454 286", "SIN <national_id>"),
        ("SIN: 046-454-286 or 046454286", "SIN: <national_id> or 046454286"),
        ("tax id 36 574 261 809", "tax id <national_id>"),
        ("NHS 943 476 5919", "NHS <national_id>"),
        ("aadhaar: 2341 2341 2346", "aadhaar: <national_id>"),
        ("SSN: 536-90-4399, ssn=536904399", "SSN: <national_id>, ssn=<national_id>"),
        ("social security number 536 90 4399", "social security number <national_id>"),
        ("got 536-90-4399 there", "got <national_id> there"),
        ("dni 12345678Z", "dni <national_id>"),
        ("id_131052-308T", "id_<national_id>"),
        ("personnummer 811228-9874, rc 710319/2745", "personnummer <national_id>, rc <national_id>"),
        ("born 200101-0012, national id 200101-0012", "born 200101-0012, national id <national_id>"),
    ],
)
def test_numbers_are_found_however_they_are_written(text, expected):
    assert stored(text)["message"] == expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"phone_number": "0171 2345678"}, {"phone_number": "<phone>"}),
        ({"phoneNumber": "0171 2345678"}, {"phoneNumber": "<phone>"}),
        ({"mobile_no": "0171 2345678"}, {"mobile_no": "<phone>"}),
        ({"phone": ["0171 2345678"]}, {"phone": ["<phone>"]}),
        ({"iban": "gb29nwbk60161331926819"}, {"iban": "<iban>"}),
        ({"ssn": "536-90-4399"}, {"ssn": "<national_id>"}),
        ({"ssn": 536904399}, {"ssn": "<national_id>"}),
        ({"tax_id": "36 574 261 809"}, {"tax_id": "<national_id>"}),
    ],
)
def test_the_name_of_a_member_says_what_its_number_is(document, expected):
    assert json.loads(stored("m", json.dumps(document))["metadata"]) == expected


@pytest.mark.parametrize(
    "text",
    [
        "hotel 12345678 hotel: 12345678 cell 123456789",
        "fax 2026-11-23 10:11:12, mobile 10.0.0.123, tel. 23.11.2026 10:11",
        "phone 4111",
        "gb29nwbk60161331926819",
        "DE89 3704 0044 0532 0130 01",
        "4111.1111.1111.1112 4111_1111-1111_1111",
        "v4111111111111111 4111111111111111_1 4111111111111111.5",
        "4111.1111.1111.1111.1111.1111",
        "SIN 046 454 285, 046 454 286",
        "got 666-90-4399, 987-65-4320 and 536904399",
        "tax 46.454.286 of 12.345.678 in 10 2026-01-14 10:11",
        "12345678Z",
        "GET /710319/2745/x",
        "backup 20260114+0100 and 260114/1852",
        "trace_id=5744733610389232586 span_id: 4111111111111111, order_id=11058832628",
    ],
)
def test_what_only_looks_like_a_number_is_left(text):
    assert stored(text)["message"] == text


_PIECES = st.sampled_from(
    ["phone", "tel", "Tel", "mobile", "fax", "cell", "number", "no", "nr", "iban", "IBAN", "DE89", "gb29nwbk", "NWBK",
     "GB", "sin", "tax", "id", "ssn", "social security", "PESEL", "national", "dni", "is ", "4111", "1111", "046",
     "454", "286", "36", "00", "0049", "171", "234567", "536-90-4399", "44051401359", "529.982.247-25",
     "RSSMRA85T10A562S",
     "X1234567", "L", "Z", "K", "123456", "4399", "110102", "19840406970X", "1", "2", "0", "(", ")", "+", "-", "/", ".",
     "_", " ", "  ", ":", "=", "#", '"', "'", "\\", ",", "@", "a", "x.org", "AKIA", "IOSFODNN7EXAMPLE", "Bearer ",
     "eyJhbGciOi", "10.0.0.1", "::1", "abcdefgh1", "-----BEGIN RSA PRIVATE KEY-----"]
)  # fmt: skip
_FOUND = st.sampled_from(
    ["4111 1111 1111 1111", "4111.1111.1111.1111", "3782  822463  10005", "4222222222222", "DE89370400440532013000",
     "GB29-NWBK-6016-1331-9268-19", "NO9386011117947", "gb29nwbk60161331926819", "+49 171 1234567", "0171 2345678",
     "(555) 234-5678", "555-234-5678", "046 454 286", "046454286", "36 574 261 809", "536-90-4399", "536 90 4399",
     "121212-1212", "811228-9874", "131052-308T", "710319/2745", "12345678-Z", "12.345.678-5", "11058832628",
     "93.05.18-223.61", "2 95 10 99 126 111 93", "bob@example.com", "10.0.0.1"]
)  # fmt: skip


_TEXTS = st.lists(st.one_of(_PIECES, _FOUND), max_size=9).map("".join)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@given(text=_TEXTS)
def test_the_quick_look_overlooks_nothing_that_the_slow_one_finds(kind, text):
    if list(kind.find(text)):
        assert compiled(kind.hint).search(text) is not None
        assert pl.Series([text]).str.contains(kind.hint.replace(r"\b", r"(?-u:\b)"))[0]


@given(text=_TEXTS)
def test_redacting_numbers_again_changes_nothing(text):
    once = REDACTOR.redact(text)
    assert REDACTOR.redact(once) == once


@pytest.mark.parametrize(
    "unit",
    ["DE89 ", "DE89", "GB29NWBK60161331926818 ", "1 ", "4111 ", "4111_", "4111 1111 1111 1112 ", "4111111111111111-",
     "12345678901 ", "tax id 1 ", "046 454 286 "],
)  # fmt: skip
def test_text_made_to_take_long_does_not(unit):
    text = "{" + unit * (100_000 // len(unit))
    started = time.process_time()
    stored(text)
    assert time.process_time() - started < 1  # a tenth of that, and of three seconds for a million letters


def _clock(form: str) -> list[str]:
    times = (datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=1501 * number) for number in range(2000))
    return [f"run {at.strftime(form)} finished" for at in times]


@pytest.mark.parametrize(
    ("texts", "most"),
    [
        (_clock("%Y%m%d-%H%M"), 0),
        (_clock("%y%m%d-%H%M"), 0),
        ([f"lot {number:08d}A" for number in range(10_000_000, 10_002_000)], 0),
        ([f"id {UUID(int=number * 5**50 % 2**128, version=4)}" for number in range(1, 2001)], 0),
        ([f"id 12345678-{number:04d}-4123-8123-123456789012" for number in range(2000)], 0),
        ([f"trace_id={5_744_733_610_389_232_586 + number}" for number in range(2000)], 0),
        ([f"order {10**10 + number * 5**40 % (9 * 10**10)}" for number in range(1, 2001)], 20),
        ([f"part {number * 5**30 % 10**6:06d}/{number * 7**20 % 10**4:04d}" for number in range(1, 2001)], 40),
    ],
)
def test_times_and_ids_of_machines_are_seldom_taken_for_persons(texts, most):
    redacted = REDACTOR.redact("\n".join(texts)).split("\n")
    assert sum(before != after for before, after in zip(texts, redacted, strict=True)) <= most


def test_labels_that_hold_ids_of_machines_hold_no_numbers_of_persons():
    numbers = {"trace_id": "5744733610389232586", "span_id": "11058832628"}
    assert stored("m", **numbers) | numbers == stored("m", **numbers)
    others = {"host": "5744733610389232586", "client_id": "4111111111111111"}
    assert {stored("m", **others)[name] for name in others} == {"<card>"}
    assert stored("m", trace_id="4111 bob@example.com")["trace_id"] == "4111 <email>"
