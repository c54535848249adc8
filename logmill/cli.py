"""The `logmill` command."""

from __future__ import annotations

import shutil
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import requests

from logmill import __version__
from logmill.broker import open_broker, without_password
from logmill.errors import AlreadyRunning, LogmillError
from logmill.lifecycle import StopSignal, check_listen, exec_gunicorn
from logmill.locking import FolderLock
from logmill.logs import configure_logs
from logmill.settings import Settings, child_environment, load, table, use_one_polars_thread
from logmill.settings_docs import render_env, render_markdown
from logmill.supervisor import Program, Supervisor, python_command

PROBE_TIMEOUT_S = 3.0
COMPLAIN_EVERY_S = 10.0


class _Command(click.Group):
    """Shows our own errors as one line and ends with their exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except LogmillError as error:
            click.secho(f"logmill: {error}", fg="red", err=True)
            ctx.exit(error.exit_code)


@click.group(cls=_Command)
@click.version_option(__version__)
def main() -> None:
    """Logmill, a log pipeline.

    Settings come from LOGMILL_… variables; `logmill settings` lists them.
    Exit codes: 0 stopped in order, 1 error, 2 wrong setting or usage, 3 port or data folder in use.
    """


@main.command()
@click.option("--broker", "broker_url", help="amqp://…, amqps://… or sqlite:///path; LOGMILL_BROKER_URL.")
@click.option("--data-dir", help="Folder of everything kept; LOGMILL_DATA_DIR.")
@click.option("--processors", type=int, help="How many processors; LOGMILL_PROCESSORS.")
def up(broker_url: str | None, data_dir: str | None, processors: int | None) -> None:
    """Run producer, processors and storage on this machine until Ctrl-C."""
    settings = load(data_dir=data_dir, processors=processors, broker_url=broker_url)
    if data_dir is not None and settings.broker_url == Settings().broker_url:
        settings = load(
            data_dir=data_dir, processors=processors, broker_url=f"sqlite:///{Path(data_dir) / 'broker.sqlite3'}"
        )
    open_broker(settings.broker_url)  # says what is wrong with it before anything starts; does not connect
    lock = _installation_lock(Path(settings.data_dir))
    lock.acquire()
    check_listen(settings.producer_host, settings.producer_port, settings)
    check_listen(settings.storage_host, settings.storage_port, settings)
    for number in range(settings.processors if settings.processor_metrics_port else 0):
        check_listen(settings.processor_metrics_host, settings.processor_metrics_port + number, settings)
    stop = StopSignal()
    stop.install()
    waiting = _Announcement(settings)
    click.echo(f"logmill {__version__}: starting; data in {Path(settings.data_dir).resolve()}")
    try:
        Supervisor(_programs(settings), _say, settings.drain_timeout_s).run(stop, waiting.tick)
    finally:
        lock.release()
    click.echo("logmill: stopped")


def _installation_lock(folder: Path) -> FolderLock:
    return FolderLock(folder, "logmill.lock", "`logmill up`")


def _say(line: str) -> None:
    click.echo(f"logmill: {line}")


def _programs(settings: Settings) -> list[Program]:
    """The services, those that take work in first, which is the order in which they end."""
    programs = [Program("producer", python_command("producer"), child_environment(settings))]
    for number in range(settings.processors):
        port = settings.processor_metrics_port and settings.processor_metrics_port + number
        own = {
            "LOGMILL_PROCESSOR_METRICS_PORT": str(port),
            "LOGMILL_PROCESSOR_ID": settings.processor_id and f"{settings.processor_id}-{number + 1}",
        }
        programs.append(
            Program(f"processor-{number + 1}", python_command("processor"), child_environment(settings, **own))
        )
    programs.append(Program("storage", python_command("storage"), child_environment(settings)))
    return programs


class _Announcement:
    """Says once, as soon as both services are ready, where they listen."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._done = False
        self._next_at = 0.0
        self._complain_at = time.monotonic() + COMPLAIN_EVERY_S

    def tick(self) -> None:
        """Look whether it is time to say it."""
        if self._done or time.monotonic() < self._next_at:
            return
        self._next_at = time.monotonic() + 1
        addresses = _addresses(self._settings)
        states = {name: _probe(f"{url}/ready") for name, url in addresses.items()}
        if all(ready for ready, _words in states.values()):
            self._done = True
            for name, url in addresses.items():
                _say(f"{name} is ready on {url}")
            _say(f"{self._settings.processors} processors consume from {without_password(self._settings.broker_url)}")
            _say("Ctrl-C stops it")
        elif time.monotonic() > self._complain_at:
            self._complain_at = time.monotonic() + COMPLAIN_EVERY_S
            for name, (ready, words) in states.items():
                if not ready:
                    _say(f"waiting for {name} ({words}); Ctrl-C stops it")


def _addresses(settings: Settings) -> dict[str, str]:
    return {
        "producer": f"http://{settings.producer_host}:{settings.producer_port}",
        "storage": f"http://{settings.storage_host}:{settings.storage_port}",
    }


def _probe(url: str) -> tuple[bool, str]:
    try:
        response = requests.get(url, timeout=PROBE_TIMEOUT_S)
    except requests.ConnectionError:
        return False, "not running"
    except requests.RequestException as error:
        return False, type(error).__name__
    try:
        body = response.json()
    except ValueError:
        body = {}
    return response.ok, str(body.get("message", body.get("status", response.reason)))


@main.command()
def producer() -> None:
    """Run the producer."""
    s = load()
    exec_gunicorn(
        "producer.app",
        host=s.producer_host,
        port=s.producer_port,
        workers=s.producer_workers,
        threads=s.producer_threads,
        settings=s,
    )


@main.command()
def storage() -> None:
    """Run storage: one process, since one process holds the engine."""
    s = load()
    exec_gunicorn(
        "storage.app", host=s.storage_host, port=s.storage_port, workers=1, threads=s.storage_threads, settings=s
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
    for url in urls or tuple(_addresses(load()).values()):
        ready, words = _probe(f"{url.rstrip('/')}/ready")
        well = well and ready
        click.secho(f"{url}: {words}", fg="green" if ready else "red")
    sys.exit(0 if well else 1)


@main.command()
def stats() -> None:
    """Show what storage holds."""
    settings = load()
    headers = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
    try:
        response = requests.get(f"{settings.storage_url}/logs/stats", headers=headers, timeout=30)
        response.raise_for_status()
    except requests.ConnectionError:
        raise click.ClickException(f"storage is not running at {settings.storage_url}; `make run` starts it") from None
    except requests.RequestException as error:
        raise click.ClickException(f"storage at {settings.storage_url} answers: {error}") from None
    for name, value in response.json().items():
        if name == "status":
            continue
        click.echo(f"{name}: {value}" if not isinstance(value, dict) else f"{name}:")
        for key, count in sorted(value.items(), key=lambda pair: -pair[1]) if isinstance(value, dict) else ():
            click.echo(f"  {key:<24} {count:>14,}")


@main.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def clean(*, yes: bool) -> None:
    """Delete the data folder; refused while something uses it."""
    folder = Path(load().data_dir)
    if not folder.exists():
        click.echo(f"{folder} does not exist")
        return
    locks = (_installation_lock(folder), FolderLock(folder, "store.lock", "storage"))
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
