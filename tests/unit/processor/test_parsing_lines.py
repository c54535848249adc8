"""Lines of logfmt, access logs and error logs."""

from __future__ import annotations

import pytest

from tests.support.parsing import RECEIVED_US, one


def test_a_line_of_herokus_router():
    found = one(
        'at=error code=H12 desc="Request timeout" method=GET path="/a?b=c" host=x.example.com fwd="17.17.17.17" '
        "dyno=web.1 connect=6ms status=503 bytes=0 protocol=http"
    )
    assert (found.parsed_as, found.message[:8]) == ("logfmt", "at=error")
    assert found.metadata == {
        "at": "error", "code": "H12", "desc": "Request timeout", "method": "GET", "path": "/a?b=c",
        "host": "x.example.com", "fwd": "17.17.17.17", "dyno": "web.1", "connect": "6ms", "status": 503, "bytes": 0,
        "protocol": "http",
    }  # fmt: skip


def test_a_line_of_gos_slog():
    found = one(
        'time=2023-11-14T22:13:20.5+00:00 level=WARN msg="disk \\"a\\" is\\tfull" free=0.5 id=007 ok=true empty='
    )
    assert (found.message, found.level, found.time_us) == ('disk "a" is\tfull', "WARNING", 1_700_000_000_500_000)
    assert found.metadata == {"free": 0.5, "id": "007", "ok": True, "empty": ""}


def test_times_in_seconds_and_in_parts_of_them():
    for sent in ("1799000000.5", "1799000000500", "1799000000500000", "1799000000500000000"):
        found = one(f"ts={sent} a=1 level=info")
        assert (found.time_us, found.metadata) == (1_799_000_000_500_000, {"a": 1}), sent


def test_a_key_given_twice_keeps_both_values():
    assert one("a=1 a=2 a=3").metadata == {"a": 1, "a_2": 2, "a_3": 3}


@pytest.mark.parametrize(
    "text",
    [
        "user=bob logged in", "a=1", 'a="open b=2', "a=1 b", "=1 b=2", 'a="x"y b=2', "x = y", "a=1\nb=2 c d",
        "a=1, b=2", "Content-Type=text/html; charset=utf-8",
        "log=/var/log/x.log", "event=click&user=bob", 'event="click"', "msg=done", 'message=""x', 'log="x y"',
        "ready=true,policy=3", " ".join(f"k{n}={n}" for n in range(300)),
    ],
)  # fmt: skip
def test_prose_with_an_equals_sign_stays(text):
    found = one(text)
    assert (found.parsed_as, found.message, found.metadata) == ("", text, {})


def test_a_single_pair_is_logfmt_where_it_is_a_quoted_message():
    for text in ('msg="disk is full"', 'message="disk is full" '):
        assert (one(text).parsed_as, one(text).message, one(text).metadata) == ("logfmt", "disk is full", {})
    assert one("log=/var/log/x.log n=1").metadata == {"log": "/var/log/x.log", "n": 1}


COMBINED = (
    '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif?x=1&y=%20 HTTP/1.0" 200 2326 '
    '"http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)"'
)


def test_a_line_of_the_combined_format():
    found = one(COMBINED)
    assert (found.parsed_as, found.message, found.level) == ("access", COMBINED, "INFO")
    assert found.metadata == {
        "client_ip": "127.0.0.1", "user_id": "frank", "method": "GET", "path": "/apache_pb.gif", "query": "x=1&y=%20",
        "http_version": "1.0", "status_code": 200, "bytes": 2326, "referer": "http://www.example.com/start.html",
        "user_agent": "Mozilla/4.08 [en] (Win98; I ;Nav)",
    }  # fmt: skip
    assert found.time_us == 971_211_336_000_000


def test_the_common_format_a_virtual_host_and_further_fields():
    common = '::1 - - [10/Oct/2000:13:55:36 -0700] "POST /a HTTP/1.1" 503 -'
    assert one(common).metadata == {
        "client_ip": "::1", "method": "POST", "path": "/a", "http_version": "1.1", "status_code": 503,
    }  # fmt: skip
    assert one("example.com:443 " + common).metadata["vhost"] == "example.com:443"
    assert one(COMBINED + ' 0.005 "-"').metadata["status_code"] == 200
    assert one(common).level == "INFO"


