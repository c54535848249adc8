"""Silences: for a while nobody is told of the alerts of a rule, of a group, or of both."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import msgspec

from logmill.errors import Refused
from storage.alerting.file import Row, StateFile

MAX_SILENCES = 1000
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, str]).decode
# A rule, and what the group must have.
_Key: TypeAlias = tuple[str, frozenset[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Silence:
    """One silence.

    Attributes:
        id: its name.
        rule: the rule it is for, "" for any.
        group: values that the alert's group must have; none for any.
        until_us: when it ends.
        created_us: when it was made.
        by: who made it.
        comment: why.
    """

    id: str
    rule: str
    group: Mapping[str, str]
    until_us: int
    created_us: int
    by: str
    comment: str


class Silenced:
    """Which alerts some silences are for: as quick to ask, however many they are.

    Args:
        silences: those in force.
    """

    def __init__(self, silences: Iterable[Silence]) -> None:
        self._keys: set[_Key] = {(one.rule, frozenset(one.group.items())) for one in silences}
        self._most = max((len(group) for _, group in self._keys), default=0)

    def __contains__(self, alert: tuple[str, Mapping[str, str]]) -> bool:
        """Whether any is for an alert of this rule and group."""
        return bool(self._keys) and any(key in self._keys for key in self._keys_for(*alert))

    def _keys_for(self, rule: str, group: Mapping[str, str]) -> Iterator[_Key]:
        # A group has three values at most.
        for size in range(min(len(group), self._most) + 1):
            for some in combinations(group.items(), size):
                yield rule, frozenset(some)
                yield "", frozenset(some)


class Silences:
    """Those in the file; safe for threads."""

    def __init__(self, file: StateFile) -> None:
        self._file = file

    def add(self, rule: str, group: Mapping[str, str], until_us: int, now_us: int, by: str, comment: str) -> Silence:
        """Make one.

        Raises:
            Refused: there are as many as there may be.
        """
        with self._file.transaction():
            self._file.run("prune_silences", now_us=now_us)
            if self._file.number("count_silences") >= MAX_SILENCES:
                raise Refused(f"there are {MAX_SILENCES} silences; remove some", code="too_many", status=409)
            made = secrets.token_hex(8)
            self._file.run(
                "add_silence",
                id=made,
                rule=rule,
                grouping=_encode(dict(group)).decode(),
                until_us=until_us,
                created_us=now_us,
                by_whom=by,
                comment=comment,
            )
        return Silence(made, rule, group, until_us, now_us, by, comment)

    def all(self, now_us: int) -> list[Silence]:
        """Those that are not over, newest first."""
        return [_silence(row) for row in self._file.rows("silences", now_us=now_us)]

    def remove(self, silence: str) -> bool:
        """End one; whether it was there."""
        return self._file.run("remove_silence", id=silence) > 0

    def held(self, now_us: int) -> Silenced:
        """Which alerts they hold back; read once, for all that is asked at a time."""
        return Silenced(self.all(now_us))


def _silence(row: Row) -> Silence:
    return Silence(
        row["id"],
        row["rule"],
        _decode(row["grouping"]),
        row["until_us"],
        row["created_us"],
        row["by_whom"],
        row["comment"],
    )
