"""The `logmill` command."""

from __future__ import annotations

import shutil
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import requests

from logmill import __version__, http_client
from logmill.cli_alerts import alerts
from logmill.cli_bench import bench
from logmill.cli_collect import collect
from logmill.cli_dead import dead
from logmill.cli_generate import generate
from logmill.cli_options import named
from logmill.cli_patterns import patterns
from logmill.cli_query import query, tail
from logmill.cli_restore import restore
from logmill.cli_results import results
from logmill.cli_up import restart, up
from logmill.errors import AlreadyRunning, ExitCode, LogmillError
from logmill.lifecycle import StopSignal, exec_gunicorn
from logmill.locking import FolderLock
from logmill.logs import configure_logs
from logmill.probing import addresses, probe
from logmill.running import installation_lock
from logmill.settings import load, use_one_polars_thread
from logmill.settings_docs import render_env, render_markdown
from logmill.settings_table import table
from logmill.terminal import printable

EXIT_CODES = ", ".join([*(f"{code:d} {code.meaning}" for code in ExitCode), "128+n ended by a second signal n"])


class _Command(click.Group):
    """Shows our own errors as one line and ends with their exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except LogmillError as error:
            click.secho(f"logmill: {printable(named(ctx, str(error)))}", fg="red", err=True)
            ctx.exit(error.exit_code)


@click.group(
    cls=_Command,
    help=f"""Logmill, a log pipeline.

    Settings come from LOGMILL_… variables; `logmill settings` lists them.

    SIGTERM or Ctrl-C: finish the work in hand, at most LOGMILL_DRAIN_TIMEOUT_S, and stop; a second one: stop at once.

    Exit codes: {EXIT_CODES}.
    """,
)
@click.version_option(__version__)
def main() -> None:
    """The group of all commands."""


main.add_command(up)
main.add_command(restart)
main.add_command(collect)
main.add_command(dead)
main.add_command(query)
main.add_command(tail)
main.add_command(patterns)
main.add_command(alerts)
main.add_command(generate)
main.add_command(results)
main.add_command(restore)
main.add_command(bench)

# A socket that `logmill up` opened and keeps open while the service is started again.
listen_fd_option = click.option("--listen-fd", type=int, hidden=True)


@main.command()
@listen_fd_option
def producer(listen_fd: int | None) -> None:
    """Run the producer."""
    s = load()
    exec_gunicorn(
        "producer.app",
        host=s.producer_host,
        port=s.producer_port,
        workers=s.producer_workers,
        threads=s.producer_threads,
        settings=s,
        listen_fd=listen_fd,
    )


@main.command()
@listen_fd_option
def storage(listen_fd: int | None) -> None:
    """Run storage: one process, since one process holds the engine."""
    s = load()
    exec_gunicorn(
        "storage.app",
        host=s.storage_host,
        port=s.storage_port,
        workers=1,
        threads=s.storage_threads + s.max_tails,
        settings=s,
        listen_fd=listen_fd,
    )


@main.command()
def processor() -> None:
    """Run one processor."""
    settings = load()
    configure_logs("processor", settings)
    stop = StopSignal()
    stop.install()
    use_one_polars_thread()
    # By name: what services share knows no service.
    import_module("processor.main").run(settings, stop)


@main.command()
@click.argument("urls", nargs=-1)
def health(urls: tuple[str, ...]) -> None:
    """Ask the services whether they are ready; exit code 1 where one is not."""
    well = True
    for url in urls or tuple(addresses(load()).values()):
        ready, words = probe(f"{url.rstrip('/')}/ready")
        well = well and ready
        click.secho(f"{url}: {words}", fg="green" if ready else "red")
    sys.exit(0 if well else 1)


@main.command()
def stats() -> None:
    """Show what storage holds."""
    settings = load()
    try:
        with http_client.session(settings.api_key) as session:
            response = session.get(f"{settings.storage_url}/logs/stats", timeout=30)
        response.raise_for_status()
    except requests.ConnectionError:
        raise click.ClickException(f"storage is not running at {settings.storage_url}; `make run` starts it") from None
    except requests.RequestException as error:
        raise click.ClickException(f"storage at {settings.storage_url} answers: {error}") from None
    for name, value in response.json().items():
        if name == "status":
            continue
        click.echo(f"{name}: {value}" if not isinstance(value, dict) else f"{name}:")
        if isinstance(value, dict):
            # What an empty store has no number for comes last.
            for key, count in sorted(value.items(), key=lambda pair: -(pair[1] or 0)):
                click.echo(f"  {key:<24} {'-' if count is None else f'{count:,}':>14}")


@main.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def clean(*, yes: bool) -> None:
    """Delete the data folder; refused while something uses it."""
    folder = Path(load().data_dir)
    if not folder.exists():
        click.echo(f"{folder} does not exist")
        return
    locks = (installation_lock(folder), FolderLock(folder, "store.lock", "storage"))
    try:
        for lock in locks:
            lock.acquire()
    except AlreadyRunning as error:
        raise click.ClickException(str(error)) from None
    if not yes:
        click.confirm(f"delete {folder.resolve()} and every log in it?", abort=True)
    shutil.rmtree(folder)
    for lock in locks:
        lock.release()
    click.echo(f"deleted {folder}")


@main.command("settings")
@click.option("--format", "form", type=click.Choice(["env", "markdown"]), default="env", help="How to write them.")
def settings_command(form: str) -> None:
    """List every setting with its default, unit and help."""
    click.echo(render_env(table()) if form == "env" else render_markdown(table()), nl=False)
