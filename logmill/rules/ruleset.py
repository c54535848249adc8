"""The rules in force: those that are shipped, and an operator's own after them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Generic, TypeVar

from msgspec.structs import replace

from logmill.errors import ConfigError
from logmill.rules.document import Document
from logmill.rules.sections import (
    AnomalyRule,
    Formats,
    Kinds,
    Mode,
    ParsingRule,
    RedactionRule,
    Sections,
    SeverityRule,
    TagRule,
)
from logmill.settings import Settings

SHIPPED = Path(__file__).with_name("shipped.yaml")
Rule = TypeVar("Rule", bound=object)


@dataclass(frozen=True, slots=True)
class Placed(Generic[Rule]):
    """A rule and where it stands, for what is found wrong with it later."""

    rule: Rule
    place: str

    def error(self, message: str) -> ConfigError:
        """An error about this rule."""
        return ConfigError(f"{self.place}: {message}")


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules in force, in their order; see `sections` for what each is.

    Attributes:
        redaction_kinds: the mode of each shipped kind, by name.
        redaction: kinds of an operator's own; each has its mode.
        formats: which shipped formats of messages are parsed.
        parsing: forms of messages of an operator's own.
        tags: as in the file.
        severity: as in the file.
        anomalies: as in the file.
    """

    redaction_kinds: dict[str, Mode]
    redaction: tuple[Placed[RedactionRule], ...]
    formats: Formats
    parsing: tuple[Placed[ParsingRule], ...]
    tags: tuple[Placed[TagRule], ...]
    severity: tuple[Placed[SeverityRule], ...]
    anomalies: tuple[Placed[AnomalyRule], ...]


@cache
def load(path: str) -> RuleSet:
    """The shipped rules, and after them those of the file at this path; "" is no file.

    Raises:
        ConfigError: the file is not as it must be; with the line.
    """
    shipped = Document.read(SHIPPED)
    own = Document.read(Path(path)) if path else Document("no rules", "")
    first, second = shipped.convert(Sections), own.convert(Sections)

    def both(section: str) -> tuple[Placed[Rule], ...]:
        kept = _placed(shipped, section, getattr(first, section).rules)
        added = _placed(own, section, getattr(second, section).rules)
        return (*(kept if getattr(second, section).defaults else ()), *added)

    modes = (second.redaction.kinds, first.redaction.kinds)
    usual = second.redaction.mode or first.redaction.mode or "mask"

    return RuleSet(
        redaction_kinds={
            name: next(filter(None, (getattr(kinds, name) for kinds in modes)), usual)
            for name in Kinds.__struct_fields__
        },
        redaction=tuple(
            _placed(own, "redaction", [replace(rule, mode=rule.mode or usual) for rule in second.redaction.rules])
        ),
        formats=second.parsing.formats,
        parsing=tuple(_placed(own, "parsing", second.parsing.rules)),
        tags=both("tags"),
        severity=both("severity"),
        anomalies=both("anomalies"),
    )


def rules_of(settings: Settings) -> RuleSet:
    """The rules that these settings name.

    Raises:
        ConfigError: see `load`.
    """
    return load(settings.rules_file)


def _placed(document: Document, section: str, rules: Iterable[Rule]) -> list[Placed[Rule]]:
    return [Placed(rule, document.place([section, "rules", index])) for index, rule in enumerate(rules)]
