"""Free TCP ports of loopback that stay free while our service is away."""

from __future__ import annotations

import contextlib
import random
import socket

# Below those that the system gives to outgoing connections, or one of them could take a port before it is listened on.
RANGE = (12_000, 32_000)


def free_ports(count: int) -> int:
    """The first of `count` ports in a row that nobody listens on at this moment."""
    while True:
        first = random.SystemRandom().randrange(*RANGE)
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + count):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    return free_ports(1)
