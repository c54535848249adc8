"""Lines of text that begin with a time with a zone, as most loggers write it: ISO 8601 and RFC 3339."""

from __future__ import annotations

import polars as pl

from logmill.parsing.found import Format, Found
from logmill.timestamps import MAX_US, MIN_US

_OFFSET = r"[+-](?:0[0-9]|1[0-4])"
# Behind a space two digits may be anything, so there the zone is a name or has minutes.
_ZONE = rf"(?:[Zz]|{_OFFSET}(?::?[0-5][0-9])?| (?:UTC|GMT|Z|{_OFFSET}:?[0-5][0-9]))"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}"
_END = r"(?:[^0-9A-Za-z.:]|:[^0-9]|$)"
_GATE = rf"\[?{_DATE}[Tt ]{_CLOCK}(?:[.,][0-9]{{1,9}})?{_ZONE}{_END}"
_PARTS = rf"^\[?(({_DATE})[Tt ]({_CLOCK})(?:[.,]([0-9]{{1,9}}))?({_ZONE})){_END}"
_DATE_TIME = "%Y-%m-%d %H:%M:%S"
_MICROSECOND_DIGITS = 6
_MINUTE_US = 60_000_000


def times_of(messages: pl.Series) -> pl.DataFrame:
    """The time that each message begins with: `time_us`, microseconds since 1970-01-01 UTC, and `time` as written.

    Null where a message begins with no time with a zone; `time_us` also where there is no such time (a 13th month).

    Args:
        messages: texts, `text`.
    """
    parts = messages.str.extract_groups(_PARTS).struct.unnest()
    parts.columns = ["time", "date", "clock", "fraction", "zone"]
    moment = pl.concat_str("date", pl.lit(" "), "clock").str.to_datetime(_DATE_TIME, time_unit="us", strict=False)
    fraction = pl.col("fraction").fill_null("0").str.pad_end(_MICROSECOND_DIGITS, "0").str.head(_MICROSECOND_DIGITS)
    # What is none of these is UTC, whose digits are missing.
    zone = pl.col("zone").str.replace_all("[: ]", "")
    minutes = zone.str.slice(1, 2).cast(pl.Int64, strict=False).fill_null(0) * 60
    minutes += zone.str.slice(3, 2).cast(pl.Int64, strict=False).fill_null(0)
    offset_us = pl.when(zone.str.starts_with("-")).then(-minutes).otherwise(minutes) * _MINUTE_US
    time_us = moment.to_physical() + fraction.cast(pl.Int64) - offset_us
    return parts.select(pl.when(time_us.is_between(MIN_US, MAX_US)).then(time_us).alias("time_us"), "time")


def read(messages: pl.Series, _received: pl.Series) -> list[Found | None]:
    """The time of each line. The message stays, with all digits of it."""
    return [
        None if time_us is None else Found({}, time_us=time_us, time_field=("time", time))
        for time_us, time in times_of(messages).rows()
    ]


TIME = Format("time", _GATE, read)
