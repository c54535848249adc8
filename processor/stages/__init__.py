"""The enrichment of a block: each stage is a file with one pure function from DataFrame to DataFrame.

A stage keeps row count and order, adds or replaces columns, and never raises; `make_stages` has their order.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from logmill.parsing.formats import formats_of
from logmill.rules import conditions
from logmill.rules.ruleset import RuleSet
from logmill.settings import Settings
from processor.redaction.text import Redactor
from processor.redaction.torn import SECRETS
from processor.stages import anomaly, attributes, fingerprint, normalise, parsing, priority, redaction, severity, tags

Stage = Callable[[pl.DataFrame], pl.DataFrame]


def make_stages(settings: Settings, rules: RuleSet, redactor: Redactor) -> tuple[tuple[str, Stage], ...]:
    """Every stage by name, in the order in which they run.

    Args:
        settings: those in force.
        rules: those in force.
        redactor: made of these rules.

    Raises:
        ConfigError: one of the rules cannot be used; with its place.
    """
    slow_ms = settings.slow_response_ms
    formats = formats_of(rules, SECRETS)
    of_tag = conditions.by_label(((rule, rule.rule.tag, rule.rule.when) for rule in rules.tags), slow_ms)
    of_reason = conditions.by_label(((rule, rule.rule.reason, rule.rule.when) for rule in rules.anomalies), slow_ms)
    points = [(conditions.checked(rule, rule.rule.when, slow_ms), rule.rule.add) for rule in rules.severity]
    return (
        ("parsing", lambda frame: parsing.parse(frame, formats, settings.max_metadata_bytes)),
        ("redaction", lambda frame: redaction.redact(frame, redactor)),
        ("attributes", attributes.add_attributes),
        ("normalise", normalise.normalise),
        ("priority", priority.add_priority),
        ("anomaly", lambda frame: anomaly.add_anomaly(frame, of_reason)),
        ("severity", lambda frame: severity.add_severity(frame, points)),
        ("tags", lambda frame: tags.add_tags(frame, of_tag)),
        ("fingerprint", fingerprint.add_fingerprint),
    )
