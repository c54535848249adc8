"""Counts the numbered logs of a store that nobody has open: how many there are, and how many different numbers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from logmill.settings import load
from storage.engine.chdb_engine import ChdbEngine

# The text of the metadata with marks for what is in other columns, which this number is not.
_COUNTS = """
    SELECT count() AS stored, uniqExact(number) AS numbers, max(number) AS last
    FROM (SELECT toUInt64OrNull(extract(metadata_packed, '"order":([0-9]+)')) AS number FROM logs
          WHERE service = {service:String})
    WHERE number IS NOT NULL
"""


def main() -> None:
    """Print the counts of `STORE SERVICE` as JSON; a process of its own, since the engine opens one store in each."""
    folder, service = sys.argv[1:3]
    engine = ChdbEngine(Path(folder), load({}, query_timeout_s=3600.0))
    (counts,) = engine.select(_COUNTS, {"service": service}).to_pylist()
    engine.close()
    sys.stdout.write(json.dumps(counts) + "\n")


if __name__ == "__main__":
    main()
