"""A secret of a whole message is found again in its parts, and a word that only reads like it is not."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmill.rules.ruleset import load
from logmill.settings import Settings
from processor.redaction.documents import Documents
from processor.redaction.encoded import redact_message
from processor.redaction.parts import without_parts
from processor.redaction.rules import redactor_of

REDACTOR = redactor_of(load(""), Settings())


def parts(whole: str, message: str, metadata: dict) -> tuple[str, dict]:
    kept, document = without_parts(whole, message, json.dumps(metadata), REDACTOR)
    return kept, json.loads(document)


def test_a_word_that_was_somewhere_a_secret_stays_where_it_is_none():
    whole = 'secret=production env=production msg="deploying to production now"'
    metadata = {"secret": "production", "env": "production"}
    kept = parts(whole, "deploying to production now", metadata)
    assert kept == ("deploying to production now", {"secret": "<password>", "env": "production"})


def test_names_stay():
    metadata = {"env": "string", "secret": "string", "string": 1}
    assert parts("env=string secret=string string=1", "m", metadata)[1] == metadata | {"secret": "<password>"}
    metadata = {"hunter2-Zq7": "hunter2-Zq7", "hunter2": "x"}
    assert parts("password=hunter2-Zq7", "m", metadata)[1] == metadata | {"hunter2-Zq7": "<password>"}


def test_a_secret_is_no_part_of_a_word():
    whole = "password=hunter7 see hunter77, xhunter7, _hunter7 and hunter7"
    assert parts(whole, whole.partition(" ")[2], {})[0] == "see hunter77, xhunter7, _hunter7 and <password>"


@pytest.mark.parametrize(
    ("whole", "message", "expected"),
    [
        # It stands nowhere else.
        ("password: production", "production", "<password>"),
        ("h password: production sshd[1]: failed", "production sshd[1]: failed", "<password> sshd[1]: failed"),
        # It does, and what is beside it tells where.
        ("production password: swordfish of swordfish", "swordfish of swordfish", "<password> of swordfish"),
        ("swordfish and password: swordfish", "and password: swordfish", "and password: <password>"),
        ("password=Correct-Horse", "as Correct-Horse", "as <password>"),
    ],
)
def test_a_word_is_redacted_in_the_place_where_it_was_secret(whole, message, expected):
    assert parts(whole, message, {"x": message}) == (expected, {"x": expected})


@given(st.lists(st.sampled_from(["password=", "secret: ", "hunter7", "production", "x", " ", "=", '"', "_", ",", "<"])))
def test_redacting_the_parts_again_changes_nothing(pieces):
    whole = "".join(pieces)
    metadata = Documents(REDACTOR).redact(json.dumps({"a": whole, "b": whole[::2]}))
    once = without_parts(whole, redact_message(whole, REDACTOR), metadata, REDACTOR)
    assert (redact_message(once[0], REDACTOR), Documents(REDACTOR).redact(once[1])) == once


def test_many_secrets_take_no_longer_than_their_text():
    whole = " ".join(f"password=hunter-{number:05d}" for number in range(3000))
    metadata = {f"n{number}": f"hunter-{number:05d}" for number in range(3000)}
    started = time.process_time()
    assert set(parts(whole, "m", metadata)[1].values()) == {"<password>"}
    assert time.process_time() - started < 2
