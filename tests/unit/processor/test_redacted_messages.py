"""Messages as they are kept among the dead letters: redacted, or withheld where nothing can be read."""

from __future__ import annotations

import json

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from logmill.broker import Message
from logmill.columns import Columns
from logmill.ids import batch_id_of, new_batch_id
from logmill.record import Lane
from logmill.rules.ruleset import load
from logmill.settings import Settings
from logmill.wire import is_batch, pack, unpack
from processor.redaction.messages import without_secrets
from processor.redaction.rules import redactor_of
from processor.redaction.text import Redactor

REDACTOR = redactor_of(load(""), Settings())


def kept(body: bytes, **more) -> Message:
    return without_secrets(Message(body, Lane.NORMAL, "id", **more), REDACTOR)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"message":"bob@example.com","password":1}', b'{"message":"<email>","password":"<password>"}'),
        (b'[{"a":"bob@example.com"}, 7]', b'[{"a":"<email>"}, 7]'),
        (b'{"a":"bob@example.com"}\n{"token":"abcdefgh1234"}\n', b'{"a":"<email>"}\n{"token":"<password>"}\n'),
        (b'{"cut": "bob@example.com', b'{"cut": "<email>'),
        (b'{"cut": "bob\\u0040example.com', b'{"cut": "<email>'),
        (b'{"cut": "a\\\\u0040example.com', b'{"cut": "a\\\\u0040example.com'),
        (b"plain bob@example.com", b"plain <email>"),
        (b"gr\xfc\xdfe bob@example.com", b"gr\xfc\xdfe <email>"),
        (b"", b""),
    ],
)
def test_what_can_be_read_is_redacted_in_its_own_encoding(body, expected):
    assert kept(body).body == expected


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (zstandard.compress(b"bob@example.com"), ""),
        (b"bob@example.com", "gzip"),
        ("bob@example.com".encode("utf-16"), ""),
    ],
)
def test_what_cannot_be_read_is_withheld(body, encoding):
    message = kept(body, content_encoding=encoding)
    assert message.body == f"withheld: {len(body)} bytes that cannot be read, so nobody knows what is in them".encode()
    assert (message.message_id, message.lane, message.content_encoding) == ("id", Lane.NORMAL, encoding)


def test_headers_are_redacted_by_what_they_are_and_by_their_names():
    headers = {"authorization": "Basic Ym9iOmh1bnRlcjI=", "to": "bob@example.com", "n": 7}
    assert kept(b"{}", headers=headers).headers == {"authorization": "Basic <token>", "to": "<email>", "n": 7}


def test_a_message_without_an_id_gets_the_one_of_what_it_was():
    message = without_secrets(Message(b"bob@example.com", Lane.BULK, ""), REDACTOR)
    assert message.message_id == str(batch_id_of("", b"bob@example.com"))


def batch(text: str) -> Message:
    metadata = [msgspec.Raw(json.dumps({"to": text}).encode())] * 2
    columns = Columns([1.0, 2.0], ["INFO", "ERROR"], [text, "plain"], ["s", text], metadata, host=[text, ""])
    return pack(columns, batch_id=new_batch_id(), lane=Lane.BULK, received_at=1_750_000_000_000_000)


def test_a_batch_stays_a_batch_with_the_same_logs():
    made = batch("bob@example.com")
    message = without_secrets(made, REDACTOR)
    assert is_batch(message)
    before, after = unpack(made), unpack(message)
    assert (after.batch_id, after.received_at, message.lane) == (before.batch_id, before.received_at, made.lane)
    assert after.columns.message == ["<email>", "plain"]
    assert after.columns.service == ["s", "<email>"]
    assert after.columns.host == ["<email>", ""]
    assert [bytes(one) for one in after.columns.metadata] == [b'{"to": "<email>"}'] * 2


def test_a_damaged_batch_is_withheld():
    made = batch("bob@example.com " * 100)
    damaged = Message(made.body[:-5], made.lane, made.message_id, made.content_type, "zstd", made.headers)
    assert without_secrets(damaged, REDACTOR).body.startswith(b"withheld")
    other = Message(
        made.body, made.lane, made.message_id, made.content_type, "zstd", {**made.headers, "logmill-count": 9}
    )
    assert without_secrets(other, REDACTOR).body.startswith(b"withheld")


def test_without_rules_a_message_is_kept_as_it_came():
    message = Message(b"bob@example.com", Lane.NORMAL, "")
    assert without_secrets(message, Redactor([], b"")) is message


@given(st.binary(max_size=200), st.booleans(), st.sampled_from(["", "zstd", "br"]))
def test_any_bytes_are_kept_somehow(body, is_ours, encoding):
    headers = {"logmill-version": 1, "logmill-received-at-us": 1, "logmill-count": 1} if is_ours else {}
    assert isinstance(without_secrets(Message(body, Lane.NORMAL, "id", "", encoding, headers), REDACTOR), Message)
