"""Regular expressions that users type: only RE2's, which run in linear time, and of bounded size."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from logmill.errors import InvalidField

MAX_CHARS = 1000


def check_pattern(pattern: str) -> None:
    """Try the expression on nothing.

    Raises:
        InvalidField: RE2 does not take it, or it is too long.
    """
    if len(pattern) > MAX_CHARS:
        raise InvalidField("q", f"the expression is {len(pattern)} characters long, {MAX_CHARS} at most")
    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except (pa.ArrowInvalid, UnicodeEncodeError) as error:
        raise InvalidField("q", f"RE2 does not take this expression: {str(error)[:200]}") from None
