"""How a consumer of RabbitMQ settles what was delivered: the calls, and which delivery tags they name."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeAlias

from pika.channel import Channel

# A call of one of the functions below: the channel, the delivery tag, and whether all up to it are meant.
Settling: TypeAlias = Callable[[Channel, int, bool], None]


def acknowledge(channel: Channel, number: int, multiple: bool) -> None:
    """Settle for good."""
    channel.basic_ack(number, multiple)


def requeue(channel: Channel, number: int, _multiple: bool) -> None:
    """Give one back so that it counts: from 4.3 on the broker takes a nack for work that was not tried."""
    channel.basic_reject(number, requeue=True)


def leave_to_the_broker(channel: Channel, number: int, multiple: bool) -> None:
    """Have the broker move it to the dead letters, as it is."""
    channel.basic_nack(number, multiple, requeue=False)


def settling_frames(unsettled: Collection[int], settled: Collection[int]) -> list[tuple[int, bool]]:
    """The delivery tags, each with its flag `multiple`, that settle `settled`, some of the ascending `unsettled`.

    One frame settles everything up to a tag, as long as nothing that stays unsettled is among it.
    """
    up_to = 0
    for number in unsettled:
        if number not in settled:
            break
        up_to = number
    frames = [(up_to, True)] if up_to else []
    return frames + [(number, False) for number in sorted(settled) if number > up_to]
