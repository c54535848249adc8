"""`logmill results`: what files of test results say, in short, in the terminal; no service needs to run."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from logmill.cli_options import settings_with
from logmill.errors import LogmillError
from logmill.results.accumulator import Accumulator
from logmill.results.document import as_document
from logmill.results.model import FileResults, counted
from logmill.results.reading import read
from logmill.results.records import DEFAULT_SERVICE, left_out, why_unreadable
from logmill.results.summary import Summary
from logmill.results.text import render
from logmill.results_client import NotSent, ResultsClient, ResultsFile
from logmill.terminal import ascii_json, printable, quiet_end, write
from logmill.timestamps import now_us

if TYPE_CHECKING:
    from logmill.results.chart import Form

STDIN = "-"
MAX_FILE_BYTES = 64 * 1024 * 1024
FORM_OF: dict[str, Form] = {".svg": "svg", ".png": "png"}
_SHOWN_PROBLEMS = 20
_MAGIC = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class _Source:
    """A file that was read: where it lies, its name, when it was written; and what is in it, where it is read once."""

    path: str
    name: str
    at_us: int
    body: bytes | None


class _Place(msgspec.Struct, frozen=True):
    """A problem, and the file it is in."""

    file: str
    line: int
    message: str


class _Unreadable(LogmillError):
    """A file that nothing can be read in."""


@click.command()
@click.argument("patterns", nargs=-1, required=True, metavar="FILE...")
@click.option("--json", "is_json", is_flag=True, help="As JSON, as GET /results/summary answers it.")
@click.option("--chart", type=click.Path(dir_okay=False, path_type=Path), help="Write a bar chart there, .svg or .png.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="So many tests; all are counted.")
@click.option("--fail", "fails", is_flag=True, help="End with 1 where the newest run of a test failed.")
@click.option("--send", "is_sent", is_flag=True, help="Send the files to the producer as well; each counts once.")
@click.option("--parallel", type=click.IntRange(1, 32), default=4, show_default=True, help="Files sent at a time.")
@click.option("--service", default="", help=f"Whose tests they are.  [default: {DEFAULT_SERVICE}]")
@click.option("--producer", "producer_url", metavar="URL", help="Where the producer is; LOGMILL_PRODUCER_URL.")
@click.option("--key", help="API key; LOGMILL_API_KEY, which other users of this machine do not see.")
def results(
    patterns: tuple[str, ...],
    *,
    is_json: bool,
    chart: Path | None,
    limit: int,
    fails: bool,
    is_sent: bool,
    **sending: Any,
) -> None:
    """Sum up files of test results: pairs of Test: and Result:, JUnit XML, pytest's report log.

    FILE is a path, a pattern such as 'results/**/*.xml', or - for standard input. Ends with 1 where a pattern matches
    nothing, or a file cannot be read or sent; what tests say changes that with --fail only.

    \b
    logmill results nightly-*.log
    logmill results 'build/**/TEST-*.xml' --chart results.svg --fail
    logmill results --send report-log.jsonl --service checkout
    """  # noqa: D301 - click wants the backspace
    if chart is not None and chart.suffix not in FORM_OF:
        raise click.UsageError(f"--chart must end in {' or '.join(FORM_OF)}, not {chart.name!r}")
    accumulator = Accumulator(sending["service"] or DEFAULT_SERVICE)
    problems: list[_Place] = []
    good: list[_Source] = []
    paths, unmatched = _paths(patterns)
    if not paths:
        raise click.UsageError(f"there is no file {', '.join(map(repr, unmatched))}")
    for pattern in unmatched:
        _complain(f"there is no file {pattern!r}")
    well = not unmatched
    for path in paths:
        try:
            source, found = _read(path)
        except _Unreadable as error:
            well = False
            _complain(str(error))
            continue
        accumulator.add(found, source.at_us)
        problems += [_Place(source.name, one.line, one.message) for one in found.problems]
        good.append(source)
    whole = accumulator.summary()
    shown = Summary(whole.totals, whole.tests[:limit])
    others = len(whole.tests) - len(shown.tests)
    with quiet_end():
        write(_as_json(shown, others, problems) if is_json else render(shown, others) + _told(problems))
    if chart is not None:
        _draw(shown, others, chart)
    if is_sent:
        well = _send(good, **sending) and well
    if not well or (fails and whole.totals.failing):
        sys.exit(1)


def _paths(patterns: Iterable[str]) -> tuple[list[str], list[str]]:
    """The files that are meant, each once, and the patterns that match none.

    A pattern that the shell did not replace is looked up here.
    """
    paths: dict[str, None] = {}
    unmatched: list[str] = []
    for pattern in patterns:
        found = [pattern]
        if pattern != STDIN and not _MAGIC.isdisjoint(pattern) and not Path(pattern).exists():
            found = sorted(path for path in glob.glob(pattern, recursive=True) if Path(path).is_file())  # noqa: PTH207
            if not found:
                unmatched.append(pattern)
        paths.update(dict.fromkeys(found))
    return list(paths), unmatched


def _read(path: str) -> tuple[_Source, FileResults]:
    """A file, and what is in it.

    Raises:
        _Unreadable: it is not there, too long, or none of test results.
    """
    body, at_us = _body(path)
    name = path if path != STDIN else ""
    found = read(body, hint=name or "standard input")
    if not found.is_readable:
        raise _Unreadable(f"{path}: {why_unreadable(found)}")
    if found.left_out:
        raise _Unreadable(f"{path}: {left_out(found)}")
    kept = body if path == STDIN else None
    return _Source(path, name or found.name, at_us, kept), found


def _body(path: str) -> tuple[bytes, int]:
    """What is in a file, and when it was written, microseconds since 1970-01-01 UTC."""
    try:
        if path == STDIN:
            body, at_us = sys.stdin.buffer.read(MAX_FILE_BYTES + 1), now_us()
        else:
            with Path(path).open("rb") as file:
                body, at_us = file.read(MAX_FILE_BYTES + 1), os.fstat(file.fileno()).st_mtime_ns // 1000
    except OSError as error:
        raise _Unreadable(f"{path}: {error.strerror}") from None
    if len(body) > MAX_FILE_BYTES:
        raise _Unreadable(f"{path}: it is longer than {MAX_FILE_BYTES >> 20} MiB")
    return body, at_us


def _as_json(shown: Summary, others: int, problems: list[_Place]) -> str:
    document = {**as_document(shown, others), "problems": problems}
    return ascii_json(msgspec.json.encode(document).decode()) + "\n"


def _told(problems: list[_Place]) -> str:
    """Problems as editors and terminals know places: file:line."""
    lines = [printable(f"{one.file}:{one.line}: {one.message}", keep="") for one in problems[:_SHOWN_PROBLEMS]]
    if len(problems) > len(lines):
        lines.append(f"and {counted(len(problems) - len(lines), 'more problem')}")
    return "".join(f"{line}\n" for line in ("", *lines)) if lines else ""


def _draw(shown: Summary, others: int, path: Path) -> None:
    from logmill.results.chart import draw

    try:
        path.write_bytes(draw(shown, FORM_OF[path.suffix], others))
    except ImportError:
        raise LogmillError("a chart needs matplotlib: pip install 'logmill[storage]'") from None
    except OSError as error:
        raise LogmillError(f"{path} cannot be written: {error.strerror}") from None


def _send(files: list[_Source], *, producer_url: str | None, key: str | None, service: str, parallel: int) -> bool:
    """Send files, and say what came of it; whether all were taken."""
    settings = settings_with(click.get_current_context(), producer_url=producer_url or None)
    client = ResultsClient(settings.producer_url, settings.api_key if key is None else key, service)
    taken = known = results_taken = 0
    for file, sent in client.send_all(_sendable(files), parallel):
        if isinstance(sent, NotSent):
            _complain(f"{file.name} is not sent: {sent}")
        else:
            taken += 1
            known += sent.was_known
            results_taken += sent.results
    said = f"sent {counted(taken, 'file')} of {len(files):,} with {counted(results_taken, 'result')}"
    if known:
        was, count = ("was", "counts") if known == 1 else ("were", "count")
        said += f"; {known:,} of them {was} sent before, and {count} once"
    click.echo(said, err=True)
    return taken == len(files)


def _sendable(files: Iterable[_Source]) -> Iterator[ResultsFile]:
    """The files with what is in them, which is not kept for all at a time."""
    for file in files:
        # A file that was written anew is another one, though it say the same: tomorrow's results may be today's.
        version = str(file.at_us)
        try:
            body = _body(file.path)[0] if file.body is None else file.body
        except _Unreadable as error:
            _complain(str(error))
            continue
        yield ResultsFile(file.name, body, version)


def _complain(words: str) -> None:
    click.secho(f"logmill: {printable(words)}", fg="red", err=True)
