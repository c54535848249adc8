"""Access logs in the combined form of Apache and Nginx: what the gateway answered."""

from __future__ import annotations

from generator.formats.moments import seconds_as
from generator.log import Made


class AccessFormat:
    """See `Format`."""

    content_type = "text/plain"
    header = b""
    only_requests = True

    def encode(self, made: Made) -> bytes:
        """See `Format`."""
        lines = []
        for log, time in zip(made.logs, seconds_as("%d/%b/%Y:%H:%M:%S +0000", made.times_us), strict=True):
            known = log.metadata
            lines.append(
                f'{known.client_ip} - {known.user_id} [{time}] "{known.method} {known.path} HTTP/1.1" '
                f'{known.status_code} {known.bytes} "-" "{known.user_agent}"\n'
            )
        return "".join(lines).encode()
