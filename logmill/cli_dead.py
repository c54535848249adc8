"""`logmill dead`: dead letters on the command line, asked of the broker itself, so the services may be down."""

from __future__ import annotations

import json
import sys

import click
import msgspec

from logmill import dead_letters
from logmill.broker import Broker, broker_of
from logmill.cli_options import settings_with
from logmill.dead_letters import Done
from logmill.settings import Settings, load
from logmill.terminal import printable

_REASON_CHARS = 80
# People may wait for long queues; Ctrl-C ends it.
_TIMEOUT_S = 3600.0
_LINE = "{id:<36}  {at:<19}  {lane:<6}  {records:>7}  {bytes:>9}  {reason}"


@click.group()
@click.option("--data-dir", help="Folder of the installation, where its broker is the embedded one; LOGMILL_DATA_DIR.")
@click.pass_context
def dead(context: click.Context, data_dir: str | None) -> None:
    """Messages that were put aside: list them, look into one, replay or purge them.

    They are asked of the broker of LOGMILL_BROKER_URL; no service needs to run.
    """
    context.obj = settings_with(click.get_current_context(), data_dir=data_dir)


@dead.command("list")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many at most.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_command(limit: int, *, as_json: bool) -> None:
    """List dead letters, oldest first."""
    found = dead_letters.listing(_broker(), limit, _TIMEOUT_S)
    if as_json:
        # In ASCII, since a terminal may obey some characters beyond.
        click.echo(json.dumps({"count": found.count, "letters": found.letters}))
        return
    if found.letters:
        names = ("id", "at", "lane", "records", "bytes", "reason")
        click.echo(_LINE.format(**{name: name.upper() for name in names}))
    for letter in found.letters:
        columns = {**letter, "at": letter["at"][:19], "reason": letter["reason"][:_REASON_CHARS]}
        columns["records"] = letter.get("records", "-")
        click.echo(_LINE.format(**{name: printable(str(value), keep="") for name, value in columns.items()}))
    more = "" if len(found.letters) >= found.count else f", {len(found.letters)} of them listed"
    click.echo(f"{_letters(found.count)}{more}")


@dead.command()
@click.argument("letter_id", metavar="ID")
def show(letter_id: str) -> None:
    """Show one dead letter and what it holds."""
    letter = dead_letters.show(_broker(), letter_id, _TIMEOUT_S)
    form, content, truncated = letter.pop("form"), letter.pop("content"), letter.pop("truncated")
    for name, value in letter.items():
        click.echo(f"{name}: {printable(str(value), keep='')}")
    click.echo(f"{form}:{' (cut)' if truncated else ''}")
    for line in [msgspec.json.encode(record).decode() for record in content] if form == "records" else [content]:
        click.echo(printable(line))


@dead.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "every", is_flag=True, help="All that are there now.")
def replay(ids: tuple[str, ...], *, every: bool) -> None:
    """Send dead letters on their way again, as they were."""
    _report(dead_letters.replay(_broker(), _chosen(ids, every=every), _TIMEOUT_S), "replayed")


@dead.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "every", is_flag=True, help="All that are there now.")
@click.option("--yes", is_flag=True, help="Do not ask, with --all.")
def purge(ids: tuple[str, ...], *, every: bool, yes: bool) -> None:
    """Remove dead letters for good."""
    chosen = _chosen(ids, every=every)
    if chosen is None and not yes:
        click.confirm("remove every dead letter and the logs in it?", abort=True)
    _report(dead_letters.purge(_broker(), chosen, _TIMEOUT_S), "purged")


def _broker() -> Broker:
    return broker_of(click.get_current_context().find_object(Settings) or load())


def _chosen(ids: tuple[str, ...], *, every: bool) -> tuple[str, ...] | None:
    if every == bool(ids):
        raise click.UsageError("name the letters by id, or say --all")
    return None if every else ids


def _report(done: Done, what: str) -> None:
    click.echo(f"{what} {_letters(done.count)}")
    if done.missing:
        among = f" among the {done.searched:,} oldest" if done.searched is not None else ""
        click.secho(f"logmill: {_letters(done.missing)} not found{among}", fg="red", err=True)
        sys.exit(1)


def _letters(count: int) -> str:
    return f"{count:,} dead letter{'' if count == 1 else 's'}"
