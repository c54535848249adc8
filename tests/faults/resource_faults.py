"""Faults of resources: full disks, alarms of RabbitMQ, full queues, and clocks that jump."""

from __future__ import annotations

import random
import time

from tests.faults.fault import Fault
from tests.faults.laboratory import Laboratory
from tests.faults.process_faults import RABBITMQ, BrokerFault, node_of
from tests.support.clock import SettableClock

HOUR_S = 3600
FEW_MESSAGES = 40
_FLAPS = 150
_PROCESSORS = ("processor-1", "processor-2")


class FullDisk(Fault):
    """No room is left where storage, or the embedded broker, writes."""

    needs = "mount"
    hold_s = (2.0, 7.0)

    def __init__(self, part: str) -> None:
        self._part = part
        self.name = f"full disk of {part}"
        self.words = f"the disk of {part} is full, later it has room again"
        self.touches = frozenset({f"disk of {part}"})
        if part == "broker":
            self.brokers = frozenset({"embedded"})

    def strike(self, lab: Laboratory, rng: random.Random) -> None:
        """See `Fault`."""
        if self._part == "broker":
            # The log of SQLite has room of its own, which would last for a while.
            lab.shorten_log()
        lab.disks[self._part].fill(rng.choice((0, 4096, 300_000)))

    def heal(self, lab: Laboratory) -> None:
        """See `Fault`."""
        lab.disks[self._part].free()


class FlappingDisk(Fault):
    """The disk of storage becomes full in the middle of whatever is written, again and again."""

    name = "flapping disk of storage"
    words = "the disk of storage becomes full all of a sudden and has room again soon, many times"
    touches = frozenset({"disk of storage"})
    needs = "mount"
    hold_s = (0.5, 1.0)

    def strike(self, lab: Laboratory, rng: random.Random) -> None:
        """See `Fault`."""
        for _ in range(_FLAPS):
            lab.disks["storage"].fill(rng.choice((0, 0, 20_000, 100_000)))
            time.sleep(rng.uniform(0.0, 0.03))
            lab.disks["storage"].free()
            time.sleep(rng.uniform(0.0, 0.06))

    def heal(self, lab: Laboratory) -> None:
        """See `Fault`."""
        lab.disks["storage"].free()


class MemoryAlarm(BrokerFault):
    """RabbitMQ blocks those who publish."""

    name = "memory alarm"
    words = "RabbitMQ's memory alarm: it takes nothing from publishers"
    _alarm = ("set_vm_memory_high_watermark", "0")
    _calm = ("set_vm_memory_high_watermark", "0.4")

    def strike(self, lab: Laboratory, rng: random.Random) -> None:
        """See `Fault`."""
        node_of(lab).ctl(*self._alarm)

    def heal(self, lab: Laboratory) -> None:
        """See `Fault`."""
        node_of(lab).ctl(*self._calm)


class DiskAlarm(MemoryAlarm):
    """The same for another reason."""

    name = "disk alarm"
    words = "RabbitMQ's disk alarm: it takes nothing from publishers"
    _alarm = ("set_disk_free_limit", "100000GB")
    _calm = ("set_disk_free_limit", "100MB")


class FullQueues(Fault):
    """Nobody consumes, and the queues take only a few messages more."""

    name = "full queues"
    words = f"no processor runs, and each queue holds {FEW_MESSAGES} messages at most"
    touches = frozenset({"broker", *_PROCESSORS})
    brokers = RABBITMQ
    hold_s = (3.0, 7.0)

    def strike(self, lab: Laboratory, rng: random.Random) -> None:
        """See `Fault`."""
        for name in _PROCESSORS:
            lab.services[name].kill()
        limit = f'{{"max-length": {FEW_MESSAGES}}}'
        node_of(lab).ctl("set_policy", "few", "^logs", limit, "--apply-to", "queues")

    def heal(self, lab: Laboratory) -> None:
        """See `Fault`."""
        node_of(lab).ctl("clear_policy", "few")
        for name in _PROCESSORS:
            lab.services[name].start()


class FullLanes(Fault):
    """The same with the embedded broker, whose publisher watches the limit."""

    name = "full lanes"
    words = f"no processor runs, and each lane of the embedded broker holds {FEW_MESSAGES} messages at most"
    touches = frozenset({"producer", *_PROCESSORS})
    brokers = frozenset({"embedded"})
    hold_s = (3.0, 7.0)

    def prepare(self, lab: Laboratory) -> None:
        """See `Fault`."""
        lab.restart_with({"LOGMILL_QUEUE_MAX_MESSAGES": str(FEW_MESSAGES)}, "producer")

    def strike(self, lab: Laboratory, rng: random.Random) -> None:
        """See `Fault`."""
        for name in _PROCESSORS:
            lab.services[name].kill()

    def heal(self, lab: Laboratory) -> None:
        """See `Fault`."""
        for name in _PROCESSORS:
            lab.services[name].start()

    def finish(self, lab: Laboratory) -> None:
        """See `Fault`."""
        lab.restart_with({}, "producer")


class ClockJump(Fault):
    """The wall clock of a service jumps by hours while it runs, and back."""

    needs = "libfaketime"
    hold_s = (3.0, 6.0)

    def __init__(self, kind: str, *, forward: bool) -> None:
        self._services = _PROCESSORS if kind == "processors" else (kind,)
        self._sign = 1 if forward else -1
        direction = "forward" if forward else "backward"
        self.name = f"clock of {kind} {direction}"
        self.words = f"the clock of {kind} jumps {direction} by 1 to 30 hours, and back later"
        self.touches = frozenset(self._services)
        self._file = f"clock-{kind}"
        self._clock: SettableClock | None = None

    def prepare(self, lab: Laboratory) -> None:
        """See `Fault`."""
        self._clock = SettableClock(lab.folder / self._file)
        lab.restart_with(self._clock.environment, *self._services)

    def strike(self, lab: Laboratory, rng: random.Random) -> None:
        """See `Fault`."""
        self._set(self._sign * rng.randrange(HOUR_S, 30 * HOUR_S))

    def heal(self, lab: Laboratory) -> None:
        """See `Fault`."""
        self._set(0)

    def finish(self, lab: Laboratory) -> None:
        """See `Fault`."""
        lab.restart_with({}, *self._services)

    def _set(self, offset_s: int) -> None:
        assert self._clock is not None
        self._clock.set(offset_s)
