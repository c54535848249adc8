"""What parsing takes out of a message is redacted as it is stored, however it was written in the message."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmill.rules.ruleset import load
from logmill.settings import Settings
from processor.columns import STORED
from processor.redaction.rules import redactor_of
from processor.stages import make_stages
from processor.stages.redaction import LABELS, MESSAGE, METADATA
from tests.support.parsing import entry, frame_of

EMAIL, PASSWORD, BEARER = "bob.builder@example.com", "hunter2-Zq7", "Ab3dEf6hIj9kLmN0pQr"
SECRETS = (EMAIL, PASSWORD, BEARER, "bob.builder", "hunter2")


def stored(*messages: str, rules: str = "", max_metadata_bytes: int = 256 * 1024) -> list[dict]:
    """The logs as they would be stored: all columns that are, as text."""
    found, settings = load(rules), Settings(max_metadata_bytes=max_metadata_bytes)
    frame = frame_of(*map(entry, messages))
    for _name, stage in make_stages(settings, found, redactor_of(found, settings)):
        frame = stage(frame)
    kept = [name for name in STORED if name in frame.columns]
    return frame.select(*kept, "parsed_as").rows(named=True)


def escaped(text: str) -> str:
    """Each letter as its number, as JSON may have it."""
    return "".join(f"\\u{ord(letter):04x}" for letter in text)


def decoded(row: dict) -> str:
    """All that is stored, with letters as they are read in JSON: in metadata, and in messages that are JSON."""
    texts = [str({name: value for name, value in row.items() if name != "metadata"})]
    for text in (row["metadata"], row["message"]):
        try:
            texts.append(json.dumps(json.loads(text), ensure_ascii=False))
        except ValueError:
            texts.append(text)
    return "\n".join(texts)


ERROR_TIME = "[Sun Dec 04 04:47:44 2005]"
REQUEST = "10.0.0.1 - - [10/Oct/2000:13:55:36 -0700]"


@pytest.mark.parametrize(
    ("parsed_as", "message"),
    [
        ("json", f'{{"msg": "mail to {escaped(EMAIL)}", "user": "{escaped(EMAIL)}"}}'),
        ("json", f'{{"user": "{escaped(EMAIL)}", "{escaped("password")}": "{escaped(PASSWORD)}"}}'),
        ("json", f'{{"msg": "password={PASSWORD}", "{EMAIL}": 1, "deep": {{"password": ["{PASSWORD}"]}}}}'),
        ("json", f'{{"msg": "m", "trace_id": "{EMAIL}", "user_id": "{EMAIL}", "path": "/u/{escaped(EMAIL)}"}}'),
        ("json", f'{{"msg": "m", "time": "{EMAIL}", "level": "{EMAIL}", "url": "https:\\/\\/u:{PASSWORD}@h\\/"}}'),
        ("json", f'{{"n": 1, "url": "https:\\/\\/u:{PASSWORD}@h\\/"}}'),
        ("json", f'{{"msg": "m", "headers": "{{\\"Authorization\\": \\"Bearer {BEARER}\\"}}"}}'),
        ("json", f'{{"n": 1, "deep": {{"password": ["{PASSWORD}"]}}}}'),
        ("", f'[{{"password": ["{PASSWORD}", "{escaped(EMAIL)}"]}}]'),
        ("", f'[main] password={PASSWORD} of {EMAIL}'),
        ("logfmt", f"user=bob password={PASSWORD}"),
        ("logfmt", f'user="{escaped(EMAIL)}" to={EMAIL} n=1'),
        ("logfmt", f'msg="password={PASSWORD}" Authorization="Bearer {BEARER}"'),
        ("access", f'{REQUEST} "GET /reset?mail={EMAIL}&password={PASSWORD} HTTP/1.1" 200 5'),
        ("access", f'{REQUEST} "GET / HTTP/1.1" 200 5 "https://u:{PASSWORD}@h/" "Authorization: Bearer {BEARER}"'),
        ("access", f'{EMAIL} - {EMAIL} [10/Oct/2000:13:55:36 -0700] "GET /{EMAIL} HTTP/1.1" 200 5'),
        ("error", f"{ERROR_TIME} [error] [client {EMAIL}] login of {EMAIL} password={PASSWORD}"),
        ("error", f'2023/01/31 12:00:00 [error] 1#2: x, client: {EMAIL}, upstream: "http://u:{PASSWORD}@h/", '
                  f'request: "GET /?password={PASSWORD} HTTP/1.1", host: "{EMAIL}"'),
        ("syslog", f"<34>1 2026-01-31T12:00:00Z {EMAIL} {EMAIL} {EMAIL} {EMAIL} - mail of {EMAIL}"),
        ("syslog", f'<34>1 - h app - - [a@1 password="{PASSWORD}" m="{EMAIL}"][{EMAIL} a="b"] password={PASSWORD}'),
        ("syslog", f"<34>Oct 11 22:14:15 {EMAIL} su[1]: Bearer {BEARER}"),
        ("syslog", f"Oct 11 22:14:15 {EMAIL} {EMAIL}[1]: password={PASSWORD}"),
        # What says that the text is secret would be taken for the program that wrote it.
        ("syslog", f"<34>Oct 11 22:14:15 h password: {PASSWORD}"),
        ("syslog", f"Oct 11 22:14:15 h db_password: {PASSWORD}"),
        ("syslog", f'<34>Oct 11 22:14:15 h app: {{"msg": "{escaped(EMAIL)}", "{escaped("password")}": "{PASSWORD}"}}'),
        ("cri", f"2026-01-31T12:00:00Z stdout F:{EMAIL} login of {EMAIL} password={PASSWORD}"),
        ("cri", f'2026-01-31T12:00:00Z stdout F {{"m": "of {escaped(EMAIL)}", "{escaped("password")}": "{PASSWORD}"}}'),
        ("time", f"2026-01-31T12:00:00Z login of {EMAIL} password={PASSWORD}"),
        ("trace", f"Traceback (most recent call last):\n  File \"/home/{EMAIL}/x.py\", line 3, in f\nE: no {EMAIL}"),
        ("trace", f"Traceback (most recent call last):\n  File \"x.py\", line 3, in f\nErrorPassword: {PASSWORD}"),
        ("json", json.dumps({"msg": "m", "stack": f"a.Error: password={PASSWORD} of {EMAIL}\n\tat a.B.c(D.java:1)"})),
        ("json", json.dumps({"msg": "m", "stack": f"a.Secret: {PASSWORD}\n\tat a.B.c(D.java:1)"})),
        ("json", json.dumps({"msg": "m", "hostname": EMAIL})),
        ("json", json.dumps({"log": f'{{"msg": "of {escaped(EMAIL)}", "{escaped("password")}": "{PASSWORD}"}}'})),
        ("json", json.dumps({"log": f'user={EMAIL} password="{PASSWORD}"'})),
        # What says so may stand in another part, or be gone.
        ("syslog", f"<34>Oct 11 22:14:15 password: {PASSWORD} sshd[1]: failed"),
        ("syslog", f"<34>Oct 11 22:14:15 --password {PASSWORD} sshd[1]: failed"),
        ("access", f'10.0.0.1 password: {PASSWORD} [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 5'),
        ("trace", f"a.https://u:{PASSWORD}@h/\n\tat a.B.c(D.java:1)"),
        ("trace", f"java.lang.Error: password={PASSWORD}\n\tat a.B.c(D.java:1)\nCaused by: a.Secret: {PASSWORD}"),
        ("trace", f"panic: no {EMAIL}\n\ngoroutine 1 [running]:\nmain.f({EMAIL})\n\t/home/{EMAIL}/x.go:1 +0x1\n"),
        # Cut in the middle, an address would not be known as one.
        ("trace", f"Traceback (most recent call last):\n  File \"x.py\", line 3, in f\nE: {'x' * 1985} {EMAIL}"),
        ("", f'"to {escaped(EMAIL)}"'),
        ("", f'broken {{"user": "{escaped(EMAIL)}", "{escaped("password")}": "{PASSWORD}"'),
    ],
)  # fmt: skip
def test_nothing_sensitive_is_stored(parsed_as, message):
    (row,) = stored(message)
    assert row["parsed_as"] == parsed_as
    kept = decoded(row)
    assert not [secret for secret in SECRETS if secret in kept], kept
    assert "<" in kept


@pytest.mark.parametrize("secret", ["abc12", "admin1", "12345", "hunter2"])
@pytest.mark.parametrize(
    "text",
    [
        "h https://u:%s@db/x", "https://u:%s@db/x", "https://u:%s@db/x is down", "h https[1]://u:%s@db/x",
        "password: %s", "cvv: %s", "h cvv: %s", "h cvv[1]: %s", "--password %s sshd[1]: failed", "h --token=%s x[1]: y",
        "password= %s[1]: failed", "h db-password: %s", "h (api_key: %s)", "h 'secret': %s",
    ],
)  # fmt: skip
def test_no_header_is_guessed_that_tears_a_secret_from_its_name(text, secret):
    # What is known as a secret in the text alone is known in the line too.
    alone = stored(text % secret)[0]["message"]
    for head in ("<13>Oct 11 22:14:15 ", "<13>2026-01-31T12:00:00Z ", "<13>Oct 11 22:14:15 2026 ", "Oct 11 22:14:15 "):
        row = stored(head + text % secret)[0]
        before, _secret, behind = (text % "\0").partition("\0")
        kept = f"{row['message']} {row['metadata']} {row['host']}"
        assert alone == text % secret or f"{before[-1]}{secret}{behind}" not in kept, kept
        assert row["message"] != secret
        assert not row["message"].startswith("//")


def test_a_line_that_is_left_whole_for_a_secret_still_has_time_and_level():
    (row,) = stored('<34>1 2026-01-31T12:00:00Z h --password hunter2 - [a@1 b="c"] x')
    assert row["message"] == '<34>1 2026-01-31T12:00:00Z h --password <password> - [a@1 b="c"] x'
    assert (row["level"], row["host"], str(row["timestamp"])[:10]) == ("CRITICAL", "", "2026-01-31")
    assert json.loads(row["metadata"]) == {"facility": "auth", "syslog_severity": "crit"}
    data = stored('<34>1 - h app - - [a@1 password="hunter2-Zq7"] x')[0]
    assert (data["message"], data["host"]) == ("x", "h")


def test_a_number_as_long_as_that_of_a_card_is_looked_at_whatever_its_name_is():
    (row,) = stored("n=4222222222222 size=4222222222 bytes=42")
    assert json.loads(row["metadata"]) == {"n": "<card>", "size": 4222222222, "bytes": 42}
    assert row["message"] == "n=<card> size=4222222222 bytes=42"


def test_what_had_no_room_in_metadata_is_redacted_as_it_came():
    message = json.dumps({"msg": "m", "to": "x" * 900}).replace("}", f', "mail": "{escaped(EMAIL)}"}}')
    (row,) = stored(message, max_metadata_bytes=1024)
    assert row["parsed_as"] == "no_room"
    assert json.loads(row["message"])["mail"] == "<email>"


def test_own_patterns_are_redacted_too(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text("parsing:\n  rules:\n    - {name: own, grok: 'login %{NOTSPACE:who} with %{NOTSPACE:password}'}\n")
    (row,) = stored(f"login {EMAIL} with {PASSWORD}", rules=str(path))
    assert row["parsed_as"] == "own"
    assert json.loads(row["metadata"]) == {"who": "<email>", "password": "<password>"}


def test_every_column_that_parsing_writes_as_text_is_redacted():
    message = f'<34>1 2026-01-31T12:00:00Z {EMAIL} app - - - {{"msg": "{EMAIL}", "level": "error", "a": 1}}'
    frame = frame_of(entry(message))
    after = make_stages(Settings(), load(""), redactor_of(load(""), Settings()))[0][1](frame)
    written = {name for name in frame.columns if not frame[name].equals(after[name])}
    assert {name for name in written if frame.schema[name] == pl.String} <= {MESSAGE, METADATA, *LABELS}
    assert {"message", "metadata", "host"} <= written


def test_what_is_not_sensitive_stays_as_it_was_written():
    text = 'broken {"user": "\\u0041", "a\\/b": "7\\/8"'
    assert stored(text)[0]["message"] == text
    lone = '{"a": "\\ud800", "b": 1.50}'
    assert stored(lone)[0]["message"] == lone


@given(st.text(alphabet='{}[]":,\\u0041/ab=\n ', max_size=40))
def test_letters_as_json_writes_them_never_raise(text):
    assert len(stored(text, f"{text}@", f"\\u0040{text}")) == 3
