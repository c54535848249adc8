"""`logmill query` and `logmill tail`: logs in the terminal, asked of storage over HTTP."""

from __future__ import annotations

import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import click
import msgspec

from logmill.backoff import delay_s
from logmill.cli_asking import asking, client_of, params_of, pointed, say
from logmill.errors import Retry
from logmill.log_lines import DEFAULT_FIELDS, Form
from logmill.settings import load
from logmill.storage_client import PAGE_LOGS, Answered, Event, Page, StorageClient
from logmill.terminal import check_output, printable, quiet_end, wants_color, write

# What waits to be shown is kept in memory up to this, then on disk.
_SPOOL_BYTES = 8 * 1024 * 1024
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.5, 30.0
_UNAVAILABLE = 503

_Command = TypeVar("_Command", bound=Callable[..., Any])


class _Notice(msgspec.Struct, frozen=True):
    code: str = ""
    message: str = "the stream ends"
    missed: int = 0


def _shown_as(command: _Command) -> _Command:
    """The options of how logs are shown."""
    command = click.option("--utc", "is_utc", is_flag=True, help="Times in UTC; else in the zone of this machine.")(
        command
    )
    return click.option("--fields", help="What is shown, as in timestamp,level,message.")(command)


@click.command()
@asking
@_shown_as
@click.option("--since", help="From: 15m, 2h, now-1d, 2026-01-31T12:00:00Z, Unix time.")
@click.option("--until", help="Before: the same.")
@click.option("--limit", type=click.IntRange(0), default=100, show_default=True, help="The newest so many; 0: all.")
@click.option("--all", "everything", is_flag=True, help="All that pass, as --limit 0.")
@click.option("--newest-first", is_flag=True, help="Newest first, shown as they come; else newest last.")
def query(limit: int, *, everything: bool, newest_first: bool, **asked: Any) -> None:
    """Search logs; Q is in Lucene's syntax.

    \b
    logmill query 'level:error "timed out"' --since 15m
    logmill query --service payment --limit 20 --json
    """  # noqa: D301 - click wants the backspace
    settings = load()
    form, client = _form(asked), client_of(asked)
    params = params_of(asked)
    if form.fields or not form.is_json:
        params.append(("fields", ",".join(form.fields or DEFAULT_FIELDS)))
    pages = client.pages(params, None if everything or limit == 0 else limit, min(PAGE_LOGS, settings.max_limit))
    found = 0
    last: deque[Page] = deque(maxlen=1)
    noted = _noted(pages, last)
    with quiet_end():
        texts = _shown(noted, form, asked) if newest_first else _backwards(_shown(noted, form, asked, -1))
        for text, logs in texts:
            write(text)
            found += logs
        if not found:
            click.echo("no logs", err=True)
        elif last[0].next_cursor is not None:
            say(f"the newest {found:,}; there are more: --limit N, or --all")


@click.command()
@asking
@_shown_as
@click.option(
    "--backlog", "-n", type=click.IntRange(0, 1000), default=10, show_default=True, help="Show so many first."
)
def tail(backlog: int, **asked: Any) -> None:
    """Follow logs as they are stored, until Ctrl-C; Q is in Lucene's syntax.

    \b
    logmill tail 'level:error -test'
    logmill tail --service payment --json | jq .message
    """  # noqa: D301
    form, client, params = _form(asked), client_of(asked), params_of(asked)
    if form.fields:
        next(client.pages([("fields", ",".join(form.fields))], 1))  # where one is not known, storage says so
    try:
        with quiet_end():
            _follow(client, params, backlog, form, asked)
    except KeyboardInterrupt:
        pass


def _follow(client: StorageClient, params: list[tuple[str, str]], backlog: int, form: Form, asked: Any) -> None:
    """Show what comes, for ever; the first time storage has to be there, later it is waited for."""
    failed = 0
    was_open = False
    while True:
        try:
            for number, events in enumerate(client.follow([*params, ("backlog", str(backlog))])):
                if number == 0 and was_open:
                    say("connected again; what was stored meanwhile is not shown")
                was_open, failed, backlog = True, 0, 0
                _show(events, form)
            reason = "the stream ended"
        except Retry as error:
            if not was_open:
                raise
            reason = str(error)
        except Answered as error:
            if not was_open or error.status < _UNAVAILABLE:
                raise pointed(error, asked) from None
            reason = str(error)
        failed += 1
        wait_s = delay_s(failed, _FIRST_DELAY_S, _LONGEST_DELAY_S)
        say(f"{printable(reason, keep='')}; trying again in {wait_s:.1f} s")
        time.sleep(wait_s)


def _show(events: list[Event], form: Form) -> None:
    text = "".join(form.line(event.data) for event in events if event.kind == "log")
    if text:
        write(text)
    else:
        check_output()
    for event in events:
        if event.kind == "notice":
            notice = msgspec.json.decode(event.data, type=_Notice)
            missed = f", {notice.missed:,} stored meanwhile were not looked at" if notice.missed else ""
            say(printable(notice.message, keep="") + missed)


def _noted(pages: Iterable[Page], last: deque[Page]) -> Iterator[Page]:
    """The pages; the one given out last is in `last` too."""
    for page in pages:
        last.append(page)
        yield page


def _shown(pages: Iterable[Page], form: Form, asked: Any, step: int = 1) -> Iterator[tuple[str, int]]:
    """Each page as text, and how many logs it has."""
    try:
        for page in pages:
            yield "".join(form.line(bytes(log)) for log in page.logs[::step]), len(page.logs)
    except Answered as error:
        raise pointed(error, asked) from None


def _backwards(pages: Iterable[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    """The same, the last page first; what waits is kept on disk where it is much."""
    with tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as spool:
        sizes = []
        for text, logs in pages:
            sizes.append((spool.write(text.encode()), logs))
        for size, logs in reversed(sizes):
            spool.seek(-size, 1)
            yield spool.read(size).decode(), logs
            spool.seek(-size, 1)


def _form(asked: dict[str, Any]) -> Form:
    names = [name.strip() for name in (asked["fields"] or "").split(",") if name.strip()]
    is_json = asked["is_json"]
    return Form(names, is_json=is_json, is_utc=asked["is_utc"], has_color=wants_color() and not is_json)
