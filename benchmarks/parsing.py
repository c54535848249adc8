"""How much CPU the parsing of messages takes a log: where none has a format, and for each format."""

from __future__ import annotations

import random
import time
from itertools import islice
from pathlib import Path

import click
import msgspec
import polars as pl
from msgspec import Raw
from rich.console import Console
from rich.table import Table

from benchmarks.records import records
from benchmarks.report import fill_document
from logmill.columns import Columns
from logmill.ids import new_batch_id
from logmill.parsing.formats import formats_of
from logmill.record import ARRIVAL, Entry
from logmill.rules.ruleset import load
from logmill.settings import Settings
from logmill.wire import Batch
from processor.columns import to_frame
from processor.redaction.rules import redactor_of
from processor.redaction.torn import SECRETS
from processor.stages import Stage, make_stages, parsing

COUNT = 25_000
ROUNDS = 15
HEADINGS = ("logs", "parsing, µs of CPU a log")
_METADATA = b'{"region":"eu-1"}'


def _json(n: int) -> str:
    fields = {"time": "2026-01-31T12:00:00.123Z", "level": "warn", "msg": f"request {n} done", "user": n, "ok": True}
    return msgspec.json.encode(fields).decode()


def _python(n: int) -> str:
    frames = "".join(f'  File "/app/m{k}.py", line {n % 90 + k + 1}, in f{k}\n    g()\n' for k in range(8))
    return f"Traceback (most recent call last):\n{frames}ValueError: bad value {n}"


def _java(n: int) -> str:
    frames = "".join(f"\tat com.example.C{k}.run(C{k}.java:{n % 90 + k + 1})\n" for k in range(8))
    return f"java.lang.IllegalStateException: bad value {n}\n{frames}Caused by: java.io.IOException: gone\n\t... 7 more"


SAMPLES = {
    "json": _json,
    "logfmt": lambda n: (
        f'ts=2026-01-31T12:00:00.123Z level=warn msg="request {n} done" user={n} path=/api/items ok=true'
    ),
    "access, combined": lambda n: (
        f'10.0.{n % 200}.7 - frank [31/Jan/2026:12:00:00 +0000] "GET /items/{n}?page=2 HTTP/1.1" 200 2326 '
        '"http://example.com/start" "Mozilla/5.0 (X11; Linux x86_64)"'
    ),
    "error, nginx": lambda n: (
        f'2026/01/31 12:00:00 [error] 1234#56: *{n} open() "/srv/x" failed (2: No such file or directory), client: '
        '10.0.0.7, server: example.com, request: "GET /x HTTP/1.1", host: "example.com"'
    ),
    "error, apache": lambda n: (
        f"[Sat Jan 31 12:00:00.123456 2026] [core:error] [pid {n}:tid 139] [client 10.0.0.7:4711] AH00128: no such file"
    ),
    "syslog, RFC 5424": lambda n: (
        f'<34>1 2026-01-31T12:00:00.003Z host.example.com su {n} ID47 [ex@32473 iut="3" src="app"] su root failed'
    ),
    "syslog, RFC 3164": lambda n: f"<34>Jan 31 12:00:00 combo sshd[{n}]: Invalid user webmaster from 173.234.31.186",
    "cri": lambda n: f"2026-01-31T12:00:00.123456789Z stdout F request {n} took {n % 97} ms",
    "time": lambda n: f"2026-01-31T12:00:00.123+01:00 ERROR cannot connect to shard {n}",
    "trace, Python, 8 frames": _python,
    "trace, Java, 8 frames": _java,
}


def frame_of(messages: list[str], metadata: list[bytes], timestamp_from: str = ARRIVAL) -> pl.DataFrame:
    """Raw columns of logs with these messages."""
    entries = [
        Entry(1_800_000_000_000_000, message=message, metadata=Raw(raw), timestamp_from=timestamp_from)
        for message, raw in zip(messages, metadata, strict=True)
    ]
    return to_frame([Batch(new_batch_id(), 1_800_000_000_000_000, Columns.of(entries))])


def ns_a_log(stage: Stage, frame: pl.DataFrame) -> float:
    """The least CPU time of some rounds; all threads of the process count."""
    times = []
    for _ in range(ROUNDS):
        started = time.process_time_ns()
        stage(frame)
        times.append(time.process_time_ns() - started)
    return min(times) / frame.height


def measured() -> list[tuple[str, str]]:
    """What was parsed, and its cost."""
    settings, rules = Settings(), load("")
    formats = formats_of(rules, SECRETS)
    some = list(islice(records(7), COUNT))
    plain = frame_of([one["message"] for one in some], [msgspec.json.encode(one["metadata"]) for one in some], "")

    def parse(frame: pl.DataFrame) -> pl.DataFrame:
        return parsing.parse(frame, formats, settings.max_metadata_bytes)

    found = [("the benchmark's records, none of a format", ns_a_log(parse, plain))]
    rng = random.Random(7)
    mixed = []
    for name, make in SAMPLES.items():
        messages = [make(rng.randrange(100_000)) for _ in range(COUNT)]
        frame = frame_of(messages, [_METADATA] * COUNT)
        parsed = parse(frame)
        assert set(parsed["parsed_as"]) == {name.partition(",")[0]}, set(parsed["parsed_as"])
        found.append((name, ns_a_log(parse, frame)))
        mixed += messages[: COUNT // 100]
    messages = [one["message"] for one in some[: COUNT - len(mixed)]] + mixed
    rng.shuffle(messages)
    frame = frame_of(messages, [_METADATA] * COUNT)
    found.append((f"{len(mixed) / COUNT:.0%} of any format, the rest of none", ns_a_log(parse, frame)))
    stages = make_stages(settings, rules, redactor_of(rules, settings))

    def all_stages(frame: pl.DataFrame) -> pl.DataFrame:
        for _name, stage in stages:
            frame = stage(frame)
        return frame

    found.append(("all stages together, the benchmark's records", ns_a_log(all_stages, plain)))
    return [(name, f"{cost_ns / 1000:.2f}") for name, cost_ns in found]


@click.command()
@click.option("--write-docs", is_flag=True, help="Fill the table of docs/decisions/parsing.md.")
def main(*, write_docs: bool) -> None:
    """Measure what the parsing of messages costs: where none has a format, and for each format."""
    table = measured()
    shown = Table(*HEADINGS)
    for row in table:
        shown.add_row(*row)
    Console().print(shown)
    if write_docs:
        words = f"Measured on {COUNT:,} logs of each (`make bench-parsing`), the least of {ROUNDS} rounds."
        fill_document(Path("docs/decisions/parsing.md"), "parsing", words, table, HEADINGS)


if __name__ == "__main__":
    main()
