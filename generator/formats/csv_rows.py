"""CSV (RFC 4180, but for the line feeds): a header, then a row a log."""

from __future__ import annotations

from collections.abc import Sequence

from generator.formats.moments import iso_times
from generator.formats.text import on_one_line
from generator.log import Log, Made

_OWN = ("timestamp", "level", "service", "message", "host", "trace_id", "span_id")
_METADATA = (
    "request_id", "user_id", "session_token", "client_ip", "method", "path", "status_code", "response_time_ms",
    "error_code", "tags", "user_agent", "bytes",
)  # fmt: skip


def _cell(text: str) -> str:
    if '"' in text:
        text = text.replace('"', '""')
    elif "," not in text:
        return text
    return f'"{text}"'


class CsvFormat:
    r"""See `Format`. A message of several lines is on one, with `\n` between them; several tags have a `|` between."""

    content_type = ""
    only_requests = False

    def __init__(self, custom: Sequence[str] = ()) -> None:
        self.header = (",".join((*_OWN, *_METADATA, *custom)) + "\n").encode()
        self._custom = tuple(f"custom_{place}" for place in range(len(custom)))

    def encode(self, made: Made) -> bytes:
        """See `Format`."""
        return "".join(map(self._row, made.logs, iso_times(made.times_us))).encode()

    def _row(self, log: Log, time: str) -> str:
        known = log.metadata
        # The module `csv` takes three times as long, and only three cells may need quotes.
        row = (
            f"{time},{log.level},{log.service},{_cell(on_one_line(log.message))},{log.host},{log.trace_id},{log.span_id},"
            f"{known.request_id},{known.user_id},{known.session_token},{known.client_ip},{known.method},{known.path},"
            f"{known.status_code or ''},{known.response_time_ms or ''},{known.error_code},{'|'.join(known.tags)},"
            f"{_cell(known.user_agent)},{known.bytes or ''}"
        )
        for name in self._custom:
            row += f",{_cell(getattr(known, name))}"
        return row + "\n"
