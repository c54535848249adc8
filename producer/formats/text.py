"""Plain text: a line is a record, and its level is read off the line where it says one."""

from __future__ import annotations

import msgspec

from logmill.columns import Columns
from logmill.errors import Refused
from logmill.intake import Rejection, Taken, check_utf8
from logmill.submitted import Limits, Submitted, entry_of
from logmill.text_levels import level_of


class Defaults(msgspec.Struct, frozen=True):
    """What a text body cannot say of its lines: given once, as query parameters."""

    level: str = ""
    service: str = ""
    host: str = ""
    file: str = ""


def from_text(body: bytes, limits: Limits, *, now_us: int, defaults: Defaults, whole: bool) -> Taken:
    """The records of a text body: one a line, or one in all where `whole`; blank lines do not count.

    Raises:
        Undecodable: it is not UTF-8.
        Refused: it holds no text, or too many lines.
    """
    check_utf8(body)
    text = body.decode()
    lines = [text.rstrip("\r\n")] if whole else text.split("\n")
    entries, rejected, index = [], [], 0
    for number, line in enumerate(lines, 1):
        message = line.rstrip("\r")
        if not message.strip():
            continue
        if index >= limits.max_batch_records:
            raise Refused(f"more than {limits.max_batch_records} lines in one request", code="too_many", status=413)
        item = Submitted(
            level=level_of(message) or defaults.level or None,
            message=message,
            service=defaults.service,
            host=defaults.host,
            file=defaults.file,
        )
        try:
            entries.append(entry_of(item, limits, now_us, "http"))
        except Refused as error:
            rejected.append(Rejection.of(error, index, None if whole else number))
        index += 1
    if index == 0:
        raise Refused("the body holds no logs", code="empty")
    return Taken(Columns.of(entries), rejected)
