"""Whose login failed cannot be chosen by who tries to log in, and New Year hides nobody."""

from __future__ import annotations

import pytest

from tests.support.watched_store import SECOND, WatchedStore


@pytest.mark.parametrize(
    "name",
    [
        "root from 9.9.9.9",
        "root from 9.9.9.{number}",
        "root from 9.9.9.{number} port 1",
        "root from 9.9.9.9 port 22 ssh2",
        "for root from 2001:db8::{number}",
    ],
)
def test_a_name_that_looks_like_an_address_accuses_nobody_else_and_hides_nobody(tmp_path, name):
    with WatchedStore(tmp_path / "data") as watched:
        for number in range(10):
            text = f"Failed password for invalid user {name.format(number=number)} from 192.0.2.7 port 22 ssh2"
            watched.insert([{"service": "sshd", "message": text, "timestamp": watched.now + number * SECOND}])
        watched.tick(20 * SECOND)
        assert watched.errors() == {}
        by_address = [alert["group"] for alert in watched.alerts(rule="failed_logins_by_address")]
        assert by_address == [{"address": "192.0.2.7"}]
        by_user = [alert["group"]["user"] for alert in watched.alerts(rule="failed_logins_by_user")]
        assert by_user == ([] if "{number}" in name else [name])


def test_failed_logins_over_new_year_are_told_though_their_lines_have_no_year(tmp_path):
    times = [f"Dec 31 23:59:{second}" for second in (50, 54, 58)] + [f"Jan  1 00:00:0{second}" for second in (2, 4, 6)]
    with WatchedStore(tmp_path / "data") as watched:
        text = "{} host sshd[1]: Failed password for root from 192.0.2.7 port 22 ssh2"
        watched.insert([{"service": "sshd", "message": text.format(at)} for at in times])
        watched.tick(SECOND)
        assert [alert["value"] for alert in watched.alerts()] == [6.0]
