"""From the events of files to the records that are sent: levels found, filters applied, faults told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate, chain
from typing import TypeVar

import polars as pl

from collector.records.declared import AUTO, TEXT, TRACE, declared_of
from collector.records.encoding import Extra, encoded
from collector.records.levels import header_levels, levels_of, looked_at
from collector.records.made import UNKNOWN_LEVEL, Fault, Made, Source
from collector.records.tallies import looks_of, tags_of, tally
from collector.records.texts import Filters, Texts, counts_by
from logmill.errors import ConfigError
from logmill.parsing.formats import formats_of
from logmill.parsing.secrets import NOTHING_SECRET
from logmill.record import MAX_SENT_TAGS, MAX_TAG_CHARS
from logmill.rules import conditions
from logmill.rules.ruleset import RuleSet
from logmill.submitted import Limits

MOST_FAULTS, MOST_SAMPLE_CHARS = 5, 200
NO_ROOM = "has more fields than metadata has room for"
# No response time is known before processors have read an event, so this one decides nothing.
_SLOW_MS = 1000.0
_Of = TypeVar("_Of")


class Recorder:
    """Makes records of events.

    Args:
        rules: those in force; their formats and tags are counted.
        limits: what the producer takes.
        form: what each event must be of, one of `declared.NAMES`.
        pattern: an expression with named groups, which become fields.
        keep: expressions; events that none is found in are left out.
        drop: expressions; events that one is found in are left out.
        tags: what each record is tagged with.

    Raises:
        ConfigError: an option cannot be used; names it.
    """

    def __init__(
        self,
        rules: RuleSet,
        limits: Limits,
        *,
        form: str = AUTO,
        pattern: str = "",
        keep: Sequence[str] = (),
        drop: Sequence[str] = (),
        tags: Sequence[str] = (),
    ) -> None:
        self._limits = limits
        self._filters = Filters(keep, drop)
        self._declared = declared_of(form, pattern)
        self._formats = () if form == TEXT else formats_of(rules, NOTHING_SECRET)
        self._trace = TRACE if rules.formats.trace else None
        self._tags = _checked_tags(tags)
        self._rules = conditions.by_label(((rule, rule.rule.tag, rule.rule.when) for rule in rules.tags), _SLOW_MS)

    def make(self, source: Source, events: Sequence[bytes]) -> Made:
        """What comes of the events of one source.

        Args:
            source: where all of them are from.
            events: each a line without its end, or several joined by line feeds. Blank ones are none.
        """
        return self.make_all([(source, events)])[0]

    def make_all(self, given: Sequence[tuple[Source, Sequence[bytes]]]) -> list[Made]:
        """The same for several sources, at far less cost than one by one where each has few events."""
        sizes = [len(events) for _source, events in given]
        if not any(sizes):
            return [Made(b"", 0)] * len(given)
        events = given[0][1] if len(given) == 1 else list(chain.from_iterable(events for _source, events in given))
        kept = self._filters.texts_of(events, sizes, self._limits.max_message_bytes)
        if kept.texts.is_empty():
            return [Made(b"", 0, filtered) for filtered in kept.filtered]
        return self._made([source for source, _events in given], kept)

    def _made(self, sources: Sequence[Source], kept: Texts) -> list[Made]:
        levels, looks, extras = self._looked_at(kept)
        count = len(sources)
        ends = list(accumulate(counts_by(kept.parts, count)))
        spans = list(zip([0, *ends], ends, strict=False))
        own = _by_source(extras, kept, spans)
        texts, names = kept.texts.to_list(), levels.to_list()
        bodies = []
        for source, (start, end), some in zip(sources, spans, own, strict=True):
            body, without_room = encoded(
                source, texts[start:end], names[start:end], self._tags, some, self._limits.max_metadata_bytes
            )
            bodies.append(body)
            for place in without_room:
                kept.add_reason(start + place, NO_ROOM)
        counted_levels, formats = tally(levels, kept.parts, count), tally(looks, kept.parts, count)
        tags = tags_of(kept, levels, [source.service for source in sources], self._rules)
        faults = _by_source(kept.reasons, kept, spans)
        return [
            Made(
                body=bodies[number],
                count=end - start,
                filtered=kept.filtered[number],
                levels={level or UNKNOWN_LEVEL: size for level, size in counted_levels[number].items()},
                formats=formats[number],
                tags=tags[number] + Counter(dict.fromkeys(self._tags, end - start)),
                fault_count=len(faults[number]),
                faults=tuple(
                    Fault(reason, texts[start + place][:MOST_SAMPLE_CHARS])
                    for place, reason in sorted(faults[number].items())[:MOST_FAULTS]
                ),
            )
            for number, (start, end) in enumerate(spans)
        ]

    def _looked_at(self, kept: Texts) -> tuple[pl.Series, pl.Series, dict[int, Extra]]:
        """The level of each event, what it looks like, and what else its record has, by its place."""
        declared = self._declared
        formats = self._formats if declared is None else ()
        seen = looked_at(kept.texts, formats)
        levels, objects = levels_of(kept.texts, seen, self._trace)
        extras = {place: Extra(cut_bytes=size) for place, size in kept.cut_bytes.items()}
        if declared is None:
            looks = looks_of(kept.texts, seen, formats, objects)
            return header_levels(kept.texts, looks, levels), looks, extras
        if declared.is_json:
            places = objects
        else:
            read = declared.read(kept.texts)
            places = list(read)
            words = levels.to_list()
            sure = [one.level or (words[place] if declared.may_tell else "") for place, one in read.items()]
            levels = levels.scatter(places, pl.Series(sure, dtype=pl.String))
            if declared.is_pattern:
                extras |= {place: Extra(one, kept.cut_bytes.get(place, 0)) for place, one in read.items()}
        looks = pl.repeat(TEXT, len(kept.texts), dtype=pl.String, eager=True).scatter(places, declared.name)
        for place in (looks == TEXT).arg_true():
            kept.add_reason(place, declared.fault)
        return levels, looks, extras


def _by_source(found: Mapping[int, _Of], kept: Texts, spans: Sequence[tuple[int, int]]) -> list[dict[int, _Of]]:
    """What was found of events, by source and there by the event's place among those of its source."""
    own: list[dict[int, _Of]] = [{} for _ in spans]
    if found:
        parts = kept.parts.to_list()
        for place, one in found.items():
            own[parts[place]][place - spans[parts[place]][0]] = one
    return own


def _checked_tags(tags: Sequence[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(tag.strip() for tag in tags))
    if len(found) > MAX_SENT_TAGS:
        raise ConfigError(f"--tag: {len(found)} tags, {MAX_SENT_TAGS} at most")
    for tag in found:
        if not tag or len(tag) > MAX_TAG_CHARS or not tag.isprintable():
            raise ConfigError(f"--tag: {tag[:MAX_TAG_CHARS]!r}: give 1 to {MAX_TAG_CHARS} printable characters")
    return found
