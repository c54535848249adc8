"""`logmill restore`: brings logs back that storage gave out, from the files of its archive or from exports."""

from __future__ import annotations

import gzip
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import IO, cast

import click
import msgspec
import zstandard

from logmill.backoff import delay_s
from logmill.cli_options import settings_with
from logmill.errors import ExitCode, LogmillError, StorageUnavailable
from logmill.ids import parse_log_id
from logmill.intake import NDJSON
from logmill.storage_client import Answered, StorageClient
from logmill.terminal import printable

_STANDARD_INPUT = "-"
_GZIP = b"\x1f\x8b"
# One request; below what storage takes, unless its limits were lowered.
_LOGS = 5000
_BYTES = 8 * 1024 * 1024
# A log is some megabytes at most; a line that has no end is none.
_MAX_LINE_BYTES = 64 * 1024 * 1024
_HEADERS = {"Content-Type": NDJSON, "Content-Encoding": "zstd"}
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.5, 5.0
_UNAVAILABLE = 503


class _Log(msgspec.Struct, frozen=True):
    id: str


class _Stored(msgspec.Struct, frozen=True):
    """What became of a body: how many of its logs are new, how many were there before."""

    stored: int
    duplicates: int


_log = msgspec.json.Decoder(_Log).decode


class Unreadable(LogmillError):
    """A file is not what it should be."""

    exit_code = ExitCode.USAGE


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--storage", "storage_url", metavar="URL", help="Where storage is; LOGMILL_STORAGE_URL.")
@click.option("--key", help="API key; LOGMILL_API_KEY, which other users of this machine do not see.")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    help="Seconds to go on trying while storage is away.",
)
def restore(files: tuple[str, ...], storage_url: str | None, key: str | None, wait_s: float) -> None:
    """Bring logs back from files of the archive, or from exports as NDJSON, as they are or as .gz; - is standard input.

    Each log keeps its id and is stored once, however often it is restored. It counts as received now, so it is kept
    as long as a new one.

    \b
    logmill restore /var/lib/logmill/archive/2026-01-31-*.json.gz
    """  # noqa: D301 - click wants the backspace
    settings = settings_with(click.get_current_context(), storage_url=storage_url or None)
    client = StorageClient(settings.storage_url, settings.api_key if key is None else key)
    for name in files:
        stored = known = 0
        for body in _bodies(name):
            found = _send(client, body, wait_s)
            stored += found.stored
            known += found.duplicates
        click.echo(f"{printable(name, keep='')}: {stored + known:,} logs, {stored:,} stored, {known:,} there before")


def _send(client: StorageClient, lines: list[bytes], wait_s: float) -> _Stored:
    """Send logs, again while storage is away: they have ids, so that none is stored twice."""
    body = zstandard.compress(b"".join(lines), 1)
    until_s = time.monotonic() + wait_s
    attempt = 0
    while True:
        attempt += 1
        try:
            return client.send("/ingest", body, _HEADERS, _Stored)
        except (Answered, StorageUnavailable) as error:
            if isinstance(error, Answered) and error.status != _UNAVAILABLE:
                raise
            pause_s = delay_s(attempt, _FIRST_DELAY_S, _LONGEST_DELAY_S)
            if time.monotonic() + pause_s > until_s:
                raise
            time.sleep(pause_s)


def _bodies(name: str) -> Iterator[list[bytes]]:
    """The lines of a file, as many at a time as a request may have.

    Raises:
        Unreadable: says which line.
    """
    lines: list[bytes] = []
    size = 0
    for number, line in enumerate(_lines(name), 1):
        if not line.strip():
            continue
        _check(name, number, line)
        if lines and (len(lines) >= _LOGS or size + len(line) > _BYTES):
            yield lines
            lines, size = [], 0
        lines.append(line if line.endswith(b"\n") else line + b"\n")
        size += len(line)
    if lines:
        yield lines


def _check(name: str, number: int, line: bytes) -> None:
    try:
        log_id = _log(line).id
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(f"{name}, line {number}: this is no log as storage gives it out: {error}") from None
    if parse_log_id(log_id) is None:
        raise Unreadable(f"{name}, line {number}: {log_id[:100]!r} is no id of storage's, so it might be stored twice")


def _lines(name: str) -> Iterator[bytes]:
    with _opened(name) as file:
        try:
            while line := file.readline(_MAX_LINE_BYTES):
                yield line
        except (OSError, EOFError, zlib.error) as error:
            raise Unreadable(f"{name} cannot be read: {error}") from None


@contextmanager
def _opened(name: str) -> Iterator[IO[bytes]]:
    """The file, unpacked where it is packed, whatever its name is."""
    try:
        with click.open_file(name, "rb") if name == _STANDARD_INPUT else Path(name).open("rb") as file:
            reader = cast(BufferedReader, file)
            yield cast(IO[bytes], gzip.GzipFile(fileobj=reader) if reader.peek(2)[:2] == _GZIP else reader)
    except OSError as error:
        raise Unreadable(f"{name} cannot be read: {error.strerror or error}") from None
