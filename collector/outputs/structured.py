"""Takes accepted logs apart as the processors do, for the local copy: the same fields, times, levels and tags.

What is sent stays whole, and only the processors redact. So the copy has what storage has, but for redaction.
"""

from __future__ import annotations

import polars as pl
from msgspec.structs import replace

from logmill.intake import from_lines
from logmill.parsing.applying import parse
from logmill.parsing.attributes import attribute_columns
from logmill.parsing.formats import formats_of
from logmill.parsing.frames import TIME, series_of
from logmill.parsing.secrets import NOTHING_SECRET
from logmill.rules import conditions
from logmill.rules.ruleset import RuleSet
from logmill.rules.tags import tags_of
from logmill.submitted import Limits
from logmill.timestamps import now_us

# Of a record in the copy, in this order. `fields` is a JSON object: all that has no column of its own.
COLUMNS = ("timestamp", "level", "service", "host", "file", "message", "tags", "fields")
_ISO = "%Y-%m-%dT%H:%M:%S%.6fZ"


class Structure:
    """Makes columns of what was accepted.

    Args:
        rules: those in force.
        limits: those of the producer.
        slow_ms: from which response time on a log is slow, for rules that ask for it.

    Raises:
        ConfigError: a rule cannot be used; with its place.
    """

    def __init__(self, rules: RuleSet, limits: Limits, slow_ms: float) -> None:
        # The producer has counted them.
        self._limits = replace(limits, max_batch_records=1 << 30)
        self._formats = formats_of(rules, NOTHING_SECRET)
        self._rules = conditions.by_label(((rule, rule.rule.tag, rule.rule.when) for rule in rules.tags), slow_ms)

    def frame_of(self, body: bytes) -> pl.DataFrame:
        """The records of NDJSON in the columns COLUMNS, without those that the producer refuses.

        Times are texts in ISO 8601, UTC: that of the event, or now where nothing tells it.
        """
        now = now_us()
        columns = from_lines(body, self._limits, now_us=now, protocol="http").columns
        received = pl.repeat(now, len(columns), dtype=pl.Int64, eager=True).cast(TIME)
        frame = pl.DataFrame({"received_at": received, **series_of(columns)})
        frame = parse(frame, self._formats, self._limits.max_metadata_bytes)
        frame = frame.hstack(attribute_columns(frame["metadata"]))
        return frame.with_columns(tags=tags_of(frame, self._rules)).select(
            pl.col("timestamp").dt.strftime(_ISO),
            pl.col("level").cast(pl.String),
            *COLUMNS[2:-1],
            fields="metadata",
        )
