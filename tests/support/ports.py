"""Free TCP ports of loopback that stay free while our service is away."""

from __future__ import annotations

import contextlib
import random
import socket

# Below those that the system gives to outgoing connections, or one of them could take a port before it is listened on.
RANGE = (12_000, 32_000)


# One after the other from a place of chance: what one service was given and does not listen on yet, no other is given.
_next = random.SystemRandom().randrange(*RANGE)


def free_ports(count: int) -> int:
    """The first of `count` ports in a row that nobody listens on at this moment."""
    global _next  # noqa: PLW0603 - of the whole process, as ports are
    while True:
        first = _next if _next + count <= RANGE[1] else RANGE[0]
        _next = first + count
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + count):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    return free_ports(1)
