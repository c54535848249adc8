"""logfmt: `key=value` pairs, quoted where a value may be more than a word."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from generator.formats.moments import iso_times
from generator.log import Log, Made

# What stands as it is within quotes.
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')


def _quoted(text: str) -> str:
    return f'"{text}"' if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


class LogfmtFormat:
    """See `Format`.

    Args:
        custom: the names of the custom fields.
    """

    content_type = "text/plain"
    header = b""
    only_requests = False

    def __init__(self, custom: Sequence[str] = ()) -> None:
        self._custom = {f"custom_{place}": name for place, name in enumerate(custom)}

    def encode(self, made: Made) -> bytes:
        """See `Format`."""
        lines = [self._line(log, time) for log, time in zip(made.logs, iso_times(made.times_us), strict=True)]
        return "".join(lines).encode()

    def _line(self, log: Log, time: str) -> str:
        known = log.metadata
        line = (
            f"time={time} level={log.level.lower()} service={log.service} host={log.host} msg={_quoted(log.message)}"
            f" trace_id={log.trace_id} span_id={log.span_id} request_id={known.request_id} user_id={known.user_id}"
        )
        if known.method:
            line += f" method={known.method} path={known.path}"
        if known.status_code:
            line += f" status_code={known.status_code}"
        if known.response_time_ms:
            line += f" response_time_ms={known.response_time_ms}"
        if known.error_code:
            line += f" error_code={known.error_code}"
        if known.session_token:
            line += f" client_ip={known.client_ip} session_token={known.session_token} bytes={known.bytes}"
        if known.tags:
            line += f" tags={'|'.join(known.tags)}"
        for attribute, name in self._custom.items():
            line += f" {name}={_quoted(getattr(known, attribute))}"
        return line + "\n"
