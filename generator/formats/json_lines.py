"""JSON, an object a line, with the members that `POST /logs/batch` knows."""

from __future__ import annotations

import msgspec

from generator.formats.moments import iso_times
from generator.log import Made


class JsonFormat:
    """See `Format`."""

    content_type = "application/x-ndjson"
    header = b""
    only_requests = False

    def __init__(self) -> None:
        self._encoder = msgspec.json.Encoder()

    def encode(self, made: Made) -> bytes:
        """See `Format`."""
        for log, text in zip(made.logs, iso_times(made.times_us), strict=True):
            log.timestamp = text
        return self._encoder.encode_lines(made.logs)
