"""The enrichment of a block: each stage is a file with one pure function from DataFrame to DataFrame.

A stage keeps row count and order and only adds or replaces columns; `STAGES` is their order.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from logmill.settings import Settings
from processor.stages import anomaly, fingerprint, normalise, priority, severity, tags

Stage = Callable[[pl.DataFrame], pl.DataFrame]


def make_stages(settings: Settings) -> tuple[tuple[str, Stage], ...]:
    """Every stage by name, in the order in which they run."""
    return (
        ("normalise", normalise.normalise),
        ("priority", priority.add_priority),
        ("anomaly", lambda frame: anomaly.add_anomaly(frame, settings.slow_response_ms)),
        ("severity", severity.add_severity),
        ("tags", tags.add_tags),
        ("fingerprint", fingerprint.add_fingerprint),
    )
