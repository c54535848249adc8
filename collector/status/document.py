"""What the live page and /status.json show: figures, files with their lag, what is on its way, settings."""

from __future__ import annotations

import heapq
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from collector.status.figures import FaultSeen, History, Rates, Reason, Snapshot, SourceCounted, Totals
from collector.status.following import FileState, Following, Shipping
from collector.status.statistics import Statistics
from collector.status.windows import Counted, printable
from logmill.configuration import Shown, shown
from logmill.settings import Settings
from logmill.urls import without_credentials

MAX_FILES = 1000
# Requests fail now and then; a producer that is renewed is away for a few seconds.
AWAY_S = 5.0
_SHARED_SETTINGS = (
    "LOGMILL_DATA_DIR",
    "LOGMILL_PRODUCER_URL",
    "LOGMILL_API_KEY",
    "LOGMILL_ALLOW_NO_KEY",
    "LOGMILL_TRUSTED_HOSTS",
    "LOGMILL_LOG_LEVEL",
    "LOGMILL_DRAIN_TIMEOUT_S",
)
_OWN_SETTINGS = "LOGMILL_COLLECT_"
_STDIN = "-"
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class FileShown(msgspec.Struct, frozen=True):
    """A file: how far it was read and accepted, and what came of it since the collector started.

    Sizes are null where the file is not followed any more.
    """

    path: str
    service: str
    size_bytes: int | None
    read_bytes: int | None
    accepted_bytes: int | None
    lag_bytes: int | None
    is_rotated: bool
    modified_at: datetime | None
    state: str
    records: int = 0
    per_s: float = 0.0
    faults: int = 0
    present_path: str = ""


class Lag(msgspec.Struct, frozen=True):
    """What is not accepted yet, of all files; and how many of them there are."""

    bytes: int
    files: int


class InFlight(msgspec.Struct, frozen=True):
    """Batches that the producer has not accepted yet, and how many there may be."""

    batches: int
    most: int
    oldest_s: float


class Producer(msgspec.Struct, frozen=True):
    """Where batches go; `state` is "" where all is well."""

    url: str
    state: str
    away_s: float


class Status(msgspec.Struct, frozen=True):
    """All that is shown; every list is bounded."""

    status: str
    service: str
    host: str
    started_at: datetime
    ready: str
    producer: Producer
    in_flight: InFlight
    lag: Lag
    totals: Totals
    rates: Rates
    history: History
    levels: tuple[Counted, ...]
    formats: tuple[Counted, ...]
    tags: tuple[Counted, ...]
    services: tuple[Counted, ...]
    files: tuple[FileShown, ...]
    faults: tuple[FaultSeen, ...]
    refusals: tuple[Reason, ...]
    retries: tuple[Reason, ...]
    configuration: tuple[Shown, ...]


class Reporter:
    """Puts the status together.

    Args:
        settings: those in force.
        statistics: what was counted.
        following: who knows of files and batches.
    """

    def __init__(self, settings: Settings, statistics: Statistics, following: Following) -> None:
        self._statistics = statistics
        self._following = following
        self._producer_url = without_credentials(settings.producer_url)
        self._max_in_flight = settings.collect_max_in_flight
        self._host = settings.collect_host or socket.gethostname()
        self._configuration = tuple(
            one for one in shown(settings) if one.name in _SHARED_SETTINGS or one.name.startswith(_OWN_SETTINGS)
        )
        self._started_at = datetime.now(UTC)

    def readiness(self) -> str:
        """Say "ready", or in words what is waited for."""
        return _readiness(self._following.shipping())

    def status(self) -> Status:
        """All of it as it is now."""
        found = self._statistics.snapshot()
        files = self._following.files()
        shipping = self._following.shipping()
        return Status(
            status="success",
            service="collector",
            host=printable(self._host),
            started_at=self._started_at,
            ready=_readiness(shipping),
            producer=Producer(self._producer_url, printable(shipping.producer_state), shipping.producer_away_s),
            in_flight=InFlight(shipping.batches_in_flight, self._max_in_flight, shipping.oldest_in_flight_s),
            lag=Lag(sum(one.lag_bytes for one in files), len(files)),
            files=_files(files, found.sources),
            configuration=self._configuration,
            **_same(found),
        )


def _same(found: Snapshot) -> dict[str, Any]:
    """The fields that a status has as the figures have them."""
    return {name: getattr(found, name) for name in Snapshot.__struct_fields__ if name != "sources"}


def _readiness(shipping: Shipping) -> str:
    if not shipping.producer_state or shipping.producer_away_s <= AWAY_S:
        return "ready"
    return f"the producer has taken nothing for {shipping.producer_away_s:.0f} s: {printable(shipping.producer_state)}"


def _files(files: Sequence[FileState], sources: Sequence[SourceCounted]) -> tuple[FileShown, ...]:
    """The files that lag most, of the others those that changed last; then those that are not followed any more."""
    most = heapq.nlargest(MAX_FILES, files, key=lambda one: (one.lag_bytes, one.modified_at or _LONG_AGO))
    counted = {one.path: one for one in sources if not one.is_other}
    # Of a file and the one that was rotated away from its name, the first has what was counted for the name.
    of_name = {one.path: one for one in most if one.is_rotated} | {one.path: one for one in most if not one.is_rotated}
    followed = {printable(one.path) for one in files}
    rows = [_shown(one, counted.get(printable(one.path)) if of_name[one.path] is one else None) for one in most]
    gone = (_gone(one) for path, one in counted.items() if path not in followed)
    return (*rows, *(row for row, _ in zip(gone, range(MAX_FILES - len(rows)), strict=False)))


def _shown(one: FileState, counted: SourceCounted | None) -> FileShown:
    return FileShown(
        path=printable(one.path),
        service=counted.service if counted else "",
        size_bytes=one.size_bytes,
        read_bytes=one.read_bytes,
        accepted_bytes=one.accepted_bytes,
        lag_bytes=one.lag_bytes,
        is_rotated=one.is_rotated,
        modified_at=one.modified_at,
        state=printable(one.state),
        records=counted.records if counted else 0,
        per_s=counted.per_s if counted else 0.0,
        faults=counted.faults if counted else 0,
        present_path=printable(one.present_path),
    )


def _gone(one: SourceCounted) -> FileShown:
    return FileShown(
        path=one.path,
        service=one.service,
        size_bytes=None,
        read_bytes=None,
        accepted_bytes=None,
        lag_bytes=None,
        is_rotated=False,
        modified_at=None,
        state="read as it comes" if one.path == _STDIN else "not followed any more",
        records=one.records,
        per_s=one.per_s,
        faults=one.faults,
    )
