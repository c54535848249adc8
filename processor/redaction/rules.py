"""The kinds and modes that are in force, from the rules and the settings."""

from __future__ import annotations

from collections.abc import Iterable

import re2

from logmill.errors import ConfigError
from logmill.rules.conditions import check_pattern
from logmill.rules.ruleset import Placed, RuleSet
from logmill.rules.sections import RedactionRule
from logmill.settings import Settings
from processor.redaction.kinds import Kind, compiled, finder
from processor.redaction.shipped import KINDS
from processor.redaction.text import Redactor, Rule

GROUP = "secret"


def redactor_of(rules: RuleSet, settings: Settings) -> Redactor:
    """What redacts by these rules.

    Raises:
        ConfigError: see `rules_in_force`.
    """
    return Redactor(rules_in_force(rules, settings), settings.redaction_key.encode())


def rules_in_force(rules: RuleSet, settings: Settings) -> tuple[Rule, ...]:
    """An operator's own kinds, and the shipped ones after them, without those that are off.

    Raises:
        ConfigError: a pattern cannot be used, two kinds have one name, or a mode needs the key that is not set.
    """
    own = [_own(rule) for rule in rules.redaction]
    found = [rule for rule in (*own, *_shipped(rules)) if rule.mode != "off"]
    if any(rule.mode == "hash" for rule in found) and not settings.redaction_key:
        raise ConfigError("LOGMILL_REDACTION_KEY is empty, and redaction in mode hash needs it")
    return tuple(found)


def _shipped(rules: RuleSet) -> Iterable[Rule]:
    return (Rule(kind, rules.redaction_kinds[kind.name]) for kind in KINDS)


def _own(placed: Placed[RedactionRule]) -> Rule:
    rule = placed.rule
    if rule.name in {kind.name for kind in KINDS}:
        raise placed.error(f"name: {rule.name} is a shipped kind")
    check_pattern(rule.pattern, placed, "pattern")
    try:
        expression = compiled(rule.pattern)
    except re2.error as error:
        raise placed.error(f"pattern: {error.args[0].decode() if error.args else error}") from None
    if expression.search("") is not None:
        raise placed.error("pattern: it matches the empty text")
    group = GROUP if GROUP in expression.groupindex else ""
    return Rule(Kind(rule.name, rule.pattern, finder(rule.pattern, group=group)), rule.mode or "mask")
