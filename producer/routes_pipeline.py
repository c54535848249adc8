"""How the pipeline is doing, seen from the producer: GET /pipeline."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response

from logmill.broker import Broker, QueueDepth
from logmill.broker.topology import DEAD
from logmill.cached import Cached
from logmill.errors import Retry
from logmill.openapi import Answer, describe
from logmill.openapi.operation import STATE
from logmill.record import Lane
from logmill.web import answer
from producer import shapes
from producer.metrics import Metrics

# The broker is asked once in so many seconds by each process, however often the process is asked.
MAX_AGE_S = 1.0
# Who asks the producer waits two seconds, storage less.
LOOK_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class _Look:
    """What the broker said when it was asked last, and why it said nothing, "" where it did."""

    at_s: float
    depths: Mapping[str, QueueDepth] | None
    reason: str


class PipelineRoute:
    """The broker's queues and what was accepted, for people; looking takes nothing from the way of the logs.

    The broker is asked on the thread of the request, over a connection of its own that ends with the look.
    """

    def __init__(self, broker: Broker, metrics: Metrics, readiness: Callable[[], str]) -> None:
        self._broker = broker
        self._metrics = metrics
        self._readiness = readiness
        self._look = Cached(self._ask, MAX_AGE_S, wait_s=LOOK_TIMEOUT_S)

    @describe(
        "How the pipeline is doing, seen from the producer",
        tag=STATE,
        answers={200: Answer("what is known", shapes.Pipeline)},
        errors={503: "the broker is being asked for others already, for long"},
    )
    def get_pipeline(self) -> Response:
        """Each lane's depth and what was accepted for it, the number of dead letters, and whether all is ready."""
        look, accepted, state = self._look.get(), self._metrics.accepted_by_lane(), self._readiness()
        lanes = [{"lane": lane, **_depth(look, lane), "accepted": accepted[lane]} for lane in Lane]
        reachable = look.depths is not None
        return answer(
            {
                "status": "success",
                "ready": state == "ready",
                "reason": "" if state == "ready" else state,
                "broker": {"kind": self._broker.kind, "reachable": reachable, "reason": look.reason},
                "age_s": round(time.monotonic() - look.at_s, 3),
                "lanes": lanes,
                "dead": {"count": _depth(look, DEAD)["messages"]},
            }
        )

    def _ask(self) -> _Look:
        try:
            depths = self._broker.depths(LOOK_TIMEOUT_S)
        except Retry as error:
            return _Look(time.monotonic(), None, str(error))
        return _Look(time.monotonic(), depths, "")


def _depth(look: _Look, queue: str) -> dict[str, Any]:
    """What waits in a queue to be delivered, what is being worked on, and the bytes of both; None is not known."""
    if look.depths is None:
        return {"messages": None, "unacknowledged": None, "bytes": None}
    depth = look.depths[queue]
    return {"messages": depth.ready, "unacknowledged": depth.unacknowledged, "bytes": depth.size_bytes}


def add_pipeline_route(app: Flask, broker: Broker, metrics: Metrics, readiness: Callable[[], str]) -> None:
    """Give `app` this endpoint."""
    app.add_url_rule("/pipeline", view_func=PipelineRoute(broker, metrics, readiness).get_pipeline)
