"""The oracle: keeps books on what was sent and answered, and judges what storage holds by them. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tests.faults.records import Record, number_of

MOST_EXAMPLES = 5


class Outcome(StrEnum):
    """What came of the request that carried a record."""

    PENDING = "pending"
    # 201: it must be there once.
    ACKNOWLEDGED = "acknowledged"
    # 503 with Retry-After, no answer, or any other one: it may be there once or not at all.
    REFUSED = "refused"
    UNKNOWN = "unknown"
    REJECTED = "rejected"


@dataclass(slots=True)
class _Entry:
    """One record in the books; hashes instead of texts, since a run has hundreds of thousands of them."""

    level: str
    message: int
    metadata: int
    outcome: Outcome = Outcome.PENDING
    log_id: str = ""


@dataclass
class Verdict:
    """What is wrong with what storage holds; `examples` has a few sentences for each kind of fault."""

    stored: int = 0
    lost: int = 0
    doubled: int = 0
    altered: int = 0
    foreign: int = 0
    examples: dict[str, list[str]] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether the promise was kept."""
        return not (self.lost or self.doubled or self.altered or self.foreign)

    def note(self, kind: str, words: str) -> None:
        """Count one fault of a kind."""
        setattr(self, kind, getattr(self, kind) + 1)
        some = self.examples.setdefault(kind, [])
        if len(some) < MOST_EXAMPLES:
            some.append(words)


def _digest(value: Any) -> int:
    return hash(value if isinstance(value, str) else json.dumps(value, sort_keys=True))


class Oracle:
    """The books of some services. Writers note each record before they send it; a record belongs to one writer."""

    def __init__(self) -> None:
        self._services: dict[str, dict[int, _Entry]] = {}

    @property
    def services(self) -> list[str]:
        """Those that anything was sent for."""
        return list(self._services)

    def sending(self, records: Iterable[Record]) -> None:
        """Note records that are about to be sent.

        Raises:
            ValueError: a number was used before.
        """
        for record in records:
            book = self._services.setdefault(record.service, {})
            if record.number in book:
                raise ValueError(f"{record.service} #{record.number} was sent before")
            book[record.number] = _Entry(record.level, _digest(record.message), _digest(record.metadata))

    def acknowledged(self, records: Sequence[Record], log_ids: Sequence[str]) -> None:
        """Note 201 and the ids that it named."""
        for record, log_id in zip(records, log_ids, strict=True):
            entry = self._services[record.service][record.number]
            entry.outcome, entry.log_id = Outcome.ACKNOWLEDGED, log_id

    def settled(self, records: Iterable[Record], outcome: Outcome) -> None:
        """Note any other outcome."""
        for record in records:
            self._services[record.service][record.number].outcome = outcome

    def counts(self) -> Counter[Outcome]:
        """How many records had which outcome."""
        return Counter(entry.outcome for book in self._services.values() for entry in book.values())

    def judge(self, stored: Mapping[str, Sequence[Mapping[str, Any]]]) -> Verdict:
        """Compare the books with what storage holds.

        Args:
            stored: every log by service, as `GET /logs` shows them.
        """
        verdict = Verdict()
        for service in {**self._services, **stored}:
            self._judge_service(verdict, service, stored.get(service, ()))
        return verdict

    def _judge_service(self, verdict: Verdict, service: str, logs: Sequence[Mapping[str, Any]]) -> None:
        book = self._services.get(service, {})
        seen: Counter[int] = Counter()
        for log in logs:
            verdict.stored += 1
            number = number_of(str(log["message"]))
            entry = None if number is None else book.get(number)
            if number is None or entry is None:
                verdict.note("foreign", f"{service}: {log['id']} {str(log['message'])[:80]!r} was never sent")
                continue
            seen[number] += 1
            if seen[number] == 2:
                verdict.note("doubled", f"{service} #{number} ({entry.outcome}), the second as {log['id']}")
            if different := _differences(entry, service, log):
                verdict.note("altered", f"{service} #{number} as {log['id']}: {', '.join(different)}")
        for number, entry in book.items():
            if entry.outcome is Outcome.ACKNOWLEDGED and not seen[number]:
                verdict.note("lost", f"{service} #{number} ({entry.level}), acknowledged as {entry.log_id}")


def _differences(entry: _Entry, service: str, log: Mapping[str, Any]) -> list[str]:
    same = {
        "level": log["level"] == entry.level,
        "service": log["service"] == service,
        "message": _digest(log["message"]) == entry.message,
        "metadata": _digest(log["metadata"]) == entry.metadata,
        f"id, answered was {entry.log_id}": not entry.log_id or log["id"] == entry.log_id,
    }
    return [name for name, is_same in same.items() if not is_same]
