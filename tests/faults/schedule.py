"""Every fault there is, and which of them happen in which round: chosen from a seed."""

from __future__ import annotations

import random

from tests.faults.fault import Fault, fit_together
from tests.faults.network_faults import WAYS, Cut, Hang, Slow, meddlings
from tests.faults.process_faults import (
    EVERYTHING,
    RABBITMQ,
    Freeze,
    FreezeBroker,
    FreezeProcessor,
    Kill,
    KillAgain,
    KillBroker,
    KillWorker,
    Stop,
    StopBroker,
)
from tests.faults.resource_faults import (
    ClockJump,
    DiskAlarm,
    FlappingDisk,
    FullDisk,
    FullLanes,
    FullQueues,
    MemoryAlarm,
)
from tests.support.clock import library
from tests.support.small_disk import can_mount

AND = " + "
MISSING = {
    "mount": "filling a disk needs root and the right to mount a tmpfs",
    "libfaketime": "setting clocks needs libfaketime; on Debian: apt-get install libfaketime",
}


def every_fault() -> list[Fault]:
    """A new instance of each, for either broker and whatever this machine lacks."""
    return [
        *(Kill(name) for name in EVERYTHING),
        Kill(*EVERYTHING, name="kill everything"),
        KillAgain("storage"),
        *(KillWorker(name) for name in ("producer", "storage")),
        *(Stop(name) for name in EVERYTHING),
        FreezeProcessor("processor-1", RABBITMQ),
        FreezeProcessor("processor-1", frozenset({"embedded"})),
        Freeze("storage"),
        KillBroker(),
        StopBroker(),
        FreezeBroker(),
        *(kind(way) for kind in (Cut, Slow, Hang) for way in WAYS),
        *meddlings(),
        *(FullDisk(part) for part in ("storage", "broker")),
        FlappingDisk(),
        MemoryAlarm(),
        DiskAlarm(),
        FullQueues(),
        FullLanes(),
        *(ClockJump(kind, forward=way) for kind in ("producer", "processors", "storage") for way in (True, False)),
    ]


def lacking() -> dict[str, str]:
    """What faults need and this machine has not: the name of the need, and how to get it."""
    has = {"mount": can_mount(), "libfaketime": library() is not None}
    return {need: words for need, words in MISSING.items() if not has[need]}


def possible(broker: str) -> list[Fault]:
    """Those that can happen with this broker on this machine."""
    missing = lacking()
    return [fault for fault in every_fault() if broker in fault.brokers and fault.needs not in missing]


def named(text: str, broker: str) -> list[Fault]:
    """The faults of "kill storage + cut client".

    Raises:
        KeyError: there is none of such a name with this broker.
    """
    known = {fault.name: fault for fault in every_fault() if broker in fault.brokers}
    return [known[name.strip()] for name in text.split(AND)]


def make_schedule(broker: str, rounds: int, rng: random.Random) -> list[list[Fault]]:
    """So many rounds, with every fault that is possible in at least one of them; at least every fourth has two.

    Where there are fewer rounds than half the faults, some are left out.
    """
    rest = possible(broker)
    rng.shuffle(rest)
    schedule = [[fault] for fault in rest[:rounds]]
    _add_each(schedule, rest[rounds:], rng)

    while len(schedule) < rounds:
        schedule.append([rng.choice(possible(broker))])
    while sum(len(faults) > 1 for faults in schedule) < rounds // 4:
        _add_each(schedule, [rng.choice(possible(broker))], rng)
    rng.shuffle(schedule)
    return schedule


def _add_each(schedule: list[list[Fault]], faults: list[Fault], rng: random.Random) -> None:
    """Put each of these into a round that has one fault which it fits with, if there is one."""
    for fault in faults:
        fitting = [other for other in schedule if len(other) == 1 and fit_together([*other, fault])]
        if fitting:
            rng.choice(fitting).append(fault)
