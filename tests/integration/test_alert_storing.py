"""Storing goes on beside alerting: it does not wait for it, and takes nothing that would not be judged."""

from __future__ import annotations

import json
import threading
import time

import pytest

from logmill.errors import StorageUnavailable
from storage.alerting.arrivals import NOTE_S
from storage.search import lucene
from tests.support.watched_store import MINUTE, SECOND, WatchedStore

RULES = """
detectors:
  defaults: false
  rules:
    - {name: errors, kind: threshold, q: 'level:error', group_by: [service], when: count >= 5}
"""


def test_storing_does_not_wait_for_a_transaction_of_the_evaluation(tmp_path, monkeypatch):
    with WatchedStore(tmp_path / "data", RULES) as watched:
        began, go_on = threading.Event(), threading.Event()
        real = watched.alerting.file.count_up

        def count_up(name: str, by: int = 1) -> None:
            began.set()
            go_on.wait(30)
            real(name, by)

        monkeypatch.setattr(watched.alerting.file, "count_up", count_up)
        watched.insert([{"level": "ERROR", "service": f"s{number % 150}"} for number in range(750)])
        evaluation = threading.Thread(target=watched.tick)
        evaluation.start()
        assert began.wait(30), "groups are left out and counted, at the end of the transaction"
        start_s = time.monotonic()
        watched.insert([{"level": "ERROR", "service": "late", "timestamp": watched.now - 30 * MINUTE}] * 5)
        took_s = time.monotonic() - start_s
        go_on.set()
        evaluation.join()
        assert took_s < 2 * NOTE_S + 1
        watched.tick()
        assert watched.alerting.arrivals.waiting == 0
        assert watched.alerting.file.counts()["left_out"] == 51, "the late one was judged"


def test_what_is_stored_after_evaluation_ended_is_judged_after_the_next_start(tmp_path):
    with WatchedStore(tmp_path / "data", RULES) as watched:
        watched.alerting.stop()
        watched.insert([{"level": "ERROR"}] * 5)
    with WatchedStore(tmp_path / "data", RULES) as watched:
        watched.tick()
        assert len(watched.alerts()) == 1


def test_where_arrivals_can_no_longer_be_noted_nothing_is_taken(tmp_path):
    with WatchedStore(tmp_path / "data", RULES) as watched:
        watched.alerting.close()
        with pytest.raises(StorageUnavailable, match="closed"):
            watched.insert([{"level": "ERROR"}] * 5)


def test_long_values_of_groups_are_cut_and_their_logs_are_found_all_the_same(tmp_path):
    """Of what a search text means something by, and much longer than one may be."""
    rules = RULES + "    - {name: by_ip, kind: threshold, group_by: [metadata.ip], when: count >= 1}\n"
    values = [f'a b\\*?:"/é({number}' + "x" * 200_000 for number in range(3)]
    with WatchedStore(tmp_path / "data", rules) as watched:
        watched.insert([{"metadata": json.dumps({"ip": value})} for value in values])
        watched.tick(SECOND)
        assert watched.errors() == {}
        found = watched.alerts()
        assert len(found) == 3
        for alert in found:
            (value,) = [one for one in values if one.startswith(alert["group"]["metadata.ip"][:50])]
            assert len(alert["group"]["metadata.ip"]) < 250
            rows = watched.store.newest_on_disk(lucene.parse(alert["query"]["q"], watched.now), 10).to_pylist()
            assert [json.loads(row["metadata"])["ip"] for row in rows] == [value]
        assert sum(path.stat().st_size for path in (tmp_path / "data").glob("alerts*")) < 1_000_000
