"""Makes logs as `logmill generate` does: flows, many of them, and the command itself as a process."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from generator.flows.catalogue import Tell
from generator.flows.journey import Journey
from generator.log import Log, Made
from generator.maker import Maker
from generator.mix import DEFAULT_LEVELS, mix_of
from generator.spans import Incident
from logmill.settings import child_environment, load
from logmill.supervisor import python_command

ROOT = Path(__file__).resolve().parents[2]
# A Monday.
EPOCH_US = 1_800_000_000_000_000


def told(tell: Tell, seed: int = 0, **options: Any) -> list[tuple[int, Log]]:
    """Time and log of everything that one flow logs, in order."""
    journey = Journey(Random(seed), users=1000, **options)
    journey.begin(0)
    tell(journey)
    return [(-time_us, log) for time_us, _number, log in journey.logs]


def maker(seed: int = 1, incidents: Sequence[Incident] = (), levels: Mapping[str, float] = DEFAULT_LEVELS) -> Maker:
    """What makes logs from this seed."""
    journey = Journey(Random(f"{seed}:journey"), users=50_000)
    return Maker(mix_of(levels), journey, Random(seed), incidents=incidents, epoch_us=EPOCH_US)


def made(count: int, rate: int = 1000, seed: int = 1, **options: Any) -> Made:
    """So many logs at this rate."""
    return maker(seed, **options).make(range(0, count * 1_000_000 // rate, 1_000_000 // rate))


class Generating:
    """`logmill generate` as a process; a context manager, which ends it.

    Args:
        arguments: those of the command.
        environ: more variables.
        settings: by field name.
    """

    def __init__(self, *arguments: str, environ: Mapping[str, str] | None = None, **settings: Any) -> None:
        self.process = subprocess.Popen(
            [*python_command("generate"), *arguments],
            env={**child_environment(load({}, **settings)), **(environ or {})},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def ended(self, timeout_s: float = 60.0) -> tuple[int, bytes, str]:
        """Exit code, standard output, standard error, once it has ended."""
        output, errors = self.process.communicate(timeout=timeout_s)
        return self.process.returncode, output, errors.decode()

    def __enter__(self) -> Generating:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


def generated(*arguments: str, **options: Any) -> tuple[bytes, str]:
    """What the command wrote, and what it said; it must have ended well."""
    with Generating(*arguments, **options) as running:
        code, output, errors = running.ended()
    assert code == 0, errors
    return output, errors


def records(lines: bytes) -> list[dict[str, Any]]:
    """What NDJSON holds."""
    return [json.loads(line) for line in lines.splitlines()]
