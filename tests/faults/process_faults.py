"""Faults of processes: killed, ended in order, and stopped for a while (SIGSTOP), the broker's included."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

from tests.faults.fault import Fault
from tests.faults.laboratory import HEARTBEAT_S, Laboratory
from tests.support.rabbitmq_node import RabbitNode

EMBEDDED_LEASE_S = 20.0
RABBITMQ = frozenset({"rabbitmq"})
EVERYTHING = ("producer", "processor-1", "processor-2", "storage")


def node_of(lab: Laboratory) -> RabbitNode:
    """The RabbitMQ node of a laboratory that has one."""
    assert lab.node is not None
    return lab.node


class Kill(Fault):
    """Kill -9 of a service with all its processes; it is started again."""

    def __init__(self, *services: str, name: str = "") -> None:
        self._services = services
        self.name = name or f"kill {services[0]}"
        self.words = f"kill -9 of {' and '.join(services)}; started again later"
        self.touches = frozenset(services)

    def strike(self, lab: Laboratory, rng: random.Random) -> None:
        """See `Fault`."""
        for name in self._services:
            lab.services[name].kill()

    def heal(self, lab: Laboratory) -> None:
        """See `Fault`."""
        for name in self._services:
            lab.services[name].start()


class KillAgain(Fault):
    """Kill -9 of a service, again as soon as it is back, and once more."""

    hold_s = (8.0, 12.0)

    def __init__(self, service: str) -> None:
        self._service = service
        self.name = f"kill {service} again and again"
        self.words = f"kill -9 of {service}, and twice more as soon as it is ready"
        self.touches = frozenset({service})

    def strike(self, lab: Laboratory, rng: random.Random) -> None:
        """See `Fault`."""
        service = lab.services[self._service]
        for _ in range(2):
            service.kill()
            service.start()
            lab.wait_ready_of(self._service)
        service.kill()

    def heal(self, lab: Laboratory) -> None:
        """See `Fault`."""
        lab.services[self._service].start()


class KillWorker(Fault):
    """Kill -9 of the process that does the work under gunicorn; its master starts another."""

    def __init__(self, service: str) -> None:
        self._service = service
        self.name = f"kill worker of {service}"
        self.words = f"kill -9 of the worker process of {service}, which gunicorn starts again at once"
        self.touches = frozenset({service})

    def strike(self, lab: Laboratory, rng: random.Random) -> None:
        """See `Fault`."""
        master = lab.services[self._service].pid
        for child in Path(f"/proc/{master}/task/{master}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)

    def heal(self, lab: Laboratory) -> None:
        """See `Fault`."""


class Stop(Fault):
    """SIGTERM: the service ends in order, and is started again."""

    def __init__(self, service: str) -> None:
        self._service = service
        self.name = f"stop {service}"
        self.words = f"SIGTERM to {service}, which ends in order; started again later"
        self.touches = frozenset({service})

    def strike(self, lab: Laboratory, rng: random.Random) -> None:
        """See `Fault`."""
        lab.services[self._service].stop()

    def heal(self, lab: Laboratory) -> None:
        """See `Fault`."""
        lab.services[self._service].start()


class Freeze(Fault):
    """SIGSTOP: nothing of the service moves, its connections stay open; then SIGCONT."""

    def __init__(self, service: str, hold_s: tuple[float, float] = (2.0, 6.0)) -> None:
        self._service = service
        self.hold_s = hold_s
        self.name = f"freeze {service}"
        self.words = f"SIGSTOP to {service}, later SIGCONT"
        self.touches = frozenset({service})

    def strike(self, lab: Laboratory, rng: random.Random) -> None:
        """See `Fault`."""
        lab.services[self._service].signal(signal.SIGSTOP)

    def heal(self, lab: Laboratory) -> None:
        """See `Fault`."""
        lab.services[self._service].signal(signal.SIGCONT)


class FreezeProcessor(Freeze):
    """As `Freeze`, for so long that the broker gives the processor's messages to the other one."""

    def __init__(self, service: str, brokers: frozenset[str]) -> None:
        takes_away_s = 2.5 * HEARTBEAT_S if brokers == RABBITMQ else EMBEDDED_LEASE_S
        super().__init__(service, (takes_away_s + 1.0, takes_away_s + 5.0))
        self.brokers = brokers
        self.words = f"SIGSTOP to {service} until the broker has taken its messages away, then SIGCONT"


class BrokerFault(Fault):
    """A fault of the RabbitMQ node."""

    touches = frozenset({"broker"})
    brokers = RABBITMQ


class KillBroker(BrokerFault):
    """Kill -9 of RabbitMQ."""

    name = "kill broker"
    words = "kill -9 of RabbitMQ; started again later"
    hold_s = (0.5, 4.0)

    def strike(self, lab: Laboratory, rng: random.Random) -> None:
        """See `Fault`."""
        node_of(lab).kill9()

    def heal(self, lab: Laboratory) -> None:
        """See `Fault`."""
        node_of(lab).start()


class StopBroker(KillBroker):
    """An ordered end of RabbitMQ."""

    name = "stop broker"
    words = "SIGTERM to RabbitMQ, which shuts down in order; started again later"

    def strike(self, lab: Laboratory, rng: random.Random) -> None:
        """See `Fault`."""
        node_of(lab).stop()


class FreezeBroker(BrokerFault):
    """RabbitMQ hangs: it takes connections (the kernel does) and answers nothing."""

    name = "freeze broker"
    words = "SIGSTOP to RabbitMQ, which then answers nothing, later SIGCONT"
    hold_s = (2.0, 7.0)

    def strike(self, lab: Laboratory, rng: random.Random) -> None:
        """See `Fault`."""
        os.kill(node_of(lab).pid, signal.SIGSTOP)

    def heal(self, lab: Laboratory) -> None:
        """See `Fault`."""
        os.kill(node_of(lab).pid, signal.SIGCONT)
