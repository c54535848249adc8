"""What `logmill generate` was asked for, read from words."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

import msgspec

from generator.custom import CustomFields
from generator.flows.incidents import KINDS
from generator.mix import DEFAULT_LEVELS
from generator.spans import Burst, Incident
from logmill.errors import ConfigError, InvalidField
from logmill.record import LEVEL_SYNONYMS, LEVELS
from logmill.timestamps import to_us

MOST_A_SECOND = 1_000_000
_SPAN = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_THOUSANDS = re.compile(r"(?<=[0-9]),(?=[0-9]{3}(?:[,.]|$))")
_LONGEST_S = 10 * 366 * 86_400.0


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The words and numbers of the command line, where those of the settings are filled in."""

    rate: str
    format: str
    outputs: Sequence[str] = ()
    producer: str = ""
    broker: str = ""
    key: str = ""
    count: int | None = None
    duration: str = ""
    seed: int | None = None
    start: str = ""
    backfill: bool = False
    levels: str = ""
    users: int = 50_000
    fields: Sequence[str] = ()
    bursts: Sequence[str] = ()
    incidents: Sequence[str] = ()
    curve: str = "flat"
    heartbeat: bool = False
    frequency: str = ""
    level: str = "INFO"
    max_bytes: int = 1_000_000
    backups: int = 3
    connections: int = 4
    batch_logs: int = 2000
    batch_interval_s: float = 0.2
    catch_up_s: float = 60.0
    status_file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is made, and when.

    Attributes:
        rate: logs a second; None: as many as can be made.
        count: how many in all; None: without end.
        duration_s: for how long.
        seed: of all chance.
        start_us: the time of the first moment; None: that of the start.
        backfill: whether logs of the past are made at once.
        levels: weight by level.
        custom: the custom fields.
        bursts: whiles of more logs.
        incidents: whiles in which something goes wrong.
        is_daily: whether the rate follows the hours of the day.
        heartbeat_level: of heartbeats; "" where flows are told.
    """

    rate: float | None
    count: int | None
    duration_s: float
    seed: int
    start_us: int | None
    backfill: bool
    levels: Mapping[str, float]
    custom: CustomFields
    bursts: tuple[Burst, ...]
    incidents: tuple[Incident, ...]
    is_daily: bool
    heartbeat_level: str


def plan_of(asked: Asked) -> Plan:
    """What the words ask for.

    Raises:
        ConfigError: names the option and what is wrong with it.
    """
    rate = _rate(asked)
    plan = Plan(
        rate=rate,
        count=asked.count,
        duration_s=_seconds("--duration", asked.duration) if asked.duration else math.inf,
        # No secret: it only makes runs differ.
        seed=Random().getrandbits(32) if asked.seed is None else asked.seed,  # noqa: S311
        start_us=_start_us(asked.start) if asked.start else None,
        backfill=asked.backfill,
        levels=_levels(asked.levels) if asked.levels else DEFAULT_LEVELS,
        custom=CustomFields.of(asked.fields),
        bursts=tuple(_burst(text) for text in asked.bursts),
        incidents=tuple(_incident(text) for text in asked.incidents),
        is_daily=asked.curve == "daily",
        heartbeat_level=_level("--level", asked.level) if asked.heartbeat else "",
    )
    _check(asked, plan)
    return plan


def _check(asked: Asked, plan: Plan) -> None:
    ends = plan.count is not None or math.isfinite(plan.duration_s)
    faults = {
        "--backfill: say also --start, and --count or --duration": plan.backfill and not (asked.start and ends),
        "--backfill: say a --rate too, since it gives logs their times": plan.backfill and plan.rate is None,
        "--rate max: it has no bursts and no curve of the day": plan.rate is None
        and bool(plan.bursts or plan.is_daily),
        "--rate max: it has no --start; --backfill makes logs of the past": plan.rate is None and bool(asked.start),
        "--heartbeat: it has no bursts, incidents, levels and curve of the day": asked.heartbeat
        and bool(plan.bursts or plan.incidents or plan.is_daily or asked.levels),
        "--producer, --broker, --output: only one of them": (
            bool(asked.producer) + bool(asked.broker) + bool(asked.outputs) > 1
        ),
    }  # fmt: skip
    for message, is_so in faults.items():
        if is_so:
            raise ConfigError(message)


def _rate(asked: Asked) -> float | None:
    if asked.heartbeat:
        every_s = _seconds("--frequency", asked.frequency)
        if every_s < 1 / MOST_A_SECOND:
            raise ConfigError("--frequency: it must be more than 0")
        return 1 / every_s
    if asked.rate.strip().lower() == "max":
        return None
    try:
        # Of commas only those between thousands: 1,5 may mean one and a half.
        rate = float(_THOUSANDS.sub("", asked.rate.strip()))
    except ValueError:
        rate = math.nan
    if not 0 < rate <= MOST_A_SECOND:
        raise ConfigError(f"--rate: {asked.rate!r} is neither max nor a number up to {MOST_A_SECOND:,}")
    return rate


def _seconds(option: str, text: str) -> float:
    """The seconds of `90`, `500ms`, `30s`, `5m`, `2h`, `1d`.

    Raises:
        ConfigError: it is none of these.
    """
    match = _SPAN.fullmatch(text.strip().lower())
    seconds = float(match[1]) * _UNIT_S[match[2]] if match else math.nan
    if not seconds <= _LONGEST_S:
        raise ConfigError(f"{option}: {text!r} is no span of time; write 500ms, 30s, 5m, 2h or 1d, at most ten years")
    return seconds


def _start_us(text: str) -> int:
    try:
        return to_us(text, "--start")
    except InvalidField as error:
        raise ConfigError(str(error)) from None


def _level(option: str, text: str) -> str:
    level = LEVEL_SYNONYMS.get(text.strip().upper())
    if level is None:
        raise ConfigError(f"{option}: {text!r} is no level; there are {', '.join(LEVELS)}")
    return level


def _levels(text: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, sign, number = part.partition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = math.nan
        if not sign or not 0 <= weight <= 1e9:  # noqa: PLR2004 - any large number will do
            raise ConfigError(
                f"--levels: {part!r} is not LEVEL=WEIGHT with a weight from 0, as in DEBUG=20,INFO=60,ERROR=5"
            )
        weights[_level("--levels", name)] = weight
    return weights


def _pairs(option: str, words: Sequence[str], known: Sequence[str]) -> dict[str, float]:
    """The spans of time of `at=2m`, `for=30s`, `every=10m`."""
    found: dict[str, float] = {}
    for word in words:
        name, sign, text = word.partition("=")
        if not sign or name not in known or name in found:
            raise ConfigError(f"{option}: {word!r} is not understood; it may have {', '.join(known)}, each once")
        found[name] = _seconds(option, text)
    return found


def _whiles(option: str, found: Mapping[str, float]) -> dict[str, int]:
    """The fields of a `Span`; the first one comes after one period unless it is said when."""
    for_us, every_us = (round(found.get(name, 0.0) * 1e6) for name in ("for", "every"))
    if not 0 < for_us < (every_us or math.inf):
        raise ConfigError(f"{option}: it must last for more than 0 and less than the time from one to the next")
    return {"at_us": round(found.get("at", found.get("every", 0.0)) * 1e6), "for_us": for_us, "every_us": every_us}


def _burst(text: str) -> Burst:
    """`10x:30s:every=5m`, `10x:30s:at=1m`."""
    option = "--burst"
    factor, _, rest = text.partition(":")
    for_text, *more = rest.split(":")
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)x", factor.strip().lower())
    if match is None or not for_text or float(match[1]) > MOST_A_SECOND:
        raise ConfigError(f"{option}: {text!r} is not FACTORx:SPAN[:every=SPAN][:at=SPAN], as in 10x:30s:every=5m")
    found = {"for": _seconds(option, for_text), **_pairs(option, more, ("every", "at"))}
    return Burst(factor=float(match[1]), **_whiles(option, found))


def _incident(text: str) -> Incident:
    """`payment-outage:at=2m:for=30s:every=10m`."""
    option = "--incident"
    name, *more = text.strip().split(":")
    if name not in KINDS:
        raise ConfigError(f"{option}: there is no {name!r}; known are {', '.join(KINDS)}")
    found = {"for": 30.0, **_pairs(option, more, ("at", "for", "every"))}
    return Incident(kind=KINDS[name], **_whiles(option, found))
