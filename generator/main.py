"""Wires a generator together and runs it until it is told to stop, or has made what was asked for."""

from __future__ import annotations

import gc
import math
import sys
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from random import Random
from typing import Protocol

import click

from generator import daily
from generator.flows.journey import Journey
from generator.formats import Format, format_of
from generator.heartbeat import Heartbeats
from generator.log import Made, metadata_with
from generator.maker import Maker
from generator.mix import mix_of
from generator.options import Asked, Plan, plan_of
from generator.outputs.batched import Batching
from generator.outputs.http import http_output
from generator.outputs.protocol import Output
from generator.outputs.rotating import FileOutput
from generator.outputs.several import Several
from generator.outputs.stream import StreamOutput
from generator.progress import Progress
from generator.schedule import Pace, Past, Schedule, Unbounded
from logmill.errors import ConfigError, DrainLimitPassed, LogmillError
from logmill.lifecycle import StopSignal
from logmill.logs import configure_logs
from logmill.settings import Settings
from logmill.terminal import OutputClosed

# Logs that are made at a time: few enough that a signal is heeded soon, enough that encoding costs little.
_CHUNK_LOGS = 1000
# Between two looks at the clock, where logs are due all the time.
_TICK_S = 0.01
_LONGEST_WAIT_S = 0.25
# Threads that send would otherwise wait for 5 ms whenever they need the interpreter, which making logs keeps busy.
_SWITCH_S = 0.001
# Logs are no cycles: to look for some among all that wait would cost a tenth.
_COLLECT_EVERY = 200_000
STANDARD_OUTPUT = "-"


class Source(Protocol):
    """Makes logs.

    Attributes:
        epoch_us: the time of moment 0, microseconds since 1970-01-01 UTC.
    """

    epoch_us: int

    def make(self, moments_us: Iterable[int]) -> Made:
        """One log for each moment, microseconds since moment 0."""


def run(asked: Asked, settings: Settings, stop: StopSignal) -> None:
    """Make logs until `stop`, or as many and for as long as was asked; then have them out, and say what was done.

    Raises:
        ConfigError: an option is wrong; names it.
        LogmillError: the output cannot go on, or refused some.
        DrainLimitPassed: not everything was out in time.
    """
    plan = plan_of(asked)
    form = format_of(asked.format, plan.custom.names)
    if form.only_requests and asked.heartbeat:
        raise ConfigError("--format: a heartbeat is no request, so it has no access log")
    source = _source(plan, form, asked.users)
    if asked.producer or asked.broker:
        # Standard output has no logs of the shop then, so it has ours.
        configure_logs("generator", settings)
    output = _output(asked, form, settings)
    sys.setswitchinterval(_SWITCH_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_EVERY, 10, 10)
    Run(plan, source, output, asked, settings, stop).run()


