"""The local copy of what was accepted, taken apart into fields."""

from __future__ import annotations

from collector.shipping import Output
from logmill.errors import ConfigError
from logmill.settings import Settings


def open_output(settings: Settings) -> Output | None:
    """The local copy that the settings name; None where they name none."""
    if settings.collect_output:
        raise ConfigError("LOGMILL_COLLECT_OUTPUT: not there yet")
    return None
