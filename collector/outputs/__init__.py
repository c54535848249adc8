"""The local copy of what was accepted, taken apart into fields."""

from __future__ import annotations

from pathlib import Path

from collector.outputs.database import DatabaseOutput
from collector.outputs.existing import check_existing
from collector.outputs.files import FileOutput, settled_part
from collector.outputs.lines import Csv, JsonLines
from collector.outputs.structured import Structure
from collector.shipping import Output
from logmill.rules.ruleset import rules_of
from logmill.settings import Settings
from logmill.submitted import Limits


def open_output(settings: Settings, position: str = "") -> Output | None:
    """The local copy that the settings name; None where they name none.

    Args:
        settings: those in force.
        position: that it will be brought back to (`Output.restore`), so what is behind it may be anything; "" for none.

    Raises:
        ConfigError: it cannot be written, or a file of something else lies there.
        AlreadyRunning: another collector writes it.
    """
    if not settings.collect_output:
        return None
    path = Path(settings.collect_output)
    is_database = settings.collect_output_type == "sqlite"
    # After a power cut zeros may be there: the file system made the file longer, and wrote nothing into it yet.
    place, settled_bytes = (path, None) if is_database or not position else settled_part(path, position)
    check_existing(place, settings.collect_output_type, settled_bytes)
    structure = Structure(rules_of(settings), Limits.of(settings), settings.slow_response_ms)
    max_bytes = settings.collect_output_max_bytes
    if is_database:
        return DatabaseOutput(path, structure, max_bytes)
    form = Csv() if settings.collect_output_type == "csv" else JsonLines()
    return FileOutput(path, structure, form, max_bytes)
