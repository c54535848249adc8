"""The formats in force, in the order in which they are tried."""

from __future__ import annotations

from logmill.parsing.access import ACCESS
from logmill.parsing.cri import CRI
from logmill.parsing.error_logs import ERROR
from logmill.parsing.found import Format
from logmill.parsing.json_objects import JSON
from logmill.parsing.logfmt import LOGFMT
from logmill.parsing.rules import format_of
from logmill.parsing.secrets import Secrets
from logmill.parsing.syslog import syslog
from logmill.parsing.times import TIME
from logmill.parsing.traces import traces
from logmill.rules.ruleset import RuleSet


def shipped(secrets: Secrets) -> tuple[Format, ...]:
    """Those that need no rule: what begins with a mark of its own first, what looks like much else last."""
    return (JSON, CRI, syslog(secrets), ERROR, ACCESS, traces(secrets), LOGFMT, TIME)


def formats_of(rules: RuleSet, secrets: Secrets) -> tuple[Format, ...]:
    """An operator's own, and after them those that are shipped and not switched off.

    Args:
        rules: those in force.
        secrets: what must not be taken apart.

    Raises:
        ConfigError: an own one cannot be used; with its place.
    """
    return (*map(format_of, rules.parsing), *(each for each in shipped(secrets) if getattr(rules.formats, each.name)))
