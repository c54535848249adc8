"""Two results side by side, and whether the second is worse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from logmill.bench.latencies import Latencies
from logmill.bench.report import table
from logmill.bench.result import Asked, Load, Requests, Result
from logmill.errors import ConfigError

_PERCENTILES = (50.0, 90.0, 99.0, 99.9, 100.0)
# A percentile is judged where in both results so many values lie beyond it; fewer say more of chance.
_LEAST_BEYOND = 10
# Of requests that were not answered well: below this, shares count as if they were as large.
_LEAST_SHARE = 0.001
# What may differ between two runs that are compared.
_NOT_ASKED = frozenset({"seed", "settle_s"})


@dataclass(frozen=True, slots=True)
class Line:
    """One figure of both results.

    Attributes:
        name: what it is.
        text: of the first, of the second, and their ratio, as they are shown.
        worse_by: how much worse the second is, 0.1 being a tenth; below zero it is better; None where nobody can tell.
    """

    name: str
    text: tuple[str, str, str]
    worse_by: float | None

    def is_worse(self, share: float) -> bool:
        """Whether the second is worse by more than this share."""
        return self.worse_by is not None and self.worse_by > share


def compared(a: Result, b: Result) -> list[Line]:
    """Every figure that both results have.

    Raises:
        ConfigError: there is none.
        Undecodable: a histogram cannot be read.
    """
    lines: list[Line] = []
    for name, one, other in (("ingest", a.ingest, b.ingest), ("query", a.query, b.query)):
        if one is not None and other is not None:
            lines += _loads(name, one, other)
    if a.searchable is not None and b.searchable is not None:
        times = a.searchable.latency.latencies(), b.searchable.latency.latencies()
        lines += _times("searchable", *times)
        lines.append(_share("searchable: not found", a.searchable.requests, b.searchable.requests))
    if a.stored is not None and b.stored is not None:
        missing = [one.missing if one.is_final else 0 for one in (a.stored, b.stored)]
        worse_by = 0.0 if missing[1] <= missing[0] else float("inf")
        lines.append(Line("accepted and missing", (f"{missing[0]:,}", f"{missing[1]:,}", ""), worse_by))
    if not lines:
        raise ConfigError("the two results have nothing in common: one is of ingest, the other of queries")
    return lines


def unjudged(a: Result, b: Result, lines: list[Line]) -> list[str]:
    """What of the load cannot be judged, in words: without it nobody can say that the second is no worse.

    Args:
        a: the first result.
        b: the second one.
        lines: of `compared`.
    """
    found: list[str] = []
    for name, one, other in (("ingest", a.ingest, b.ingest), ("query", a.query, b.query)):
        if one is None and other is None:
            continue
        if one is None or other is None:
            found.append(f"{name}: only {'B' if one is None else 'A'} has it")
        elif not any(line.worse_by is not None for line in lines if line.name.startswith(f"{name}: latency")):
            found.append(f"{name}: too few answers for any percentile; the median needs {2 * _LEAST_BEYOND} in both")
    if a.stored is not None and a.stored.is_final and not (b.stored is not None and b.stored.is_final):
        found.append("accepted and missing: not counted to the end in B")
    return found


def shown(lines: list[Line], share: float | None) -> list[str]:
    """These figures as a table.

    Args:
        lines: of `compared`.
        share: by how much the second may be worse; None where that is not asked.
    """
    rows = [("", "A", "B", "B/A", "")]
    for line in lines:
        verdict = "" if line.worse_by is not None else "too few to judge"
        if share is not None and line.is_worse(share):
            verdict = "WORSE"
        rows.append((line.name, *line.text, verdict))
    return table(rows)


def differences(a: Result, b: Result) -> list[str]:
    """What was not the same: figures are compared all the same, but may say more of this."""
    found: list[str] = []
    for kind in ("configuration", "machine"):
        one, other = getattr(a, kind), getattr(b, kind)
        found += [
            f"{name}: {_said(one.get(name))} in A, {_said(other.get(name))} in B"
            for name in sorted((one.keys() | other.keys()) - _NOT_ASKED)
            if one.get(name) != other.get(name)
        ]
    if a.query is not None and b.query is not None and a.query.by_name.keys() != b.query.by_name.keys():
        found.append("the questions have other names")
    return [*found, *(f"{name} ended early" for name, one in (("A", a), ("B", b)) if one.ended_early)]


def _said(value: object) -> str:
    """A value of the configuration; a rate that is none is the most there is."""
    return "max" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _loads(name: str, a: Load, b: Load) -> Iterator[Line]:
    rates = [one.kept_per_s if one.logs_per_s is None else one.logs_per_s for one in (a, b)]
    worse_by = rates[0] / rates[1] - 1 if rates[1] else (float("inf") if rates[0] else 0.0)
    unit = "questions/s" if a.logs_per_s is None else "logs/s"
    yield Line(f"{name}: {unit}", (f"{rates[0]:,.1f}", f"{rates[1]:,.1f}", _ratio(*rates)), worse_by)
    yield from _times(f"{name}: latency", a.total.latency.latencies(), b.total.latency.latencies())
    yield from _times(f"{name}: service time", a.total.service.latencies(), b.total.service.latencies())
    yield _share(f"{name}: not answered well", a.total.requests, b.total.requests)
    for question in sorted(a.by_name.keys() & b.by_name.keys()):
        yield from _question(question, a.by_name[question], b.by_name[question])


def _question(name: str, a: Asked, b: Asked) -> Iterator[Line]:
    yield from _times(f"question {name}", a.latency.latencies(), b.latency.latencies(), (50.0, 99.0))


def _times(name: str, a: Latencies, b: Latencies, percentiles: tuple[float, ...] = _PERCENTILES) -> Iterator[Line]:
    for percentile, one, other in zip(percentiles, a.at(percentiles), b.at(percentiles), strict=True):
        beyond = min(len(a), len(b)) * (100.0 - percentile) / 100.0
        is_judged = beyond >= _LEAST_BEYOND and one > 0
        text = (f"{one * 1000:,.1f}", f"{other * 1000:,.1f}", _ratio(one, other))
        which = "max" if percentile == 100.0 else f"p{percentile:g}"  # noqa: PLR2004 - of a hundred
        yield Line(f"{name}, {which}, ms", text, other / one - 1 if is_judged else None)


def _share(name: str, a: Requests, b: Requests) -> Line:
    shares = [1 - one.ok / one.due if one.due else 0.0 for one in (a, b)]
    held = [max(share, _LEAST_SHARE) for share in shares]
    text = (f"{shares[0]:.3%}", f"{shares[1]:.3%}", _ratio(*shares) if all(shares) else "")
    return Line(name, text, held[1] / held[0] - 1)


def _ratio(a: float, b: float) -> str:
    return f"{b / a:.2f}" if a else ""
