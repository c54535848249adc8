"""The rules in force: those that are shipped, and an operator's own after them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Generic, TypeVar

from msgspec.structs import replace

from logmill.errors import ConfigError
from logmill.rules.detectors import Detector, Detectors
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
    """A rule and where it stands, for what is found wrong with it later.

    Attributes:
        rule: the rule.
        place: where it begins.
        parts: where its fields stand, for those whose content is read later.
    """

    rule: Rule
    place: str
    parts: Mapping[str, str] = field(default_factory=dict)

    def error(self, message: str, part: str = "") -> ConfigError:
        """An error about this rule, or about one of its fields."""
        return ConfigError(f"{self.parts.get(part, self.place)}: {message}")


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
        detectors: as in the file; each has a name of its own.
    """

    redaction_kinds: dict[str, Mode]
    redaction: tuple[Placed[RedactionRule], ...]
    formats: Formats
    parsing: tuple[Placed[ParsingRule], ...]
    tags: tuple[Placed[TagRule], ...]
    severity: tuple[Placed[SeverityRule], ...]
    anomalies: tuple[Placed[AnomalyRule], ...]
    detectors: tuple[Placed[Detector], ...]


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
        detectors=_detectors(shipped, first.detectors, own, second.detectors),
    )


def rules_of(settings: Settings) -> RuleSet:
    """The rules that these settings name.

    Raises:
        ConfigError: see `load`.
    """
    return load(settings.rules_file)


def _placed(document: Document, section: str, rules: Iterable[Rule]) -> list[Placed[Rule]]:
    return [Placed(rule, document.place([section, "rules", index])) for index, rule in enumerate(rules)]


def _detectors(shipped: Document, usual: Detectors, own: Document, added: Detectors) -> tuple[Placed[Detector], ...]:
    """The shipped ones that are in force, but for those whose names an operator's own have, and those."""
    known = {rule.name for rule in usual.rules}
    for index, name in enumerate(added.without):
        if name not in known:
            raise own.error(["detectors", "without", index], f"{name!r} is no shipped detector")
    names: set[str] = set()
    for index, rule in enumerate(added.rules):
        if rule.name in names:
            raise own.error(["detectors", "rules", index, "name"], f"{rule.name!r} is the name of another detector")
        names.add(rule.name)
    left_out = names | set(added.without) if added.defaults else known
    kept = [one for one in _placed_detectors(shipped, usual) if one.rule.name not in left_out]
    return (*kept, *_placed_detectors(own, added))


def _placed_detectors(document: Document, section: Detectors) -> list[Placed[Detector]]:
    found: list[Placed[Detector]] = []
    for index, rule in enumerate(section.rules):
        steps: list[str | int] = ["detectors", "rules", index]
        parts = {name: document.place([*steps, name]) for name in rule.__struct_encode_fields__}
        found.append(Placed(rule, document.place(steps), parts))
    return found
