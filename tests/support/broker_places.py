"""Where a broker lives, for the contract suite: how to reach it, take it away, bring it back and crash it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pika  # noqa: TID251 - a foreign client's view

from logmill.broker import Broker
from logmill.broker.embedded import EMBEDDED_LIMITS, EmbeddedBroker
from logmill.broker.rabbitmq import RabbitBroker
from logmill.broker.topology import DEAD, MAX_UNCONFIRMED, Limits, Topology
from tests.support.rabbitmq_node import RabbitContainer, RabbitNode


@dataclass(frozen=True)
class RawDeadLetter:
    """A message among the dead letters, read past Logmill."""

    body: bytes
    message_id: str
    content_type: str
    headers: dict[str, object]


class Place(Protocol):
    """A broker and power over it."""

    killable: bool

    @property
    def url(self) -> str:
        """For `open_broker`."""

    def broker(self, limits: Limits | None = None, max_unconfirmed: int = MAX_UNCONFIRMED) -> Broker:
        """The broker, its queues declared; with other limits it has other queues."""

    def dead_letters(self) -> list[RawDeadLetter]:
        """What lies among the dead letters."""

    def take_away(self) -> None:
        """Make it unreachable."""

    def bring_back(self) -> None:
        """Undo `take_away`."""

    def stalled(self) -> AbstractContextManager[None]:
        """While this lasts, it takes what is sent and answers nothing."""

    def crash(self) -> None:
        """Kill -9 of every process of the broker's own, and start them again."""


class RabbitPlace:
    """RabbitMQ; clients come back by themselves after a crash."""

    def __init__(self, server: RabbitNode | RabbitContainer) -> None:
        self._server = server
        self.killable = isinstance(server, RabbitNode)
        self.url = server.url

    def broker(self, limits: Limits | None = None, max_unconfirmed: int = MAX_UNCONFIRMED) -> Broker:
        """See `Place`."""
        topology = Topology() if limits is None else Topology(prefix=f"limited-{limits.max_messages}", limits=limits)
        broker = RabbitBroker(self.url, topology, max_unconfirmed=max_unconfirmed)
        broker.declare(20.0)
        return broker

    def dead_letters(self) -> list[RawDeadLetter]:
        """See `Place`."""
        letters: list[RawDeadLetter] = []
        with pika.BlockingConnection(pika.URLParameters(self.url)) as connection:
            channel = connection.channel()
            while True:
                method, properties, body = channel.basic_get(Topology().dead_queue, auto_ack=True)
                if method is None or properties is None:
                    return letters
                headers: dict[str, object] = dict(properties.headers or {})
                letters.append(
                    RawDeadLetter(body or b"", properties.message_id or "", properties.content_type or "", headers)
                )

    def _node(self) -> RabbitNode:
        assert isinstance(self._server, RabbitNode)
        return self._server

    def take_away(self) -> None:
        """See `Place`."""
        self._node().stop()

    def bring_back(self) -> None:
        """See `Place`."""
        self._node().start()

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """See `Place`."""
        pid = self._node().pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def crash(self) -> None:
        """See `Place`."""
        self._node().kill9()
        self._node().start()


class EmbeddedPlace:
    """The SQLite file; it has no process of its own, so there is nothing to crash but its users."""

    killable = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = f"sqlite:///{folder}/broker.sqlite3"

    def broker(self, limits: Limits | None = None, max_unconfirmed: int = MAX_UNCONFIRMED) -> Broker:
        """See `Place`."""
        broker = EmbeddedBroker(self.url, limits or EMBEDDED_LIMITS, max_unconfirmed=max_unconfirmed)
        broker.declare(20.0)
        return broker

    def dead_letters(self) -> list[RawDeadLetter]:
        """See `Place`."""
        query = "SELECT body, properties FROM messages JOIN bodies USING (id) WHERE lane = ? ORDER BY id"
        with closing(sqlite3.connect(self._folder / "broker.sqlite3")) as db:
            rows = db.execute(query, (DEAD,)).fetchall()
        letters = []
        for body, text in rows:
            properties = json.loads(text)
            letters.append(
                RawDeadLetter(
                    body, properties["message_id"], properties.get("content_type", ""), properties.get("headers", {})
                )
            )
        return letters

    def _aside(self) -> Path:
        return self._folder.with_name("aside")

    def take_away(self) -> None:
        """See `Place`. A file where the folder was, so that the folder cannot be made anew."""
        self._folder.rename(self._aside())
        self._folder.write_text("in the way")

    def bring_back(self) -> None:
        """See `Place`."""
        self._folder.unlink()
        self._aside().rename(self._folder)

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """See `Place`. Somebody has the write lock of the file."""
        with closing(sqlite3.connect(self._folder / "broker.sqlite3", isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            yield

    def crash(self) -> None:
        """See `Place`."""
