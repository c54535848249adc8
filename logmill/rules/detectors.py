"""What the section `detectors` of a rules file holds: when storage raises an alert."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct, field

MAX_DETECTORS = 200
DetectorName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\Z")]
Duration = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,5}[smhdw]\Z")]
Search = Annotated[str, Meta(max_length=8192)]
Severity = Literal["low", "medium", "high", "critical"]
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"([0-9]+)([smhdw])")


class Base(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What every detector has.

    Attributes:
        name: its name, which no other has; one of a shipped detector's takes that one's place.
        description: what it means, for whoever gets the alert.
        severity: low, medium, high or critical.
        labels: what else receivers of the webhook are told.
        resolve_after: an alert is resolved once its condition has not held for so long; until then what comes again is
            the same alert.
    """

    name: DetectorName
    description: Annotated[str, Meta(max_length=1000)] = ""
    severity: Severity = "medium"
    labels: Annotated[dict[DetectorName, Annotated[str, Meta(max_length=200)]], Meta(max_length=20)] = field(
        default_factory=dict
    )
    resolve_after: Duration = "15m"


class Threshold(Base, frozen=True, kw_only=True, tag="threshold"):
    """A number over the logs of a search, in each window of time.

    Attributes:
        q: a search text; empty for all logs.
        window: how long a window is, from 10s to 1d; one begins at each tenth of it.
        group_by: fields of whose values each has windows of its own.
        when: the condition, as in `count >= 10`; several with `and` between.
        lasting: `for` in the file: how long the condition has to hold.
    """

    when: Annotated[str, Meta(min_length=1, max_length=500)]
    q: Search = ""
    window: Duration = "5m"
    group_by: Annotated[list[Annotated[str, Meta(min_length=1, max_length=200)]], Meta(max_length=3)] = field(
        default_factory=list
    )
    lasting: Duration | None = field(default=None, name="for")


class Burst(Base, frozen=True, kw_only=True, tag="burst"):
    """Failed logins of one user, or from one address, one soon after the other.

    Attributes:
        q: the search text that finds failed logins.
        per: whose are counted together.
        at_least: how many there have to be
        window: within so much time, up to 1d.
    """

    q: Search
    per: Literal["user", "address"]
    at_least: Annotated[int, Meta(ge=1, le=1_000_000)]
    window: Duration = "10m"


class Spike(Base, frozen=True, kw_only=True, tag="spike"):
    """Far more logs, or a far larger share of errors, than the same service had before.

    Attributes:
        q: a search text; empty for all logs.
        measure: what is compared: the number of logs, or the share of them that are ERROR or CRITICAL.
        group_by: the field of whose values each has a history of its own.
        bucket: the length of the pieces of time that are compared, in minutes that divide a day.
        learn: nothing is said of a service before it has logged for so long.
        history: how far back is looked, up to 28d.
        score: the modified z-score from which a number is unusual.
        factor: how many times the usual it must be, too.
        at_least: how many logs, or errors, there must be in the bucket.
    """

    measure: Literal["count", "error_share"]
    q: Search = ""
    group_by: Annotated[str, Meta(min_length=1, max_length=200)] = "service"
    bucket: Duration = "5m"
    learn: Duration = "2h"
    history: Duration = "14d"
    score: Annotated[float, Meta(ge=1, le=1000)] = 5.0
    factor: Annotated[float, Meta(ge=1, le=1000)] = 2.0
    at_least: Annotated[int, Meta(ge=1)] = 20


class Silence(Base, frozen=True, kw_only=True, tag="silence"):
    """Nothing of a service that used to speak.

    Attributes:
        q: a search text; empty for all logs.
        group_by: the field by whose values silence is told.
        at_least: it must be as long as this,
        factor: and so many times as long as the longest pause that the service made before.
        learn: nothing is said of a service that logged for less time than this before.
        history: how far back its pauses are known, up to 28d; one that is silent for longer is forgotten.
    """

    q: Search = ""
    group_by: Annotated[str, Meta(min_length=1, max_length=200)] = "service"
    at_least: Duration = "15m"
    factor: Annotated[float, Meta(ge=1, le=1000)] = 3.0
    learn: Duration = "2h"
    history: Duration = "7d"


class NewPattern(Base, frozen=True, kw_only=True, tag="new_pattern"):
    """A pattern of messages that the store never had before.

    Attributes:
        q: which logs are looked at.
        at_least: how many logs of it there have to be
        window: within so much time of the first one.
        learn: nothing is said of a service that logged for less time than this before.
    """

    q: Search = "level:(ERROR OR CRITICAL)"
    at_least: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    window: Duration = "1h"
    learn: Duration = "6h"


Detector: TypeAlias = Threshold | Burst | Spike | Silence | NewPattern


class Detectors(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The section `detectors`.

    Attributes:
        defaults: whether the shipped detectors are in force.
        without: shipped detectors that are not.
        rules: detectors of one's own.
    """

    defaults: bool = True
    without: list[DetectorName] = field(default_factory=list)
    rules: Annotated[list[Detector], Meta(max_length=MAX_DETECTORS)] = field(default_factory=list)


def seconds(duration: str) -> int:
    """The seconds of a duration such as 90s, 5m or 1d."""
    found = _DURATION.fullmatch(duration)
    if found is None:
        raise ValueError(duration)
    return int(found[1]) * _SECONDS[found[2]]
