"""The processes of a load test, from their start to what they have measured."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import time
from multiprocessing.connection import Connection as Channel
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from types import TracebackType

from logmill.bench.counts import Snapshot
from logmill.bench.plan import Part, Plan, Share
from logmill.bench.worker import Begin, Broken, Ready, Stop, encoded, told, work
from logmill.errors import LogmillError

READY_TIMEOUT_S = 120.0
_LOOK_S = 0.2
# Between the last word that all are ready, and the first request.
_LEAD_S = 0.2
# Beyond what everything may take by its own limits.
_MARGIN_S = 30.0
_END_S = 5.0


class Fleet:
    """Starts a process for each share of a plan. Use it as a context manager, which ends what is left of them.

    Processes are spawned, not forked: each is as one that was started by itself, with no threads or locks of this one.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._shares = plan.shares()
        self._processes: list[SpawnProcess] = []
        self._channels: dict[Channel, int] = {}
        self._ready: set[int] = set()
        self._snapshots: dict[int, Snapshot] = {}
        self._limit_s = 0.0
        self._stopped = False

    def __enter__(self) -> Fleet:
        context = multiprocessing.get_context("spawn")
        # So that a Ctrl-C does not end those that are not yet far enough to ignore it; they are started in a moment.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            for number, share in enumerate(self._shares):
                ours, theirs = context.Pipe()
                process = context.Process(target=work, args=(theirs, self._plan, share), daemon=True)
                process.start()
                theirs.close()
                self._processes.append(process)
                self._channels[ours] = number
        finally:
            signal.signal(signal.SIGINT, before)
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for channel in self._channels:
            channel.close()
        deadline_s = time.monotonic() + _END_S
        for process in self._processes:
            process.join(max(0.0, deadline_s - time.monotonic()))
        self.kill()
        for process in self._processes:
            process.join(_END_S)

    def kill(self) -> None:
        """End all processes at once."""
        for process in self._processes:
            if process.is_alive():
                process.kill()

    def is_ready(self) -> bool:
        """Whether all can begin."""
        return len(self._ready) == len(self._shares)

    def is_done(self) -> bool:
        """Whether all have ended."""
        done = sum(snapshot.is_done for snapshot in self._snapshots.values())
        return done == len(self._shares) or not self._channels

    def begin(self) -> float:
        """Have all begin at the same moment; says when, by the monotonic clock."""
        start_s = time.monotonic() + _LEAD_S
        plan = self._plan
        last_s = plan.settle_s if Part.INGEST in plan.parts else 0.0
        self._limit_s = start_s + plan.length_s + plan.max_behind_s + 2 * plan.timeout_s + last_s + _MARGIN_S
        self._tell(encoded(Begin(start_s)))
        return start_s

    def stop(self) -> None:
        """Have all send nothing more and end; those that have not begun end as well."""
        if not self._stopped:
            self._stopped = True
            self._limit_s = time.monotonic() + self._plan.timeout_s + _MARGIN_S
            self._tell(encoded(Stop()))

    def listen(self, timeout_s: float = _LOOK_S) -> None:
        """Take what the processes tell, waiting at most so long for it.

        Raises:
            LogmillError: one of them ended before it was done, or takes longer than it may.
        """
        for channel in wait(list(self._channels), timeout_s):
            if isinstance(channel, Channel):
                self._take(channel)
        if self._limit_s and time.monotonic() > self._limit_s:
            raise LogmillError("a process of the load test does not end")

    def snapshots(self, part: Part) -> list[Snapshot]:
        """The last that each process of a part told."""
        return [one for number, one in sorted(self._snapshots.items()) if self._shares[number].part is part]

    def _take(self, channel: Channel) -> None:
        number = self._channels[channel]
        share = self._shares[number]
        try:
            message = told(channel.recv_bytes())
        except (EOFError, ConnectionError):  # reset: it was killed before it had read what it was told
            del self._channels[channel]
            channel.close()
            snapshot = self._snapshots.get(number)
            if not self._stopped and (snapshot is None or not snapshot.is_done):
                raise LogmillError(f"a process of the load test ({_words(share)}) has gone") from None
            return
        match message:
            case Ready():
                self._ready.add(number)
            case Broken(reason):
                raise LogmillError(f"a process of the load test ({_words(share)}) failed: {reason}")
            case Snapshot():
                self._snapshots[number] = message

    def _tell(self, data: bytes) -> None:
        for channel in self._channels:
            with contextlib.suppress(ConnectionError):
                channel.send_bytes(data)


def _words(share: Share) -> str:
    return f"{share.part} {share.number + 1} of {share.of}"
