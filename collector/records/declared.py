"""Formats that an operator declares with `--format`: which events are of one, and what is read in them."""

from __future__ import annotations

import polars as pl

from collector.records.texts import check_pattern
from logmill.errors import ConfigError
from logmill.parsing.access import ACCESS
from logmill.parsing.formats import shipped
from logmill.parsing.found import Format, Found
from logmill.parsing.json_objects import JSON
from logmill.parsing.reading import read_all
from logmill.parsing.rules import format_of
from logmill.parsing.secrets import NOTHING_SECRET
from logmill.rules.ruleset import Placed
from logmill.rules.sections import ParsingRule
from logmill.timestamps import now_us

AUTO, TEXT, PATTERN = "auto", "text", "pattern"
# What is read here stays on this machine: events are sent whole, and redacted by the processors.
_SHIPPED = shipped(NOTHING_SECRET)
# A stack trace goes on over lines of any format.
TRACE = next(each for each in _SHIPPED if each.has_lines)
NAMES = (AUTO, *(each.name for each in _SHIPPED if each is not TRACE), TEXT, PATTERN)


class Declared:
    """A format that every event must be of.

    Args:
        name: one of NAMES, but for AUTO and TEXT.
        pattern: the expression with named groups, for PATTERN.

    Raises:
        ConfigError: the expression cannot be used; names the option.
    """

    def __init__(self, name: str, pattern: str = "") -> None:
        self.name = name
        self.is_pattern = name == PATTERN
        self.fault = f"is no {name}" if not self.is_pattern else "does not match --pattern"
        # A word in the address that was asked for is no level.
        self.may_tell = name != ACCESS.name
        if self.is_pattern:
            self._format = _pattern_format(pattern)
            self._formats: tuple[Format, ...] = (self._format,)
        else:
            self._format = next(each for each in _SHIPPED if each.name == name)
            # The others are for what is within.
            self._formats = (self._format, *(each for each in _SHIPPED if each is not self._format))
        # Objects are known without taking them apart, which costs a fifth.
        self.is_json = self._format is JSON

    def read(self, texts: pl.Series) -> dict[int, Found]:
        """What is in each event that is of the format, by its place."""
        received = pl.repeat(now_us(), len(texts), dtype=pl.Int64, eager=True)
        return {
            place: one for place, (name, one) in read_all(texts, received, self._formats).items() if name == self.name
        }


def declared_of(name: str, pattern: str) -> Declared | None:
    """The format that these options declare; None where any may come.

    Raises:
        ConfigError: there is no such format, or no pattern, or it cannot be used; names the option.
    """
    if name not in NAMES:
        raise ConfigError(f"--format: {name!r} is none of {', '.join(NAMES)}")
    if pattern and name not in {AUTO, PATTERN}:
        raise ConfigError(f"--pattern: is for --format {PATTERN}, not {name}")
    if name == PATTERN and not pattern:
        raise ConfigError(f"--pattern: is missing, and --format {PATTERN} needs it")
    if pattern:
        return Declared(PATTERN, pattern)
    return None if name in {AUTO, TEXT} else Declared(name)


def _pattern_format(pattern: str) -> Format:
    check_pattern("--pattern", pattern)
    return format_of(Placed(ParsingRule(name=PATTERN, pattern=pattern), "--pattern"))
