"""The formats in force, in the order in which they are tried."""

from __future__ import annotations

from logmill.rules.ruleset import RuleSet
from processor.parsing.access import ACCESS
from processor.parsing.error_logs import ERROR
from processor.parsing.found import Format
from processor.parsing.json_objects import JSON
from processor.parsing.logfmt import LOGFMT
from processor.parsing.rules import format_of
from processor.parsing.syslog import SYSLOG
from processor.parsing.traces import TRACE

# What begins with a mark of its own comes first, what looks like much else last.
SHIPPED = (JSON, SYSLOG, ERROR, ACCESS, TRACE, LOGFMT)


def formats_of(rules: RuleSet) -> tuple[Format, ...]:
    """An operator's own, and after them those that are shipped and not switched off.

    Raises:
        ConfigError: an own one cannot be used; with its place.
    """
    return (*map(format_of, rules.parsing), *(each for each in SHIPPED if getattr(rules.formats, each.name)))
