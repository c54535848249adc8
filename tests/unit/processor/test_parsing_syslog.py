"""Syslog: the header becomes fields, what is behind it the message; and what that holds is parsed too."""

from __future__ import annotations

import pytest

from tests.support.parsing import RECEIVED_US, one


def test_the_examples_of_rfc_5424():
    found = one(
        "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - "
        "\ufeff'su root' failed for lonvick on /dev/pts/8"
    )
    assert (found.parsed_as, found.message) == ("syslog", "'su root' failed for lonvick on /dev/pts/8")
    assert (found.level, found.host, found.time_us) == ("CRITICAL", "mymachine.example.com", 1_065_910_455_003_000)
    assert found.metadata == {"app": "su", "msgid": "ID47", "facility": "auth", "syslog_severity": "crit"}
    data = one(
        '<165>1 2003-10-11T22:14:15.003Z m evntslog 8710 ID47 [exampleSDID@32473 iut="3" eventSource="A\\"p\\]p"]'
        '[x@1][y@1 ip="a" ip="b" ip="c"] An event'
    )
    assert (data.message, data.metadata["pid"], data.level) == ("An event", 8710, "INFO")
    assert data.metadata["structured_data"] == {
        "exampleSDID@32473": {"iut": "3", "eventSource": 'A"p]p'}, "x@1": {}, "y@1": {"ip": ["a", "b", "c"]},
    }  # fmt: skip


def test_without_a_text_the_whole_message_stays():
    text = '<165>1 2003-10-11T22:14:15.003Z m app - - [a@1 b="c"]'
    found = one(text)
    assert (found.message, found.metadata["structured_data"]) == (text, {"a@1": {"b": "c"}})


def test_rfc_3164_with_and_without_a_priority():
    found = one("<34>Oct 11 22:14:15 mymachine su: 'su root' failed")
    assert (found.message, found.level, found.host) == ("'su root' failed", "CRITICAL", "mymachine")
    assert found.metadata == {"app": "su", "facility": "auth", "syslog_severity": "crit", "time": "Oct 11 22:14:15"}
    assert found.time_us == RECEIVED_US
    line = one("Dec 10 06:55:46 LabSZ sshd[24200]: Invalid user webmaster from 173.234.31.186")
    assert (line.message, line.level, line.host) == ("Invalid user webmaster from 173.234.31.186", "INFO", "LabSZ")
    assert line.metadata == {"app": "sshd", "pid": 24200, "time": "Dec 10 06:55:46"}
    pam = one("Jun 14 15:16:01 combo sshd(pam_unix)[19939]: authentication failure; logname= uid=0")
    assert (pam.message, pam.metadata["app"]) == ("authentication failure; logname= uid=0", "sshd(pam_unix)")


def test_rsyslogs_files_with_iso_times():
    found = one("2023-11-14T22:13:20.5+00:00 web1 systemd[1]: Started x.")
    assert (found.message, found.host, found.time_us) == ("Started x.", "web1", 1_700_000_000_500_000)
    assert one("2023-11-14T22:13:20Z web1 kernel: oops").metadata == {"app": "kernel"}
    assert one("1970-01-01T00:00:00Z web1 kernel: oops").time_us == 0


@pytest.mark.parametrize(
    "text",
    [
        "<192>1 2003-10-11T22:14:15.003Z m app - - - x", "<34>", "<34>1 ", "<b>1 bold</b>", "<34> x",
        "2026-01-31T12:00:00Z INFO main[1]: started", "2026-01-31T12:00:00Z web started: yes",
        "Jan 31 12:00:00 ERROR main: started", "Jan 31 12:00:00 it was cold", "Foo 31 12:00:00 h app: x",
        "Jan 31 12:00:00 su: foo: bar", "Jan 31 12:00:00 h error 404: not found", "Jan 31 12:00:00 h http://x/ is down",
        '<34>1 2003-10-11T22:14:15.003Z m app - - [a@1 b="c] x',
    ],
)  # fmt: skip
def test_what_is_no_syslog_stays(text):
    found = one(text)
    # A time with a zone is read all the same.
    parsed_as = "time" if text.startswith("2026") else ""
    assert (found.parsed_as, found.message, found.metadata, found.host) == (parsed_as, text, {}, "")


