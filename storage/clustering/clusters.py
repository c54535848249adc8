"""Masked messages brought together where they differ in a word only that takes many forms.

The ideas are from the literature on log parsing: messages of one length are compared word by word (Drain: He et al.,
ICWS 2017), and a place of a message is variable where many different words stand in it while the rest is the same
(Brain: Yu et al., IEEE TSC 2023, whose trees grow from the longest common pattern in this way). It works on the set of
distinct masked messages instead of a stream, so how often a message comes, and in which order, changes nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

from storage.clustering.tokens import SIGNS, VALUE, Token, tokens

# A word is one of so many in its place before the place counts as variable. Fewer would bring together "started",
# "stopped", "failed" and the like; measured in docs/decisions/patterns.md.
MIN_WORDS = 5
# Patterns become more general by one place a round. Real logs take two; made-up ones as many as they have words.
MAX_ROUNDS = 8
# Words that are looked at, over all rounds: some five seconds. 50,000 messages of real logs take half of it; as many
# that are made to differ in every word would take a minute.
MAX_WORDS_LOOKED_AT = 4_000_000
_MASK_64 = (1 << 64) - 1

Pattern: TypeAlias = tuple[Token, ...]


class Clusters(NamedTuple):
    """Messages brought together.

    Attributes:
        found: patterns with the positions of their messages, ascending; by pattern.
        is_whole: whether all that belongs together is together; else it was more than may be looked at.
    """

    found: list[tuple[Pattern, list[int]]]
    is_whole: bool


def clusters(messages: Sequence[str], check: Callable[[], None] = lambda: None) -> Clusters:
    """Bring masked messages together.

    Promised: each message is in exactly one cluster; which are together depends on the set of messages alone, not on
    their order or how often each is there; equal messages are together; `tokens.template` of a cluster's pattern fits
    each of its messages. Not promised: that a cluster stays as it is when other messages come. Mostly it grows, or
    becomes more general, as its places turn out to be variable; only fingerprints are for ever.

    It takes some 60 µs and 2 kB a message of a hundred characters.

    Args:
        messages: masked, see `logmill.masking`.
        check: called now and then; what it raises ends the work.
    """
    known: dict[Token, Token] = {}
    cut: list[Pattern] = []
    for at, text in enumerate(messages):
        if at % 256 == 0:
            check()
        # One object for a token, however many messages have it.
        cut.append(tuple(known.setdefault(token, token) for token in tokens(text)))
    pattern_of, is_whole = generalised(set(cut), check)
    found: defaultdict[Pattern, list[int]] = defaultdict(list)
    for at, one in enumerate(cut):
        found[pattern_of[one]].append(at)
    return Clusters(sorted(found.items()), is_whole)


def generalised(
    patterns: Iterable[Pattern], check: Callable[[], None] = lambda: None
) -> tuple[dict[Pattern, Pattern], bool]:
    """Each pattern with the one that it comes under: more of its places are variable, or none; and whether that is all.

    The smallest shapes come first, so that what takes too long leaves the others as they would be without it.
    """
    by_shape: defaultdict[tuple[str, ...], list[Pattern]] = defaultdict(list)
    for pattern in patterns:
        by_shape[_shape(pattern)].append(pattern)
    found: dict[Pattern, Pattern] = {}
    left, is_whole = MAX_WORDS_LOOKED_AT, True
    for shape, members in sorted(by_shape.items(), key=lambda one: (len(one[0]) * len(one[1]), one[0])):
        new, left, is_done = _of_one_shape(shape, members, left, check)
        found |= new
        is_whole = is_whole and is_done
    return found, is_whole


def _shape(pattern: Pattern) -> tuple[str, ...]:
    """Where its signs and gaps are; only patterns of one shape can be one."""
    return tuple(gap + (word if word in SIGNS else "w") for gap, word in pattern)


def _of_one_shape(
    shape: tuple[str, ...], patterns: list[Pattern], left: int, check: Callable[[], None]
) -> tuple[dict[Pattern, Pattern], int, bool]:
    """Make places variable until nothing changes, in MAX_ROUNDS at most, while words are left that may be looked at.

    Returns:
        What became of each pattern, how many words are left then, and whether they were enough.
    """
    places = [at for at, kind in enumerate(shape) if kind[-1] == "w"]
    now = {pattern: pattern for pattern in patterns}
    for _ in range(MAX_ROUNDS):
        if len(patterns) < 2:  # noqa: PLR2004
            break
        left -= len(patterns) * len(places)
        if left < 0:
            return now, 0, False
        changed = _round(patterns, places, check)
        if not changed:
            break
        now = {first: changed.get(last, last) for first, last in now.items()}
        patterns = list({changed.get(pattern, pattern) for pattern in patterns})
    return now, left, True


def _round(patterns: list[Pattern], places: list[int], check: Callable[[], None]) -> dict[Pattern, Pattern]:
    """The patterns that become more general: each at the place where the most words stand beside its own."""
    # Patterns that agree but for one place have the same sum without it; so all places cost one pass. A collision
    # (1 in 2^64) makes a place variable too early, and no pattern wrong.
    sums = [sum(hash((at, pattern[at].word)) for at in places) & _MASK_64 for pattern in patterns]
    best: dict[Pattern, tuple[int, int]] = {}
    for at in places:
        check()
        words = [pattern[at].word for pattern in patterns]
        rests = [(total - hash((at, word))) & _MASK_64 for total, word in zip(sums, words, strict=True)]
        # Patterns are distinct, so those with one rest have as many words here as they are.
        counts = Counter(rests)
        variable = {rest for rest, word in zip(rests, words, strict=True) if word == VALUE}
        for pattern, rest, word in zip(patterns, rests, words, strict=True):
            count = counts[rest]
            if count < 2 or word == VALUE or (count < MIN_WORDS and rest not in variable):  # noqa: PLR2004
                continue
            if count > best.get(pattern, (0, 0))[0] and _keeps_a_word(pattern, places, at):
                best[pattern] = (count, at)
    return {
        pattern: (*pattern[:at], Token(pattern[at].gap, VALUE), *pattern[at + 1 :]) for pattern, (_, at) in best.items()
    }


def _keeps_a_word(pattern: Pattern, places: list[int], at: int) -> bool:
    """Whether a word is left without this place: what is variable all over says nothing."""
    return any(place != at and pattern[place].word != VALUE for place in places)
