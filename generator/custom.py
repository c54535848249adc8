"""Custom fields: `name=value`, with parts in braces that are drawn anew for each flow."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

from generator.log import OWN_NAMES, Log
from logmill.errors import ConfigError

_MOST_FIELDS = 32
# Beside those of the metadata: what all formats call their own, where a second one would stand for the first.
_TAKEN = OWN_NAMES | set(Log.__struct_fields__) | {"time", "msg"}
_LONGEST_VALUE = 256
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_PART = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(-?[0-9]{1,12})\.\.(-?[0-9]{1,12})")

_Draw = Callable[[Random], str]


@dataclass(frozen=True, slots=True)
class CustomFields:
    """The custom fields of one run.

    Attributes:
        names: theirs.
        draws: what makes a value, for each.
    """

    names: tuple[str, ...]
    draws: tuple[_Draw, ...]

    @classmethod
    def of(cls, texts: Sequence[str]) -> CustomFields:
        """Those of `region=eu-{1..3}`, `tier={free,paid}`, `version=7.2`.

        Raises:
            ConfigError: says what is wrong.
        """
        found: dict[str, _Draw] = {}
        for text in texts:
            name, sign, template = text.partition("=")
            if not sign or not _NAME.fullmatch(name):
                raise ConfigError(f"--field: {text!r} is not NAME=VALUE, with letters, digits and _ . - in the name")
            if name in _TAKEN or name in found:
                raise ConfigError(f"--field: logs have a {name} already")
            if len(template) > _LONGEST_VALUE or not template.isprintable():
                raise ConfigError(
                    f"--field: the value of {name} has up to {_LONGEST_VALUE} characters that can be seen"
                )
            found[name] = _draw_of(name, template)
        if len(found) > _MOST_FIELDS:
            raise ConfigError(f"--field: {_MOST_FIELDS} fields at most")
        return cls(tuple(found), tuple(found.values()))

    def drawing(self, rng: Random) -> Callable[[], list[str]] | None:
        """What draws a value for each; None where there is no field."""
        if not self.names:
            return None
        draws = self.draws
        return lambda: [draw(rng) for draw in draws]


def _draw_of(name: str, template: str) -> _Draw:
    pieces = _PART.split(template)
    if len(pieces) == 1:
        return lambda _rng: template
    # Texts and what stands in braces take turns.
    draws: list[_Draw] = []
    for place, piece in enumerate(pieces):
        if place % 2 == 0:
            draws.append(partial(_same, piece))
        elif match := _RANGE.fullmatch(piece):
            low, high = int(match[1]), int(match[2])
            if low > high:
                raise ConfigError(f"--field: {name}: {{{piece}}} is empty")
            draws.append(partial(_between, low, high))
        else:
            draws.append(partial(_one_of, piece.split(",")))
    return lambda rng: "".join(draw(rng) for draw in draws)


def _same(text: str, _rng: Random) -> str:
    return text


def _between(low: int, high: int, rng: Random) -> str:
    return str(rng.randint(low, high))


def _one_of(words: list[str], rng: Random) -> str:
    return words[int(rng.random() * len(words))]
