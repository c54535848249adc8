"""What a process of the load test does: gets ready, sends from the moment it is told, and tells what it measures."""

from __future__ import annotations

import signal
from multiprocessing.connection import Connection as Channel

import msgspec

from logmill.bench.counts import Snapshot
from logmill.bench.finding import Finding
from logmill.bench.plan import Part, Plan, Share
from logmill.bench.sending import Sending

TELL_EVERY_S = 0.5


class Ready(msgspec.Struct, tag="ready"):
    """To the command: it can begin."""


class Broken(msgspec.Struct, tag="broken"):
    """To the command: it ended for this reason, which is an error of ours."""

    reason: str


class Begin(msgspec.Struct, tag="begin"):
    """To a process: when to begin, by the monotonic clock, which all processes of a machine share."""

    start_s: float


class Stop(msgspec.Struct, tag="stop"):
    """To a process: send nothing more."""


_commands = msgspec.json.Decoder(Begin | Stop)
_told = msgspec.json.Decoder(Ready | Broken | Snapshot)
encoded = msgspec.json.encode


def told(data: bytes) -> Ready | Broken | Snapshot:
    """What a process tells."""
    found: Ready | Broken | Snapshot = _told.decode(data)
    return found


def work(channel: Channel, plan: Plan, share: Share) -> None:
    """The whole life of a process.

    Args:
        channel: to the command; when that has gone, the process ends.
        plan: the load test.
        share: its part of it.
    """
    # Ctrl-C reaches every process of the terminal; the command decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _work(channel, plan, share)
    except (ConnectionError, EOFError):
        pass  # the command has gone
    except Exception as error:  # noqa: BLE001 - whatever it is, the command tells it
        channel.send_bytes(encoded(Broken(f"{type(error).__name__}: {error}")))


def _work(channel: Channel, plan: Plan, share: Share) -> None:
    job = Finding(plan) if share.part is Part.PROBE else Sending(plan, share)
    channel.send_bytes(encoded(Ready()))
    command = _commands.decode(channel.recv_bytes())
    if isinstance(command, Stop):
        return
    job.begin(command.start_s)
    try:
        while not job.is_done():
            if channel.poll(TELL_EVERY_S):
                _commands.decode(channel.recv_bytes())  # nothing but Stop comes
                job.stop()
            channel.send_bytes(encoded(job.snapshot()))
    finally:
        job.stop()
    if job.error is not None:
        raise job.error
    channel.send_bytes(encoded(job.snapshot()))
