"""Failed logins of one user or from one address, one soon after the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise

from logmill.rules.detectors import Burst, seconds
from storage.alerting.detector import Held, Looked, Manner, begun, narrowed
from storage.alerting.grouping import MAX_VALUE_CHARS
from storage.alerting.spans import SECOND_US, Span
from storage.engine.protocol import Engine, Value
from storage.search.filters import And, Between, Bounds, Contains, Filter
from storage.search.sql import condition
from storage.statements import statement

MAX_ROWS = 50_000
# The times of lines have no year: where there are none for so long, the year began since.
_HALF_YEAR_S = 183 * 86_400
_LEAP_YEAR_S = 366 * 86_400
# Where the metadata has neither, messages are read. As in sshd's "Failed password for invalid user admin from 192.0.2.7
# port 22 ssh2".
_USER = (
    r"(?i)(?:\b(?:for|users?(?:name)?|account)(?:\s*[=:]\s*|\s+)|\blogin\s*[=:]\s*)"
    r"(?:(?:invalid |illegal )?user |account )?"
    r"""\s*["'\[(<]?([^\s"'\[\](),;<>]+)"""
)
_IPV4 = r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}"
# With `::` or all eight parts, which a time of day has not.
_PART = "[0-9A-Fa-f]{1,4}"
_PARTS = rf"{_PART}(?::{_PART}){{0,6}}"
_IPV6 = rf"(?:{_PART}:){{7}}{_PART}|(?:{_PARTS})?::(?:(?:{_PART}:){{0,5}}{_IPV4}|{_PARTS})?"
_ADDRESS = (
    r"(?i)\b(?:from|rhost|host|ip|address|addr|client|by)(?:\s*[=:]\s*|\s+)(?:ip |address )?\[?"
    rf"({_IPV4}|{_IPV6})(?:[^0-9A-Za-z]|$)"
)
# Who logs in chooses the name, also one that looks like the rest of the line: "a from 9.9.9.9 port 1". What sshd says
# itself is the last.
_NAMED = (
    r"(?is)\b(?:fail(?:ed|ure)(?: [a-z0-9/_-]+){0,3} for (?:(?:invalid |illegal )?user )?|(?:invalid|illegal) user )"
)
_FROM = rf" from \[?(?:{_IPV4}|{_IPV6})(?:%[0-9a-z._-]+)?\]?(?: port [0-9]+|\s*$)"
_SSHD_ADDRESS = _NAMED + r".*" + _FROM.replace("(?:", "(", 1)
_SSHD_USER = rf"""{_NAMED} *["'\[(<]*((?:.*[^"'\])>\s])?)["'\])>]*{_FROM}"""
_ANY_ADDRESS = rf"\b({_IPV4})\b"
_REPEATED = r"message repeated ([0-9]{1,6}) times"
_SAID_AT = r"^(?:<[0-9]{1,3}>)?([A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}) "
_USER_NAMES = ("user", "username", "user_name", "login", "account", "email")
_ADDRESS_NAMES = (
    "ip",
    "client_ip",
    "remote_ip",
    "source_ip",
    "src_ip",
    "remote_addr",
    "client_addr",
    "address",
    "rhost",
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """Failed logins of one group at one moment.

    Attributes:
        second: the event time, in seconds since 1970-01-01 UTC.
        said_s: the time that the line itself begins with (RFC 3164), in seconds of some year; None for none.
        times: how many; a line may say that it stands for several.
    """

    second: int
    said_s: int | None
    times: int


@dataclass(frozen=True, slots=True)
class Episode:
    """Attempts that were too many: from when to when they were, in seconds of event time, and how many at most."""

    start_s: int
    end_s: int
    most: int


def episodes(attempts: Iterable[Attempt], window_s: int, at_least: int) -> list[Episode]:
    """When there were so many attempts within a window that ends with one of them; those that follow at once as one.

    A file that is loaded at once has one event time for all its lines where nobody gave them any: where every line
    begins with a time of its own, that says how far apart they were.
    """
    known = list(attempts)
    own = all(attempt.said_s is not None for attempt in known)
    year_s = _year_began_s([one.said_s for one in known if one.said_s is not None]) if own else 0
    moments = sorted(
        (one.second if not own or one.said_s is None else _after(one.said_s, year_s), one.second, one.times)
        for one in known
    )
    found: list[Episode] = []
    first = count = 0
    held = False
    for at_s, second, times in moments:
        count += times
        while moments[first][0] <= at_s - window_s:
            count -= moments[first][2]
            first += 1
        if count < at_least:
            held = False
            continue
        if held:
            last = found[-1]
            found[-1] = Episode(min(last.start_s, second), max(last.end_s, second), max(last.most, count))
        else:
            found.append(Episode(second, second, count))
        held = True
    return found


def _year_began_s(said_s: Iterable[int]) -> int:
    """The first of these seconds of a year that belongs to the year before; 0 where all are of one."""
    ordered = sorted(set(said_s))
    return next((after for before, after in pairwise(ordered) if after - before > _HALF_YEAR_S), 0)


def _after(said_s: int, year_s: int) -> int:
    return said_s + _LEAP_YEAR_S if said_s < year_s else said_s


class BurstDetector(Manner):
    """A burst rule, compiled; see `Detector`."""

    def __init__(self, rule: Burst, wanted: Filter) -> None:
        self.rule = rule
        self.fields: tuple[str, ...] = (rule.per,)
        self.limit = f"{rule.at_least} failed logins within {rule.window}"
        self._at_least = rule.at_least
        self._wanted = wanted
        self._window_s = seconds(rule.window)
        self.reach_us = self._window_s * SECOND_US

    def ready_us(self, _end_us: int) -> int:
        """As `Detector.ready_us`: more attempts only make it worse."""
        return 0

    def look(self, engine: Engine, span: Span, _now_us: int) -> Looked:
        """As `Detector.look`."""
        times = Between("timestamp", Bounds(span[0] - self.reach_us, span[1] + self.reach_us, with_high=False))
        where, params = condition(And((times, self._wanted)))
        who, bound = self._who()
        params |= {**bound, "said_at": _SAID_AT, "repeated": _REPEATED, "most": MAX_ROWS}
        table = engine.select(statement("alerts", "attempts", who=who, where=where), params)
        groups: dict[str, list[Attempt]] = defaultdict(list)
        for row in table.to_pylist():
            groups[row["who"]].append(Attempt(row["second"], _said_s(row["said_at"]), row["times"]))
        held = [
            self._held(group, episode)
            for group, attempts in groups.items()
            if sum(one.times for one in attempts) >= self._at_least
            for episode in episodes(attempts, self._window_s, self._at_least)
        ]
        return Looked(held, table.num_rows >= MAX_ROWS)

    def _who(self) -> tuple[str, dict[str, Value]]:
        if self.rule.per == "address":
            patterns: dict[str, Value] = {"sshd": _SSHD_ADDRESS, "pattern": _ADDRESS, "otherwise": _ANY_ADDRESS}
            return statement("alerts", "address_of"), {"names": _ADDRESS_NAMES, **patterns}
        return statement("alerts", "user_of"), {"names": _USER_NAMES, "sshd": _SSHD_USER, "pattern": _USER}

    def _held(self, group: str, episode: Episode) -> Held:
        start_us, end_us = episode.start_s * SECOND_US, (episode.end_s + 1) * SECOND_US
        shown = group[:MAX_VALUE_CHARS]
        return Held(
            group=(group,),
            start_us=start_us,
            end_us=end_us,
            value=float(episode.most),
            since_us=start_us - self.reach_us,
            summary=f"{episode.most} failed logins within {self.rule.window}, the limit is {self.rule.at_least}",
            logs=And((self._wanted, Contains(group.lower()[:MAX_VALUE_CHARS]))),
            q=narrowed(self.rule.q, f"*{begun(shown, '._-@')}*") if _is_plain(group) else self.rule.q,
        )


def _is_plain(text: str) -> bool:
    """Whether a text can be looked for in messages as it is: not beginning or ending within what is no word."""
    return bool(text) and not any(char.isspace() for char in text)


@lru_cache(maxsize=65_536)
def _said_s(text: str) -> int | None:
    """The seconds of a time such as `Dec 10 06:55:46`, in a leap year; None where it is none."""
    try:
        return int(datetime.strptime(f"2000 {text}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC).timestamp())
    except ValueError:
        return None