def test_what_the_sender_said_wins():
    text = "<14>1 2003-10-11T22:14:15Z there app 7 - - hello"
    found = one(text, '{"app": "mine"}', host="here", level="ERROR", timestamp=9, timestamp_from="")
    assert (found.host, found.level, found.time_us) == ("here", "ERROR", 9)
    assert found.metadata == {
        "app": "mine", "app_2": "app", "pid": 7, "facility": "user", "syslog_severity": "info", "host": "there",
        "time": "2003-10-11T22:14:15Z",
    }  # fmt: skip


def test_what_is_in_the_envelope_is_parsed_too():
    found = one('<14>1 2003-10-11T22:14:15Z h app - - - {"msg": "inner", "level": "error", "pid": 3}')
    assert (found.parsed_as, found.message, found.level, found.host) == ("syslog", "inner", "ERROR", "h")
    assert found.metadata == {"app": "app", "facility": "user", "syslog_severity": "info", "pid": 3}
    assert found.time_us == 1_065_910_455_000_000
    access = one('<190>Oct 11 22:14:15 h nginx: 1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 500 5')
    assert (access.metadata["status_code"], access.metadata["app"], access.message[:7]) == (500, "nginx", "1.2.3.4")
    assert access.time_us == 971_211_336_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Written to a machine's own socket: without a host.
        ("su: su root failed", ("", "su", None, "su root failed")),
        ("su[12]: su root failed", ("", "su", 12, "su root failed")),
        ("h syslogd 1.4.1: restart.", ("h", "syslogd 1.4.1", None, "restart.")),
        ('h app[1]:{"a": 1}', ("h", "app", 1, '{"a": 1}')),
        # A colon within a word ends no tag.
        ("h http://foo/bar is down", ("h", None, None, "http://foo/bar is down")),
        ("h 10:22:33 something", ("h", None, None, "10:22:33 something")),
        ("h error 404: not found", ("h", None, None, "error 404: not found")),
        # And not every first word is a host.
        ("http://foo/bar is down", ("", None, None, "http://foo/bar is down")),
        ("10:22:33 something", ("", None, None, "10:22:33 something")),
        ("4711 users", ("", None, None, "4711 users")),
        ("user=bob logged in", ("", None, None, "user=bob logged in")),
        ('{"a": 1, "b": 2}', ("", None, None, '{"a": 1, "b": 2}')),
        ("started", ("", None, None, "started")),
        ("10.0.0.7 started", ("10.0.0.7", None, None, "started")),
        ("fe80::1 started", ("fe80::1", None, None, "started")),
    ],
)  # fmt: skip
def test_the_header_of_rfc_3164_is_guessed_with_care(text, expected):
    for time in ("Oct 11 22:14:15", "2026-01-31T12:00:00Z"):
        found = one(f"<13>{time} {text}")
        facts = found.metadata
        assert (found.host, facts.get("app"), facts.get("pid"), found.message) == expected


def test_a_year_behind_the_time_is_a_part_of_it():
    found = one("<13>Oct 11 22:14:15 2023 h a: x")
    assert (found.host, found.metadata["time"]) == ("h", "Oct 11 22:14:15 2023")
    line = one("Oct 11 22:14:15 2023 h a[7]: x")
    assert (line.host, line.metadata) == ("h", {"app": "a", "pid": 7, "time": "Oct 11 22:14:15 2023"})


def test_of_two_times_the_inner_one_holds_and_the_headers_is_metadata():
    text = '<13>1 2003-10-11T22:14:15.003Z h app 1 - - {"time":"%s","msg":"x"}'
    found = one(text % "2024-01-01T00:00:00Z")
    assert (found.time_us, found.metadata["time"]) == (1_704_067_200_000_000, "2003-10-11T22:14:15.003Z")
    assert "time" not in one(text % "2003-10-11T22:14:15.003Z").metadata
    sent = one(text % "2024-01-01T00:00:00Z", timestamp=9, timestamp_from="")
    assert (sent.metadata["time"], sent.metadata["time_2"]) == ("2003-10-11T22:14:15.003Z", "2024-01-01T00:00:00Z")
    access = one('<190>2003-10-11T22:14:15Z h nginx: 1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 500 5')
    assert (access.time_us, access.metadata["time"]) == (971_211_336_000_000, "2003-10-11T22:14:15Z")


def test_a_long_line_with_secrets_is_taken_apart_where_none_is_torn():
    text = "password: abcd-1234 and " * 4000
    assert one(f"<13>Oct 11 22:14:15 h app: {text}").message == text
    assert one(f"<13>Oct 11 22:14:15 --password abc[1]: {text}").host == ""
