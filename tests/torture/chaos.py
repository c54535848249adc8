"""Ends the collector and the producer at random moments, and starts them again after a while."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.torture.laboratory import Laboratory

# While a writer has a hold on the collector; it then gives back within its own limit.
_UNHELD_TIMEOUT_S = 30.0
KILL_COLLECTOR, STOP_COLLECTOR, KILL_PRODUCER = "collector killed", "collector stopped", "producer killed"
PUT_OFF = "ends of the collector put off, since a writer held it"
_WEIGHTS = {KILL_COLLECTOR: 6, STOP_COLLECTOR: 1, KILL_PRODUCER: 3}


@dataclass
class Chaos:
    """What was done to the services.

    Attributes:
        lab: whose services they are.
        rng: decides what and when.
        between_s: from one strike to the next, at least and at most.
        down_rotations: so many rotations are waited for before a collector that stays down is started again.
        done: how often what was done.
        down_s: how long the collector was down, all in all.
        troubles: what went wrong with it.
    """

    lab: Laboratory
    rng: random.Random
    between_s: tuple[float, float] = (0.5, 4.0)
    down_rotations: int = 25
    done: Counter[str] = field(default_factory=Counter)
    down_s: float = 0.0
    troubles: list[str] = field(default_factory=list)

    def strike(self) -> None:
        """Wait a while, and end something; it runs again when this returns, but may not be ready yet."""
        rng = self.rng
        time.sleep(rng.uniform(*self.between_s))
        what = rng.choices(tuple(_WEIGHTS), tuple(_WEIGHTS.values()))[0]
        if what == KILL_PRODUCER:
            self._kill_producer()
        else:
            self._end_collector(what)

    def _kill_producer(self) -> None:
        producer = self.lab.services["producer"]
        producer.kill()
        self.done[KILL_PRODUCER] += 1
        time.sleep(self.rng.choice((0.0, 0.3, self.rng.uniform(0.5, 3.0))))
        producer.start()

    def _end_collector(self, what: str) -> None:
        lab = self.lab
        with lab.watch.unheld(_UNHELD_TIMEOUT_S) as is_free:
            if not is_free:
                self.done[PUT_OFF] += 1
                return
            began_s = time.monotonic()
            if what == STOP_COLLECTOR:
                # Before that it ends by the signal itself, as any process.
                lab.wait_ready("collector")
            # First, so that nobody tells the writers of it any more.
            lab.collector.held_down = True
            lab.watch.collector_pid = 0
            if what == KILL_COLLECTOR:
                lab.collector.kill()
            else:
                lab.collector.stop()
                if lab.collector.exit_code != 0:
                    self.troubles.append(f"the collector, told to stop, ended with {lab.collector.exit_code}")
        self.done[what] += 1
        self._stay_down()
        lab.collector.start()
        lab.note_collector()
        self.down_s += time.monotonic() - began_s

    def _stay_down(self) -> None:
        """For no time, or until there were some rotations, several of one log among them."""
        if self.rng.random() < 0.5:
            return
        watch = self.lab.watch
        until = watch.rotations + self.rng.randrange(1, self.down_rotations + 1)
        deadline_s = time.monotonic() + self.rng.uniform(1.0, 6.0)
        while watch.rotations < until and time.monotonic() < deadline_s:
            time.sleep(0.05)
