"""What a record takes on disk, by column and by index, once everything is merged."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from logmill.settings import load
from storage.engine.chdb_engine import ChdbEngine

_COLUMNS = "SELECT name, data_compressed_bytes AS bytes FROM system.columns WHERE table = 'logs'"
_INDEXES = "SELECT name, data_compressed_bytes AS bytes FROM system.data_skipping_indices WHERE table = 'logs'"
_PROJECTIONS = """
    SELECT name, sum(bytes_on_disk) AS bytes FROM system.projection_parts
    WHERE active AND table = 'logs' GROUP BY name
"""
_TOTAL = "SELECT sum(bytes_on_disk) AS bytes, sum(rows) AS logs FROM system.parts WHERE active AND table = 'logs'"
_LEAST = 0.05
_MERGED_S = 1800.0


def bytes_per_record(folder: Path) -> dict[str, Any]:
    """Merge a store that nobody has open, and measure it.

    Returns:
        `total` bytes a record with everything, and `parts`: those of at least 0.05 bytes, the largest first.

    Raises:
        TimeoutError: the engine still merges after half an hour.
    """
    engine = ChdbEngine(folder, load({}, query_timeout_s=3600.0))
    engine.run("OPTIMIZE TABLE logs FINAL SETTINGS max_execution_time = 0")
    end_s = time.monotonic() + _MERGED_S
    while engine.select("SELECT count() AS n FROM system.merges")["n"][0].as_py():
        if time.monotonic() > end_s:
            raise TimeoutError(f"the store in {folder} is not merged within {_MERGED_S:g} s")
        time.sleep(0.5)
    (whole,) = engine.select(_TOTAL).to_pylist()
    sizes: dict[str, float] = {}
    for kind, sql in (("", _COLUMNS), ("index ", _INDEXES), ("projection ", _PROJECTIONS)):
        for one in engine.select(sql).to_pylist():
            sizes[kind + one["name"]] = round(one["bytes"] / whole["logs"], 2)
    engine.close()
    parts = {name: size for name, size in sorted(sizes.items(), key=lambda item: -item[1]) if size >= _LEAST}
    return {"total": round(whole["bytes"] / whole["logs"], 2), "logs": whole["logs"], "parts": parts}