class Run:
    """One run; see `run`. It closes the output."""

    def __init__(
        self, plan: Plan, source: Source, output: Output, asked: Asked, settings: Settings, stop: StopSignal
    ) -> None:
        self._plan = plan
        self._source = source
        self._output = output
        self._stop = stop
        self._catch_up_s = asked.catch_up_s
        self._drain_timeout_s = settings.drain_timeout_s
        self._start_us = time.time_ns() // 1000
        self._start_s = time.monotonic()
        source.epoch_us = self._start_us if plan.start_us is None else plan.start_us
        self._pace = self._pace_of(plan)
        # By the clock; logs of the past are made for as long as it takes.
        self._end_s = math.inf if plan.backfill else plan.duration_s
        self._made_logs = 0
        # When an output took something for the last time, and how much it had taken by then.
        self._taken_at: tuple[float, int] = (0.0, 0)
        file = Path(asked.status_file) if asked.status_file else None
        self._progress = Progress(lambda: output.counts, self._pace.due, sys.stderr, file, self._end_s)

    def run(self) -> None:
        """See `run`."""
        why = "a failure of the generator itself"
        try:
            self._run()
            why = ""
        except OutputClosed:
            # As `head` does; what it read was enough.
            why = ""
        except LogmillError as error:
            why = str(error)
            raise
        finally:
            self._progress.close(self._now_s(), why)

    def _run(self) -> None:
        made_s = None
        is_quiet = False
        try:
            self._make()
            made_s = min(self._now_s(), self._plan.duration_s if self._plan.rate else math.inf)
            self._progress.end_s = min(self._end_s, made_s)
            self._drain()
        except OutputClosed:
            is_quiet = True
            raise
        finally:
            now_s = self._now_s()
            self._output.close()
            self._progress.missed += self._untaken()
            if self._made_logs and not is_quiet:
                summary = self._progress.end(now_s, now_s if made_s is None else made_s)
                click.echo(f"logmill generate: {summary}", err=True)
        counts = self._output.counts
        if self._untaken():
            why = counts.trouble or "nobody reads it"
            raise DrainLimitPassed(f"not everything was out {self._drain_timeout_s:g} s after the end; {why}")
        if counts.refused:
            raise LogmillError(f"{counts.refused:,} logs were refused; the last time: {counts.trouble}")

    def _make(self) -> None:
        """Make logs as they become due."""
        pace, output, progress = self._pace, self._output, self._progress
        while not self._stop.is_set():
            now_s = self._now_s()
            progress.look(now_s)
            if now_s - pace.next_s() > self._catch_up_s:
                progress.missed += pace.skip(now_s - self._catch_up_s)
            if not output.wait_for_room(_TICK_S):
                if self._is_given_up(now_s):
                    return
                continue
            moments_us = pace.take(now_s, _CHUNK_LOGS)
            if moments_us:
                output.write(self._made(moments_us))
                self._made_logs += len(moments_us)
                if len(moments_us) == _CHUNK_LOGS:
                    continue
            next_s = pace.next_s()
            if math.isinf(next_s):
                return
            output.push()
            self._stop.wait(min(max(next_s - self._now_s(), _TICK_S), _LONGEST_WAIT_S))

    def _is_given_up(self, now_s: float) -> bool:
        """Whether an output without room is not waited for any longer: the end has come, and it takes nothing."""
        if now_s < self._end_s:
            return False
        if self._plan.rate is None or math.isinf(self._pace.next_s()):
            return True
        if now_s < self._drain_until_s(now_s):
            return False
        # What is still to be made for the time that is over.
        due = self._pace.due(self._end_s) or 0
        self._progress.missed += max(0, due - self._made_logs - self._progress.missed)
        return True

    def _made(self, moments_us: list[int]) -> Made:
        made = self._source.make(moments_us)
        if self._plan.rate is None:
            # Its moments are no times. What is made now happened just now, and takes as long as it takes.
            later_us = self._start_us + int(self._now_s() * 1e6) - self._source.epoch_us - moments_us[-1]
            return Made([time_us + later_us for time_us in made.times_us], made.logs)
        return made

    def _drain(self) -> None:
        """Have everything out, or as much as is taken until the time to drain is over."""
        until_s = self._drain_until_s(self._now_s())
        while not self._output.flush(_LONGEST_WAIT_S):
            now_s = self._now_s()
            self._progress.look(now_s)
            if now_s > until_s:
                return

    def _drain_until_s(self, now_s: float) -> float:
        """Until when the output is waited for: from the end, or from the last time when it took something since."""
        counts = self._output.counts
        taken = counts.done + counts.refused
        if taken != self._taken_at[1]:
            self._taken_at = (now_s, taken)
        begin_s = now_s if self._stop.is_set() else max(min(now_s, self._end_s), self._taken_at[0])
        return begin_s + self._drain_timeout_s

    def _untaken(self) -> int:
        """How many logs were made and are not out."""
        counts = self._output.counts
        return self._made_logs - counts.done - counts.refused

    def _now_s(self) -> float:
        return time.monotonic() - self._start_s

    def _pace_of(self, plan: Plan) -> Pace:
        if plan.rate is None:
            return Unbounded(count=plan.count, duration_s=plan.duration_s)
        epoch_s = self._source.epoch_us / 1e6
        schedule = Schedule(
            plan.rate,
            bursts=plan.bursts,
            load=(lambda time_s: daily.load(epoch_s + time_s)) if plan.is_daily else None,
            count=plan.count,
            duration_s=plan.duration_s,
        )
        return Past(schedule) if plan.backfill else schedule


def _source(plan: Plan, form: Format, users: int) -> Source:
    # Rows of chance of their own: which flows there are does not depend on what they say, nor on custom fields.
    flows_rng, journey_rng, custom_rng = (Random(f"{plan.seed}:{use}") for use in ("flows", "journey", "custom"))  # noqa: S311 - no secrets
    new_metadata, custom = metadata_with(plan.custom.names), plan.custom.drawing(custom_rng)
    if plan.heartbeat_level:
        return Heartbeats(plan.heartbeat_level, new_metadata=new_metadata, custom=custom)
    journey = Journey(
        journey_rng, users=users, new_metadata=new_metadata, custom=custom, only_requests=form.only_requests
    )
    return Maker(
        mix_of(plan.levels, only_requests=form.only_requests),
        journey,
        flows_rng,
        incidents=plan.incidents,
        slowness=partial(daily.slowness, seed=plan.seed) if plan.is_daily else None,
    )


def _output(asked: Asked, form: Format, settings: Settings) -> Output:
    key = asked.key or settings.api_key
    if asked.producer:
        return http_output(form, asked.producer, api_key=key, batching=_batching(asked))
    if asked.broker:
        return _amqp_output(asked)
    paths = list(dict.fromkeys(asked.outputs)) or [STANDARD_OUTPUT]
    if asked.heartbeat and STANDARD_OUTPUT not in paths:
        paths.insert(0, STANDARD_OUTPUT)
    outputs = [_place(asked, form, path) for path in paths]
    return outputs[0] if len(outputs) == 1 else Several(outputs)


def _place(asked: Asked, form: Format, path: str) -> Output:
    if path == STANDARD_OUTPUT:
        return StreamOutput(form)
    return FileOutput(form, Path(path), max_bytes=asked.max_bytes, backups=asked.backups)


def _batching(asked: Asked) -> Batching:
    return Batching(asked.connections, asked.batch_logs, asked.batch_interval_s)


def _amqp_output(asked: Asked) -> Output:
    if asked.format.strip().lower() != "json":
        raise ConfigError("--broker: logs are published as records; --format does not go with it")
    # Late, so that nothing else needs the libraries of a broker.
    from generator.outputs.amqp import AmqpOutput
    from logmill.broker import open_broker

    return AmqpOutput(open_broker(asked.broker), _batching(asked))