@pytest.mark.parametrize("request_line", ["-", r"\x16\x03\x01", r"GET /\"x\" y", ""])
def test_a_request_that_is_none_still_has_a_status(request_line):
    found = one(f'10.0.0.1 - - [10/Oct/2000:13:55:36 +0000] "{request_line}" 400 226 "-" "-"')
    assert found.metadata == {"client_ip": "10.0.0.1", "status_code": 400, "bytes": 226}


def test_a_sent_time_stays_and_that_of_the_line_is_metadata():
    found = one(COMBINED, timestamp=7, timestamp_from="")
    assert (found.time_us, found.metadata["time"]) == (7, "10/Oct/2000:13:55:36 -0700")
    impossible = one(COMBINED.replace("10/Oct", "99/Oct"))
    assert (impossible.time_us, impossible.metadata["time"]) == (RECEIVED_US, "99/Oct/2000:13:55:36 -0700")


def test_apaches_errors_of_2_2():
    line = "[Sun Dec 04 04:51:14 2005] [error] [client 64.242.88.10] File does not exist: /var/www/x"
    found = one(line)
    assert (found.parsed_as, found.message, found.level) == ("error", line, "ERROR")
    assert found.metadata == {"time": "Sun Dec 04 04:51:14 2005", "client_ip": "64.242.88.10"}
    assert one("[Sun Dec 04 04:47:44 2005] [notice] jk2_init() Found child 6725").level == "INFO"


def test_apaches_errors_of_2_4():
    found = one(
        "[Wed Oct 11 14:32:52.123456 2000] [core:error] [pid 35708:tid 4328636416] [client 72.15.99.187:1234] "
        "AH00128: File does not exist: /x"
    )
    assert found.metadata == {
        "time": "Wed Oct 11 14:32:52.123456 2000", "module": "core", "pid": 35708, "tid": 4328636416,
        "client_ip": "72.15.99.187", "client_port": 1234, "error_code": "AH00128",
    }  # fmt: skip
    notice = one("[Wed Oct 11 14:32:52.1 2000] [mpm_event:notice] [pid 1:tid 2] AH00489: Apache configured")
    assert (notice.level, notice.metadata["code"], "error_code" in notice.metadata) == ("INFO", "AH00489", False)
    six = one("[Wed Oct 11 14:32:52.1 2000] [core:trace3] [pid 1] [client [2001:db8::1]:99] x")
    assert (six.metadata["client_ip"], six.metadata["client_port"]) == ("2001:db8::1", 99)
    assert six.level == "DEBUG"


def test_nginxs_errors():
    line = (
        '2023/01/31 12:00:00 [error] 1234#5678: *99 open() "/usr/share/x" failed (2: No such file or directory), '
        'client: 1.2.3.4, server: _, request: "GET /x?y=1 HTTP/1.1", upstream: "http://10.0.0.1:80/x", '
        'host: "example.com", referrer: "http://r/"'
    )
    found = one(line)
    assert (found.parsed_as, found.message, found.level) == ("error", line, "ERROR")
    assert found.metadata == {
        "time": "2023/01/31 12:00:00", "pid": 1234, "tid": 5678, "connection": 99, "client_ip": "1.2.3.4",
        "server": "_", "method": "GET", "path": "/x", "query": "y=1", "upstream": "http://10.0.0.1:80/x",
        "http_host": "example.com", "referer": "http://r/",
    }  # fmt: skip
    assert one("2023/01/31 12:00:00 [emerg] 7#7: bind() failed").level == "CRITICAL"


@pytest.mark.parametrize(
    "text",
    [
        "[Sun Dec 04 04:51:14 2005] [nonsense] x", "2023/01/31 12:00:00 [word] 1#1: x", "[2026-01-31] [error] x",
        '10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 2000 5', "1 2 3 [10/Oct/2000: x",
        '10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET / 200 5',
    ],
)  # fmt: skip
def test_what_only_begins_like_a_line_stays(text):
    found = one(text)
    assert (found.parsed_as, found.message, found.metadata) == ("", text, {})
