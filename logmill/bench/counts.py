"""How the requests of a load test ended, as numbers that can be added up and passed between processes."""

from __future__ import annotations

import msgspec

from logmill.bench.latencies import Latencies

# Kinds of failure that are counted by themselves.
_MAX_FAILURES = 20
_OTHERS = "others"


class Counts(msgspec.Struct):
    """Requests by how they ended, and what was in them.

    Attributes:
        ok: answered well.
        refused: 503 or 429.
        failed: any other answer, or none.
        dropped: never sent, since they could not begin in time.
        logs_accepted: of requests that were answered well.
        logs_rejected: named in an answer, or in a request that was answered with 4xx: not stored for certain.
        logs_refused: in refused requests: some of them may be stored all the same.
        logs_unsure: in requests that got no answer, or 5xx: may be stored.
        bytes_sent: of bodies.
        bytes_received: of bodies.
    """

    ok: int = 0
    refused: int = 0
    failed: int = 0
    dropped: int = 0
    logs_accepted: int = 0
    logs_rejected: int = 0
    logs_refused: int = 0
    logs_unsure: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0

    @property
    def sent(self) -> int:
        """Requests that have ended."""
        return self.ok + self.refused + self.failed

    def add(self, other: Counts) -> None:
        """Count all that the other has counted."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Series(msgspec.Struct):
    """The requests of one name, as they are passed on; times as `Latencies.encoded`.

    Attributes:
        counts: how they ended.
        latency: from when each was due to its end.
        service: from when it was sent to its end.
    """

    counts: Counts
    latency: str
    service: str


class Snapshot(msgspec.Struct, tag="snapshot"):
    """What one process has measured so far.

    Attributes:
        series: by name; without the warm-up.
        warm_up: what was counted before, over all names.
        failures: by kind.
        example: what the first failure said.
        behind: from when each request was due to when it was sent, as `Latencies.encoded`.
        behind_s: for how long the next one has been due.
        in_flight: requests that are being answered.
        elapsed_s: how long has been measured.
        cpu_s: of the process, since the start.
        is_done: whether it has ended.
    """

    series: dict[str, Series]
    warm_up: Counts
    failures: dict[str, int]
    example: str
    behind: str
    behind_s: float
    in_flight: int
    elapsed_s: float
    cpu_s: float
    is_done: bool = False


class Times:
    """Both times of the requests of one name, and how they ended; not thread-safe."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.latency = Latencies()
        self.service = Latencies()

    def add(self, other: Times) -> None:
        """Count all that the other has counted."""
        self.counts.add(other.counts)
        self.latency.add(other.latency)
        self.service.add(other.service)

    def series(self) -> Series:
        """To be passed on."""
        counts = Counts()
        counts.add(self.counts)
        return Series(counts, self.latency.encoded(), self.service.encoded())

    @staticmethod
    def of(series: Series) -> Times:
        """What was passed on.

        Raises:
            Undecodable: its histograms are none.
        """
        found = Times()
        found.counts.add(series.counts)
        found.latency = Latencies.decoded(series.latency)
        found.service = Latencies.decoded(series.service)
        return found


class Totals:
    """What several processes have measured, put together.

    Attributes:
        series: by name.
        all: over all names.
        warm_up, failures, example, behind, in_flight: as in `Snapshot`.
        behind_s: of the one that is the most behind.
        elapsed_s: of the one that measured longest.
        cpu_s: of each process.
    """

    def __init__(self, snapshots: list[Snapshot]) -> None:
        self.series: dict[str, Times] = {}
        self.all = Times()
        self.warm_up = Counts()
        self.failures: dict[str, int] = {}
        self.behind = Latencies()
        for snapshot in snapshots:
            for name, series in snapshot.series.items():
                times = Times.of(series)
                self.series.setdefault(name, Times()).add(times)
                self.all.add(times)
            self.warm_up.add(snapshot.warm_up)
            for kind, count in snapshot.failures.items():
                count_failure(self.failures, kind, count)
            self.behind.add(Latencies.decoded(snapshot.behind))
        self.example = next((one.example for one in snapshots if one.example), "")
        self.behind_s = max((one.behind_s for one in snapshots), default=0.0)
        self.in_flight = sum(one.in_flight for one in snapshots)
        self.elapsed_s = max((one.elapsed_s for one in snapshots), default=0.0)
        self.cpu_s = [one.cpu_s for one in snapshots]


def count_failure(failures: dict[str, int], kind: str, count: int = 1) -> None:
    """Count failures of a kind; where there are too many kinds, with the others."""
    name = kind if kind in failures or len(failures) < _MAX_FAILURES else _OTHERS
    failures[name] = failures.get(name, 0) + count
