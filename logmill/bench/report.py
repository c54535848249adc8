"""A result as text for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from logmill.bench.plan import Part, Plan, requests_within
from logmill.bench.records import bytes_per_log
from logmill.bench.result import Asked, Load, Requests, Result, Searchable, Stored, Timing
from logmill.terminal import columns, printable
from logmill.urls import without_credentials

_BUSY = 0.8
_HEAD = ("ms", "p50", "p90", "p99", "p99.9", "max", "count")


def report(result: Result) -> str:
    """Everything that matters of a result, line by line."""
    asked = result.configuration
    lines = [
        f"run {printable(result.run)}, {asked['duration_s']:g} s after {asked['warm_up_s']:g} s of warm-up, "
        f"processes: {asked['processes']}, with {asked['connections']} connections each"
    ]
    if result.ended_early:
        lines.append("ended early: this is what was measured until then")
    if result.ingest is not None:
        batch = int(result.configuration["batch"] or 1)
        lines += ["", *_load("ingest", result.ingest, "logs", batch)]
    if result.stored is not None:
        lines += _stored(result.stored)
    if result.searchable is not None:
        lines += _searchable(result.searchable)
    if result.query is not None:
        lines += ["", *_load("query", result.query, "questions", 1)]
    lines += [
        "",
        f"the load test took {result.cpu_s:,.1f} s of CPU, its busiest process {result.busiest_process:.0%} of a core",
    ]
    if result.busiest_process > _BUSY:
        lines.append(
            "that is too much: what was measured may be its own limit; give it more --processes, or less to do"
        )
    return "\n".join(lines) + "\n"


def table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows as lines: the first column to the left, the others to the right."""
    cells = [[printable(cell, keep="") for cell in row] for row in rows]
    widths = [max(columns(row[at]) for row in cells) for at in range(len(cells[0]))] if cells else []
    return [
        "  "
        + "  ".join(_padded(cell, width, at) for at, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip()
        for row in cells
    ]


def _padded(cell: str, width: int, at: int) -> str:
    space = " " * (width - columns(cell))
    return cell + space if at == 0 else space + cell


def _load(name: str, load: Load, unit: str, per_request: int) -> list[str]:
    requests = load.total.requests
    is_closed = load.asked_per_s is None
    kept = load.kept_per_s if load.logs_per_s is None else load.logs_per_s
    sent = requests.bytes_sent / load.elapsed_s if load.elapsed_s else 0.0
    asked = "as many as it takes" if load.asked_per_s is None else f"{load.asked_per_s * per_request:,.6g} asked for"
    of = f" in requests of {per_request:,}" if per_request > 1 else ""
    size = f", {sent / 1e6:,.2f} MB/s" if requests.bytes_sent else f", {requests.bytes_received / 1e6:,.2f} MB received"
    lines = [f"{name}: {kept:,.1f} {unit}/s kept, {asked}{of}{size}"]
    if is_closed:
        lines.append(
            "  closed loop: a connection sends when it was answered, so slow answers lower the load; "
            "latency is service time"
        )
    else:
        lines.append("  open loop: latency is from when a request was due, service time from when it was sent")
    rows = [_HEAD, ("latency", *_times(load.total.latency))]
    if not is_closed:
        rows += [("service time", *_times(load.total.service)), ("sent late by", *_times(load.behind))]
    lines += table(rows)
    lines.append("  requests: " + _endings(requests))
    if requests.dropped:
        share = requests.dropped / requests.due
        lines += [
            f"  behind: {requests.dropped:,} requests ({share:.1%}) were dropped, since they could not begin in time;",
            "  they count in the latency with the time that they had waited by then, so it is longer than it says",
        ]
    if load.failures:
        kinds = ", ".join(
            f"{kind} {count:,}" for kind, count in sorted(load.failures.items(), key=lambda pair: -pair[1])
        )
        lines.append(f"  failures: {printable(kinds, keep='')}")
    if load.example:
        lines.append(f"  the first of them: {printable(load.example, keep='')}")
    if load.by_name:
        lines += table(
            [("question", *_HEAD[1:], "refused", "failed"), *(_question(*pair) for pair in load.by_name.items())]
        )
    return lines


def _question(name: str, asked: Asked) -> tuple[str, ...]:
    return (name, *_times(asked.latency), f"{asked.requests.refused:,}", f"{asked.requests.failed:,}")


def _stored(stored: Stored) -> list[str]:
    found = "storage could not count them" if stored.stored is None else f"{stored.stored:,} stored"
    lines = [
        f"  logs, warm-up included: {stored.accepted:,} accepted, {found} {stored.waited_s:.1f} s after the last answer"
        f", {stored.rejected:,} rejected, {stored.refused:,} refused, {stored.unsure:,} unanswered"
    ]
    if stored.missing and stored.is_final:
        lines.append(f"  MISSING: {stored.missing:,} logs were accepted and are not found")
    elif stored.missing:
        lines.append(f"  {stored.missing:,} are not stored yet; they were not waited for")
    if stored.is_too_much:
        lines.append(f"  TOO MANY: {stored.beyond:,} more are stored than were accepted")
    elif stored.beyond:
        lines.append(
            f"  {stored.beyond:,} more are stored: a part of those that were refused or not answered, as may be"
        )
    return lines


def _searchable(searchable: Searchable) -> list[str]:
    requests, latency, after = searchable.requests, searchable.latency, searchable.after_answer
    if not latency.count:
        return [f"  searchable: no probe was found ({_endings(requests)})"]
    lines = [
        f"  searchable within p50 {latency.p50_ms:,.0f} ms, p99 {latency.p99_ms:,.0f} ms of being due "
        f"(p50 {after.p50_ms:,.0f} ms, p99 {after.p99_ms:,.0f} ms of the answer), by {latency.count:,} probes"
    ]
    if requests.ok < requests.due:
        lines.append(f"  probes: {_endings(requests)}")
    return lines


def _endings(requests: Requests) -> str:
    return (
        f"{requests.ok:,} answered well, {requests.refused:,} refused (503, 429; not sent again), "
        f"{requests.failed:,} failed, {requests.dropped:,} dropped"
    )


def _times(timing: Timing) -> tuple[str, ...]:
    if not timing.count:
        return ("-",) * 5 + ("0",)
    times = (timing.p50_ms, timing.p90_ms, timing.p99_ms, timing.p99_9_ms, timing.max_ms)
    return (*(f"{time_ms:,.1f}" for time_ms in times), f"{timing.count:,}")


def is_well(result: Result) -> bool:
    """Whether nothing that was accepted is missing, and something was answered well."""
    loads = [load for load in (result.ingest, result.query) if load is not None]
    stored = result.stored
    is_found = stored is None or (
        stored.stored is not None and not (stored.missing and stored.is_final) and not stored.is_too_much
    )
    return is_found and (result.ended_early or all(load.total.requests.ok for load in loads))


def amount(plan: Plan) -> str:
    """What a plan is going to send, in a sentence or two."""
    found = []
    if Part.INGEST in plan.parts:
        size = bytes_per_log(plan.seed, plan.run, plan.batch)
        rate = plan.requests_per_s(Part.INGEST)
        if rate is None:
            many = f"as many logs as it takes in {plan.length_s:g} s, {size:,.0f} bytes each"
        else:
            requests = requests_within(rate, plan.length_s)
            logs = requests * plan.batch
            many = f"{logs:,} logs ({logs * size / 1e6:,.1f} MB) in {requests:,} requests over {plan.length_s:g} s"
        where = without_credentials(plan.producer_url)
        found.append(f"to {where}: {many}; services bench-…, metadata.bench_run {plan.run}; they stay there")
    if Part.QUERY in plan.parts:
        rate = plan.requests_per_s(Part.QUERY)
        many = (
            "as many questions as it answers" if rate is None else f"{requests_within(rate, plan.length_s):,} questions"
        )
        found.append(f"to {without_credentials(plan.storage_url)}: {many} over {plan.length_s:g} s")
    return "\n".join(found)
