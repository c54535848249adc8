"""Faults on the ways between processes: connections cut in mid-message, slow, dead; and storage that misbehaves."""

from __future__ import annotations

import random

from tests.faults.fault import BOTH, Fault
from tests.faults.laboratory import Laboratory
from tests.faults.process_faults import RABBITMQ
from tests.support.http_proxy import Meddling
from tests.support.tcp_proxy import WELL, Behaviour

WAYS = {
    "client": "client and producer",
    "publisher": "producer and RabbitMQ",
    "consumer": "processors and RabbitMQ",
    "storage": "processors and storage",
}
_CUT_WITHIN_BYTES = 60_000


class WayFault(Fault):
    """Something is wrong with one way."""

    def __init__(self, way: str, name: str, words: str, behaviour: Behaviour) -> None:
        self._way = way
        self._behaviour = behaviour
        self.name = f"{name} {way}"
        self.words = words.format(WAYS[way])
        self.touches = frozenset({f"way of {way}"})
        self.brokers = BOTH if way in {"client", "storage"} else RABBITMQ

    def strike(self, lab: Laboratory, rng: random.Random) -> None:
        """See `Fault`."""
        lab.proxies[self._way].behave(self._behaviour)

    def heal(self, lab: Laboratory) -> None:
        """See `Fault`."""
        lab.proxies[self._way].behave(WELL)


class Cut(WayFault):
    """Every connection breaks in the middle of what it carries, the new ones as well, again and again."""

    def __init__(self, way: str) -> None:
        words = "each connection between {} is cut after some bytes, new ones too: in the middle of messages"
        super().__init__(way, "cut", words, Behaviour(cut_within_bytes=_CUT_WITHIN_BYTES))


class Slow(WayFault):
    """Bytes trickle."""

    def __init__(self, way: str) -> None:
        words = "the way between {} has a latency of 50 ms and carries 400 KB/s"
        super().__init__(way, "slow", words, Behaviour(delay_s=0.05, bytes_per_s=400_000))


class Hang(WayFault):
    """What is sent arrives nowhere, and nobody is told; connections of that time stay dead."""

    hold_s = (2.0, 8.0)

    def __init__(self, way: str) -> None:
        words = "connections between {} are accepted and swallow what is sent; they stay dead afterwards"
        super().__init__(way, "hang", words, Behaviour(hangs=True))
        self.client_waits = way == "client"


class StorageMeddling(Fault):
    """Storage's answers are not what storage did."""

    touches = frozenset({"way of storage"})
    hold_s = (2.0, 7.0)

    def __init__(self, name: str, words: str, meddling: Meddling) -> None:
        self.name = name
        self.words = words
        self._meddling = meddling

    def strike(self, lab: Laboratory, rng: random.Random) -> None:
        """See `Fault`."""
        lab.storage_proxy.meddling = self._meddling

    def heal(self, lab: Laboratory) -> None:
        """See `Fault`."""
        lab.storage_proxy.meddling = Meddling.NONE


def meddlings() -> list[StorageMeddling]:
    """Each kind once."""
    return [
        StorageMeddling("storage answers 500", "storage answers 500 and does nothing", Meddling.INSTEAD),
        StorageMeddling(
            "storage stores, then 500", "storage stores what it is sent and answers 500", Meddling.AFTERWARDS
        ),
        StorageMeddling(
            "storage stores, then cut", "storage stores what it is sent, and the connection breaks", Meddling.CUT
        ),
    ]
