"""Declaring the queues on an open channel, one after the other."""

from __future__ import annotations

from collections.abc import Callable

from pika.channel import Channel

from logmill.broker.topology import Topology


def declare_all(channel: Channel, topology: Topology, done: Callable[[], None]) -> None:
    """Declare every queue, then call `done`. A queue that exists with other arguments closes the channel."""
    names = list(topology.queues().values())

    def declare(_frame: object = None) -> None:
        if not channel.is_open:
            return
        if not names:
            done()
            return
        name = names.pop(0)
        channel.queue_declare(name, durable=True, arguments=topology.arguments(name), callback=declare)

    declare()
