"""A round: load, faults, healing, draining, and the verdict of the oracle; and a series of them in one laboratory."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

import requests

from logmill.record import URGENT_LEVELS
from tests.faults.fault import Fault
from tests.faults.laboratory import Laboratory
from tests.faults.oracle import Oracle, Outcome, Verdict
from tests.faults.schedule import AND
from tests.faults.writers import Load, Writers

# How many errors of a service are asked for by level.
ERRORS_PAGE = 50


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the parts of a round take, in seconds at least and at most, and how fast records are sent.

    Attributes:
        before_s: load before the fault.
        hold_s: how long faults hold; each fault's own limits are kept as far as the fault needs them.
        after_s: load after it was healed.
        drain_s: how long queues may take to become empty.
        rate: records a second.
        keyed_share: which share of the requests carries an Idempotency-Key.
    """

    before_s: tuple[float, float] = (0.5, 3.0)
    hold_s: float | None = None
    after_s: tuple[float, float] = (1.0, 3.0)
    drain_s: float = 90.0
    rate: float = 2000.0
    keyed_share: float = 0.3


@dataclass
class Round:
    """What came of a round; `troubles` is empty where it passed."""

    number: int
    faults: str
    outcomes: dict[str, int] = field(default_factory=dict)
    verdict: Verdict = field(default_factory=Verdict)
    slowest_s: float = 0.0
    hung: int = 0
    repeats: int = 0
    drain_s: float = 0.0
    seconds: float = 0.0
    troubles: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing was wrong."""
        return not self.troubles

    @property
    def sent(self) -> int:
        """Records of all outcomes."""
        return sum(self.outcomes.values())

    def of(self, outcome: Outcome) -> int:
        """Records with this outcome."""
        return self.outcomes.get(outcome, 0)


class Series:
    """Rounds in one laboratory, whose state stays from round to round.

    Args:
        lab: a laboratory that runs.
        pace: of all rounds.
        seed: of everything that is random in them.
    """

    def __init__(self, lab: Laboratory, pace: Pace, seed: int) -> None:
        self._lab = lab
        self._pace = pace
        self._seed = seed
        self._oracles: list[tuple[int, Oracle]] = []
        self._dead_letters = 0

    def run(self, number: int, faults: Sequence[Fault]) -> Round:
        """One round."""
        lab = self._lab
        rng = random.Random(f"{self._seed}-{lab.broker}-{number}")
        result = Round(number, AND.join(fault.name for fault in faults))
        started_s = time.monotonic()
        try:
            for fault in faults:
                fault.prepare(lab)
            lab.wait_ready()
            lab.unplanned_ends()
            load = self._load(f"s{self._seed}-r{number}", faults, rng)
            self._oracles.append((number, load.oracle))
            _note_load(result, load, faults)
            healed_s = time.monotonic()
            lab.wait_drained(self._pace.drain_s)
            result.drain_s = time.monotonic() - healed_s
            self._judge_or_restart(result, load.oracle)
            self._count_dead_letters(result)
            for fault in faults:
                fault.finish(lab)
        except (TimeoutError, requests.RequestException) as error:
            result.troubles.append(f"stalled: {error}\n{lab.tails()}")
        result.notes += lab.unplanned_ends()
        result.seconds = time.monotonic() - started_s
        return result

    def check_again(self) -> Round:
        """Every round's records once more, read by a storage that was started anew."""
        result = Round(0, "all rounds again, after a restart of storage")
        started_s = time.monotonic()
        try:
            self._restart_storage()
            for number, oracle in self._oracles:
                self._judge(result, oracle, f"round {number}: ")
            known = {service for _number, oracle in self._oracles for service in oracle.services}
            foreign = {name: count for name, count in self._lab.stored_counts().items() if name not in known}
            if foreign:
                result.troubles.append(f"services that nothing was sent for: {foreign}")
        except (TimeoutError, requests.RequestException) as error:
            result.troubles.append(f"stalled: {error}\n{self._lab.tails()}")
        result.seconds = time.monotonic() - started_s
        return result

    def _load(self, name: str, faults: Sequence[Fault], rng: random.Random) -> Load:
        pace, lab = self._pace, self._lab
        writers = Writers(lab.producer_port, name, rate=pace.rate, keyed_share=pace.keyed_share)
        struck: list[tuple[float, Fault]] = []
        try:
            time.sleep(rng.uniform(*pace.before_s))
            for fault in faults:
                struck.append((0.0, fault))
                fault.strike(lab, rng)
                struck[-1] = (time.monotonic() + _hold_s(fault, pace, rng), fault)
            for until_s, _fault in sorted(struck, key=itemgetter(0)):
                time.sleep(max(0.0, until_s - time.monotonic()))
                _heal(struck, until_s, lab)
        finally:
            _heal(struck, float("inf"), lab)
        time.sleep(rng.uniform(*pace.after_s))
        writers.stop()
        return writers.load

    def _judge(self, result: Round, oracle: Oracle, prefix: str = "") -> None:
        """Add the verdict on one oracle's records to a result."""
        stored, counts = self._lab.stored(oracle.services), self._lab.stored_counts()
        verdict = oracle.judge(stored)
        for outcome, count in oracle.counts().items():
            result.outcomes[outcome] = result.outcomes.get(outcome, 0) + count
        for kind in ("stored", "lost", "doubled", "altered", "foreign"):
            setattr(result.verdict, kind, getattr(result.verdict, kind) + getattr(verdict, kind))
        for kind, examples in verdict.examples.items():
            result.troubles.append(f"{prefix}{getattr(verdict, kind)} {kind}, as {'; '.join(examples)}")
        for service, logs in stored.items():
            if counts.get(service, 0) != len(logs):
                result.troubles.append(f"{prefix}{service}: {counts.get(service, 0)} counted, {len(logs)} read")
            # A short page of errors comes from a memory of their own, where all else came from the engine.
            for level in URGENT_LEVELS:
                wanted = [log["id"] for log in logs if log["level"] == level][:ERRORS_PAGE]
                if self._lab.newest(service, level, ERRORS_PAGE) != wanted:
                    result.troubles.append(
                        f"{prefix}{service}: the newest {level} ones are others when asked for alone"
                    )

    def _judge_or_restart(self, result: Round, oracle: Oracle) -> None:
        """As `_judge`; a storage that cannot read what it holds is a fault, and is asked again after a restart."""
        try:
            self._judge(result, oracle)
        except requests.RequestException as error:
            result.troubles.append(f"storage cannot read: {error}")
            self._restart_storage()
            self._judge(result, oracle, "after a restart of storage: ")

    def _restart_storage(self) -> None:
        storage = self._lab.services["storage"]
        storage.stop()
        storage.start()
        self._lab.wait_ready()

    def _count_dead_letters(self, result: Round) -> None:
        before, self._dead_letters = self._dead_letters, self._lab.dead_letters()
        if self._dead_letters > before:
            result.troubles.append(f"{self._dead_letters - before} dead letters")


