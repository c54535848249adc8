"""Waits for the engine to have written parts anew, as a change of the table may ask of it, and says how far it is."""

from __future__ import annotations

import time

import structlog

from logmill.errors import ConfigError
from storage.engine.protocol import Engine
from storage.statements import statement

log = structlog.get_logger()

# The engine tries again by itself what fails, as on a full disk; no part takes as long as the second.
_FAILING_S = 60.0
_STILL_S = 3600.0
_SAY_EVERY_S = 10.0
_LOOK_EVERY_S = 0.1


def await_all(engine: Engine) -> None:
    """Return once no part of the table `logs` waits to be written anew. What is done stays done if the process ends.

    Raises:
        ConfigError: it fails for a minute, or nothing happens for an hour.
    """
    fewest, moved_s = float("inf"), time.monotonic()
    said_s = -_SAY_EVERY_S
    while True:
        found = engine.select(statement("schema", "open_mutations")).to_pylist()[0]
        if not found["mutations"]:
            return
        now_s = time.monotonic()
        if found["parts"] < fewest:
            fewest, moved_s = found["parts"], now_s
        if now_s > moved_s + (_FAILING_S if found["failure"] else _STILL_S):
            why = found["failure"][:500] or "nothing happens"
            raise ConfigError(f"the logs of an earlier version cannot be written anew: {why}")
        if now_s >= said_s + _SAY_EVERY_S:
            said_s = now_s
            log.info("logs of an earlier version are written anew", parts_left=found["parts"])
        time.sleep(_LOOK_EVERY_S)
