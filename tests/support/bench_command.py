"""`logmill bench` as a process."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from logmill.settings import child_environment, load
from logmill.supervisor import python_command

TIMEOUT_S = 90


def environment(**more: str) -> dict[str, str]:
    """Ours, with nothing about the terminal, and `more`."""
    plain = {name: value for name, value in child_environment(load({})).items() if name not in {"NO_COLOR", "COLUMNS"}}
    return {**plain, **more}


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """A load test, or a comparison, that has ended."""
    return subprocess.run(
        python_command("bench", *words), env=environment(), capture_output=True, text=True, timeout=TIMEOUT_S
    )


@contextlib.contextmanager
def started(output: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A load test in a group of its own, as a shell starts it; what it says goes to a file."""
    with output.open("wb") as file:
        process = subprocess.Popen(
            python_command("bench", *words), env=environment(), stdout=file, stderr=file, start_new_session=True
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)
