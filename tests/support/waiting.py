"""Waiting for a condition, with a deadline instead of hope."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")
POLL_S = 0.02


def wait_until(condition: Callable[[], Value], timeout_s: float = 30.0, what: str = "it") -> Value:
    """The first true value of `condition`.

    Raises:
        TimeoutError: it was not true in time.
    """
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {timeout_s:g} s")
        time.sleep(POLL_S)
    return value
