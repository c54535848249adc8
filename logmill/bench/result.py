"""What a load test measured, as a file that another can be compared with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from logmill.bench.counts import Counts, Times
from logmill.bench.latencies import Latencies
from logmill.errors import ConfigError

KIND = "logmill-bench"
SCHEMA_VERSION = 1
MAX_FILE_BYTES = 64 * 1024 * 1024

_Number = Annotated[float, Meta(ge=0)]


class Timing(msgspec.Struct, frozen=True):
    """Times, in milliseconds; to be read, but for `histogram`, which says all of it.

    Attributes:
        count: how many.
        histogram: HdrHistogram, compressed, in base64; in microseconds.
    """

    count: int
    mean_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    p99_9_ms: float
    max_ms: float
    histogram: str

    @staticmethod
    def of(latencies: Latencies) -> Timing:
        """These times."""
        p50, p90, p99, p99_9, longest = (round(time_s * 1000, 3) for time_s in latencies.at())
        mean = round(latencies.mean_s * 1000, 3)
        return Timing(len(latencies), mean, p50, p90, p99, p99_9, longest, latencies.encoded())

    def latencies(self) -> Latencies:
        """The times.

        Raises:
            Undecodable: the histogram is none.
        """
        return Latencies.decoded(self.histogram)


class Requests(msgspec.Struct, frozen=True):
    """Requests by how they ended, as in `Counts`."""

    ok: int
    refused: int
    failed: int
    dropped: int
    bytes_sent: int
    bytes_received: int

    @staticmethod
    def of(counts: Counts) -> Requests:
        """Of these counts."""
        return Requests(*(getattr(counts, name) for name in Requests.__struct_fields__))

    @property
    def due(self) -> int:
        """All of them, also those that were not sent."""
        return self.ok + self.refused + self.failed + self.dropped


class Asked(msgspec.Struct, frozen=True):
    """The requests of one name.

    Attributes:
        requests: how they ended.
        latency: from when each was due to its end.
        service: from when it was sent to its end.
    """

    requests: Requests
    latency: Timing
    service: Timing

    @staticmethod
    def of(times: Times) -> Asked:
        """Of these times."""
        return Asked(Requests.of(times.counts), Timing.of(times.latency), Timing.of(times.service))


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of load, without its warm-up.

    Attributes:
        asked_per_s: requests a second that were asked for; None is a closed loop, whose latency is its service time.
        kept_per_s: requests a second that were answered well.
        logs_per_s: logs a second that were accepted; None for questions.
        elapsed_s: how long that took.
        total: all of its requests.
        behind: from when each was due to when it was sent.
        failures: by kind, those of the warm-up too.
        example: what the first of them said.
        by_name: the questions of queries.
    """

    asked_per_s: _Number | None
    kept_per_s: _Number
    logs_per_s: _Number | None
    elapsed_s: _Number
    total: Asked
    behind: Timing
    failures: dict[str, int]
    example: str = ""
    by_name: dict[str, Asked] = {}


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the logs, those of the warm-up too.

    Attributes:
        accepted: those that the producer accepted.
        rejected: those that it refused for good.
        refused: those that were to be sent again, and were not; some may be stored all the same.
        unsure: those of which no answer came; they may be stored.
        stored: those that storage counted; None where it could not be asked.
        waited_s: from the last answer until it counted all that was accepted, or was not waited for any longer.
        is_final: whether it counted all, or was waited for as long as it should be.
    """

    accepted: int
    rejected: int
    refused: int
    unsure: int
    stored: int | None
    waited_s: float
    is_final: bool

    @property
    def missing(self) -> int:
        """Accepted and not found."""
        return 0 if self.stored is None else max(0, self.accepted - self.stored)

    @property
    def beyond(self) -> int:
        """Found beside those that were accepted: some of the refused and unsure, or some twice."""
        return 0 if self.stored is None else max(0, self.stored - self.accepted)

    @property
    def is_too_much(self) -> bool:
        """Whether some must have been stored twice."""
        return self.beyond > self.refused + self.unsure


class Searchable(msgspec.Struct, frozen=True):
    """How soon a log could be found.

    Attributes:
        requests: the probes; `failed` are those that could not be sent, or not be found.
        latency: from when each was due to be sent.
        after_answer: from when the producer had answered.
    """

    requests: Requests
    latency: Timing
    after_answer: Timing


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A load test.

    Attributes:
        kind: KIND.
        schema_version: SCHEMA_VERSION.
        run: its name.
        started_at: when, in UTC.
        ended_early: whether it was stopped before its time.
        configuration: what was asked for; without addresses.
        machine: where the load came from; without its name.
        ingest: of logs.
        query: of questions.
        stored: what became of the logs.
        searchable: how soon they could be found.
        busiest_process: CPU seconds a second of the process of the load test that took most: near 1, it is the limit.
        cpu_s: of all its processes.
    """

    kind: str
    schema_version: int
    run: str
    started_at: str
    ended_early: bool
    configuration: dict[str, str | int | float | bool | None]
    machine: dict[str, str | int | bool]
    ingest: Load | None = None
    query: Load | None = None
    stored: Stored | None = None
    searchable: Searchable | None = None
    busiest_process: float = 0.0
    cpu_s: float = 0.0


def check_place(path: Path) -> None:
    """See whether a result can be written there, before there is one.

    Raises:
        ConfigError: it cannot.
    """
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise ConfigError(f"--output: {path} cannot be written")


def write(result: Result, path: Path) -> None:
    """Write a result; the file is there whole or not at all.

    Raises:
        ConfigError: it cannot be written.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise ConfigError(f"--output: {path} cannot be written: {error.strerror}") from None


def read(path: Path) -> Result:
    """The result of a file.

    Raises:
        ConfigError: there is none, of a version that is known.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > MAX_FILE_BYTES:
        raise ConfigError(f"{path} is longer than {MAX_FILE_BYTES >> 20} MiB: no result of `logmill bench`")
    try:
        head = msgspec.json.decode(data, type=_Head)
        if head.kind == KIND and head.schema_version == SCHEMA_VERSION:
            return msgspec.json.decode(data, type=Result)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no result of `logmill bench`: {error}") from None
    raise ConfigError(
        f"{path} is no result of `logmill bench` that this version reads "
        f"(kind {head.kind[:40]!r}, schema_version {head.schema_version}; known is {KIND!r}, {SCHEMA_VERSION})"
    )


class _Head(msgspec.Struct, frozen=True):
    kind: str = ""
    schema_version: int = 0