def _heal(struck: list[tuple[float, Fault]], until_s: float, lab: Laboratory) -> None:
    """Mend the faults that hold until then, and forget them."""
    for one in [one for one in struck if one[0] <= until_s]:
        struck.remove(one)
        one[1].heal(lab)


def _hold_s(fault: Fault, pace: Pace, rng: random.Random) -> float:
    least_s, most_s = fault.hold_s
    return rng.uniform(least_s, most_s) if pace.hold_s is None else max(least_s, pace.hold_s)


def _note_load(result: Round, load: Load, faults: Sequence[Fault]) -> None:
    result.slowest_s, result.hung, result.repeats = load.slowest_s, load.hung, load.repeats
    if load.hung and not any(fault.client_waits for fault in faults):
        result.troubles.append(f"{load.hung} requests hung, one for {load.slowest_s:.1f} s")
    for words, count in load.odd.items():
        result.troubles.append(f"{count} odd answers: {words}")
    if not load.oracle.counts()[Outcome.ACKNOWLEDGED]:
        result.troubles.append("nothing was acknowledged, so nothing is proved")


def run_series(
    lab: Laboratory, schedule: Sequence[Sequence[Fault]], pace: Pace, seed: int, report: Callable[[Round], None]
) -> list[Round]:
    """All rounds of a schedule, then all of them checked again; `report` hears of each. Ends early where one stalls."""
    series = Series(lab, pace, seed)
    results: list[Round] = []
    for number, faults in enumerate(schedule, 1):
        results.append(series.run(number, faults))
        report(results[-1])
        if any(words.startswith("stalled") for words in results[-1].troubles):
            break
    results.append(series.check_again())
    report(results[-1])
    return results
