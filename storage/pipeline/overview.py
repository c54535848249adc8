"""The pipeline in one answer: storage's own figures, the producer's, the last minutes, and the settings in force."""

from __future__ import annotations

import math
import time
from typing import Any

import msgspec

from logmill import configuration
from logmill.cached import Cached
from logmill.errors import LogmillError, Retry
from logmill.record import Lane
from logmill.settings import Settings
from storage import render
from storage.pipeline.activity import Activity, Growth
from storage.pipeline.content import Content
from storage.pipeline.history import History, Rate, Sampler
from storage.pipeline.producer import LaneDepth, Look, ProducerClient, away
from storage.retention.figures import Figures
from storage.search.filters import EVERYTHING
from storage.store import Store

# The producer is asked once in so many seconds, and what it takes queries to know of the store, however many look.
LOOK_AGE_S = 1.0
STORE_AGE_S = 5.0
# How long a request waits for a look of another, and for its queries.
LOOK_WAIT_S = 2.5
# The producer is asked at each step as long as somebody looked in the last ten minutes. Not always: it asks its broker
# over a new connection each time, of which RabbitMQ writes three lines in its log, where nobody might ever look.
WATCHED_S = 600.0
# Less time says nothing about how fast a disk fills.
_LEAST_GROWTH_S = 60.0
_DAY_S = 86_400.0


class Overview:
    """What GET /pipeline answers; safe for threads. It samples the history from `start` to `close`.

    Args:
        store: the logs.
        activity: what the ingest routes tell.
        producer: who is asked for the rest.
        retention: what becomes of old logs.
        settings: those in force.
    """

    def __init__(
        self, store: Store, activity: Activity, producer: ProducerClient, retention: Figures, settings: Settings
    ) -> None:
        self._store = store
        self._retention = retention
        self._activity = activity
        self._producer = producer
        self._min_free_bytes = settings.min_free_bytes
        self._configuration = configuration.shown(settings)
        self._history = History()
        self._accepted = Rate()
        # Aside, for there is no limit to how long a name takes to be resolved.
        self._cached_look = Cached(self._ask, LOOK_AGE_S, LOOK_WAIT_S, aside=True)
        self._content = Content(store)
        self._disk = Cached(self._read_store, STORE_AGE_S, LOOK_WAIT_S)
        self._watched_until_s = 0.0
        self._sampler = Sampler(self._sample, self._history.skip)

    def start(self) -> None:
        """Begin with the history."""
        self._sampler.start()

    def close(self) -> None:
        """End it."""
        self._sampler.close()

    def answer(self) -> dict[str, Any]:
        """Everything, for JSON. What cannot be known now is None; nothing fails for it."""
        self._watched_until_s = time.monotonic() + WATCHED_S
        look = self._look()
        return {
            "lanes": _lanes(look),
            "dead": {"count": look.dead},
            "rates": {"accepted_per_s": self._accepted.per_s(), "stored_per_s": self._activity.stored_per_s()},
            "history": self._history.shown(),
            "lag": self._activity.lag(),
            "processors": [
                {
                    "processor_id": one.processor_id,
                    "logs": one.logs,
                    "logs_per_s": one.logs_per_s,
                    "last_seen": render.time_text(one.last_seen_us),
                }
                for one in self._activity.processors()
            ],
            "storage": self._storage(),
            **self._content.shown(),
            "producer": {
                "reachable": look.is_reachable,
                "url": self._producer.url,
                "ready": look.is_ready,
                "reason": look.reason,
                "broker": look.broker,
            },
            "configuration": self._configuration,
        }

    def _look(self) -> Look:
        try:
            return self._cached_look.get()
        except Retry:
            return away("it does not answer")

    def _ask(self) -> Look:
        look = self._producer.look()
        self._accepted.note(look.at_s, look.accepted)
        return look

    def _sample(self) -> None:
        is_watched = time.monotonic() < self._watched_until_s
        look = self._look() if is_watched else None
        if look is None:
            self._accepted.note(time.monotonic(), None)
        self._history.step(self._activity.stored, look)

    def _storage(self) -> dict[str, Any]:
        try:
            disk = self._disk.get()
        except LogmillError:  # the engine is away, or others have been asking it for long
            disk = dict.fromkeys(("bytes", "parts", "logs", "bytes_per_log", "oldest", "newest"))
        free_bytes = self._store.free_bytes
        per_log = disk["bytes_per_log"]
        room_bytes = free_bytes - self._min_free_bytes
        a_day = None if per_log is None else bytes_a_day(per_log, self._activity.growth())
        if math.isnan(free_bytes):
            a_day = None
        retention = self._retention.shown(a_day, disk["bytes"] or 0, room_bytes)
        makes_room = retention is not None and retention["makes_room"]
        return {
            **disk,
            "free_bytes": None if math.isnan(free_bytes) else int(free_bytes),
            "memory_logs": self._store.memory.recent.records,
            "retention": retention,
            "days_until_full": None if makes_room else days_until_full(room_bytes, a_day),
        }

    def _read_store(self) -> dict[str, Any]:
        """What takes queries."""
        disk = self._store.disk_use()
        extent = self._store.extent_us(EVERYTHING)
        return {
            **disk,
            "bytes_per_log": round(disk["bytes"] / disk["logs"], 1) if disk["logs"] else None,
            "oldest": None if extent is None else render.time_text(extent[0]),
            "newest": None if extent is None else render.time_text(extent[1]),
        }


def bytes_a_day(bytes_per_log: float, growth: Growth) -> float | None:
    """What logs of a day take if they go on coming as they did; None where nothing came or too little time has passed.

    Args:
        bytes_per_log: on disk, once merged.
        growth: what came, in how much time.
    """
    if growth.seconds < _LEAST_GROWTH_S or growth.logs == 0:
        return None
    return bytes_per_log * growth.logs / growth.seconds * _DAY_S


def days_until_full(room_bytes: float, a_day: float | None) -> float | None:
    """When the room is gone; None where that is not known.

    Args:
        room_bytes: what may still be filled.
        a_day: what logs of a day take, None where that is not known.
    """
    return None if a_day is None else round(max(0.0, room_bytes) / a_day, 2)


def _lanes(look: Look) -> list[dict[str, Any]]:
    """Every lane, also where nothing is known of it."""
    known = {lane.lane: lane for lane in look.lanes}
    return [msgspec.structs.asdict(known.get(lane, LaneDepth(str(lane)))) for lane in Lane]
