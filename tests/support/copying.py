"""Opens local copies, gives them batches, and reads them as others do."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collector.outputs import open_output
from collector.outputs.files import KEPT_FILES
from collector.outputs.structured import COLUMNS
from collector.shipping import Output
from logmill.settings import load
from tests.support.recording import made


def opened(path: Path, kind: str = "jsonl", *, position: str = "", **settings: Any) -> Output:
    """The local copy at this path, brought back to the position as the collector does."""
    output = open_output(load({}, collect_output=str(path), collect_output_type=kind, **settings), position)
    assert output is not None
    output.restore(position)
    return output


def batch(*events: str | bytes, **options: Any) -> bytes:
    """The body of a batch with these events."""
    return made(*events, **options).body


def parts(path: Path) -> list[Path]:
    """The files of a copy, the oldest first."""
    older = [path.with_name(f"{path.name}.{number}") for number in range(KEPT_FILES, 0, -1)]
    return [one for one in (*older, path) if one.exists()]


def records(path: Path, kind: str = "jsonl") -> list[dict[str, Any]]:
    """All that is in a copy, the oldest first, with tags and fields as JSON has them."""
    if kind == "sqlite":
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        db.row_factory = sqlite3.Row
        rows = [dict(row) for row in db.execute(f"SELECT {', '.join(COLUMNS)} FROM logs ORDER BY id")]
        db.close()
        return [{**row, **{name: json.loads(row[name]) for name in ("tags", "fields")}} for row in rows]
    if kind == "csv":
        found = []
        for part in parts(path):
            with part.open(newline="", encoding="utf-8") as file:
                found += list(csv.DictReader(file, strict=True))
        return [{**row, "tags": row["tags"].split("; "), "fields": json.loads(row["fields"])} for row in found]
    return [json.loads(line) for part in parts(path) for line in part.read_text(encoding="utf-8").split("\n")[:-1]]


def messages(path: Path, kind: str = "jsonl") -> Sequence[str]:
    """The messages in a copy."""
    return [record["message"] for record in records(path, kind)]
