"""`logmill up` runs all services of this machine; `logmill restart` restarts them while it runs."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from logmill import __version__
from logmill.broker import open_broker
from logmill.cli_options import settings_with
from logmill.errors import LogmillError
from logmill.lifecycle import StopSignal, check_listen, open_listener
from logmill.locking import FolderLock
from logmill.probing import addresses, probe, url_of
from logmill.rules.ruleset import rules_of
from logmill.running import RUN_FOLDER, RunFolder, Service, installation_lock
from logmill.settings import Settings, child_environment
from logmill.supervisor import HANG_MARGIN_S, Program, Supervisor, python_command
from logmill.urls import without_credentials

COMPLAIN_EVERY_S = 10.0
LOOK_EVERY_S = 0.2
SHORT_PROBE_S = 0.5
# How long `logmill restart` waits until a service is ready again.
READY_TIMEOUT_S = 60.0
# A processor without a port for /ready is taken as ready when it has run for so long.
ASSUME_READY_AFTER_S = 3.0
# Those that can be waited for elsewhere first: batches stay in the broker, and blocks with the processors.
RESTART_ORDER = ("processor", "storage", "producer")


@click.command()
@click.option("--broker", "broker_url", help="amqp://…, amqps://… or sqlite:///path; LOGMILL_BROKER_URL.")
@click.option("--data-dir", help="Folder of everything kept; LOGMILL_DATA_DIR.")
@click.option("--processors", type=int, help="How many processors; LOGMILL_PROCESSORS.")
def up(broker_url: str | None, data_dir: str | None, processors: int | None) -> None:
    """Run producer, processors and storage on this machine until Ctrl-C."""
    settings = settings_with(
        click.get_current_context(), data_dir=data_dir, processors=processors, broker_url=broker_url
    )
    # These say what is wrong before anything starts; neither connects.
    open_broker(settings.broker_url)
    rules_of(settings)
    folder = Path(settings.data_dir)
    lock = installation_lock(folder)
    lock.acquire()
    with contextlib.ExitStack() as sockets:
        listeners = {
            "producer": sockets.enter_context(open_listener(settings.producer_host, settings.producer_port, settings)),
            "storage": sockets.enter_context(open_listener(settings.storage_host, settings.storage_port, settings)),
        }
        for number in range(settings.processors if settings.processor_metrics_port else 0):
            check_listen(settings.processor_metrics_host, settings.processor_metrics_port + number, settings)
        stop = StopSignal()
        stop.install()
        click.echo(f"logmill {__version__}: starting; data in {folder.resolve()}")
        supervisor = Supervisor(_programs(settings, listeners), _say, settings.drain_timeout_s, RunFolder(folder))
        code = supervisor.run(stop, _Announcement(settings).tick)
    lock.release()
    _say("stopped" + (f": {code.meaning}" if code else ""))
    sys.exit(code)


def _say(line: str) -> None:
    # The terminal may be gone; what there is to do is done all the same.
    with contextlib.suppress(OSError):
        click.echo(f"logmill: {line}")


def _programs(settings: Settings, listeners: dict[str, socket.socket]) -> list[Program]:
    """The services, those that take work in first, which is the order in which they end."""
    programs = [_web_program("producer", settings, listeners)]
    for number in range(settings.processors):
        port = settings.processor_metrics_port and settings.processor_metrics_port + number
        own = {
            "LOGMILL_PROCESSOR_METRICS_PORT": str(port),
            "LOGMILL_PROCESSOR_ID": settings.processor_id and f"{settings.processor_id}-{number + 1}",
        }
        programs.append(
            Program(
                f"processor-{number + 1}",
                python_command("processor"),
                child_environment(settings, **own),
                ready_url=f"{url_of(settings.processor_metrics_host, port)}/ready" if port else "",
            )
        )
    return [*programs, _web_program("storage", settings, listeners)]


def _web_program(name: str, settings: Settings, listeners: dict[str, socket.socket]) -> Program:
    return Program(
        name,
        python_command(name, "--listen-fd", str(listeners[name].fileno())),
        child_environment(settings),
        listener=listeners[name],
        ready_url=f"{addresses(settings)[name]}/ready",
    )


class _Announcement:
    """Says once, as soon as both services are ready, where they listen; until then, what it waits for."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._done = False
        self._next_at = 0.0
        self._complain_at = time.monotonic() + COMPLAIN_EVERY_S

    def tick(self) -> None:
        """Look whether it is time to say it."""
        if self._done or time.monotonic() < self._next_at:
            return
        urls = addresses(self._settings)
        # A service that is starting takes the connection, but does not answer; children and signals must not wait.
        states = {name: probe(f"{url}/ready", SHORT_PROBE_S) for name, url in urls.items()}
        self._next_at = time.monotonic() + 1
        if all(ready for ready, _words in states.values()):
            self._done = True
            self._say_ready(urls)
        elif time.monotonic() > self._complain_at:
            self._complain_at = time.monotonic() + COMPLAIN_EVERY_S
            for name, (ready, words) in states.items():
                if not ready:
                    _say(f"waiting for {name} ({words}); Ctrl-C stops it")

    def _say_ready(self, urls: dict[str, str]) -> None:
        for name, url in urls.items():
            _say(f"{name} is ready on {url}")
        _say(f"the dashboard is at {urls['storage']}/")
        _say(f"{self._settings.processors} processors consume from {without_credentials(self._settings.broker_url)}")
        _say("Ctrl-C stops it")


@click.command()
@click.argument("services", nargs=-1, metavar="[SERVICE]...")
@click.option("--data-dir", help="Folder of everything kept; LOGMILL_DATA_DIR.")
def restart(services: tuple[str, ...], data_dir: str | None) -> None:
    """Restart services of a running `logmill up`, one after the other; producer, processor, storage, default all.

    Each finishes its work in hand, and is ready again before the next one follows. Meanwhile clients wait a little.
    """
    settings = settings_with(click.get_current_context(), data_dir=data_dir)
    run_folder = RunFolder(Path(settings.data_dir))
    running = run_folder.services()
    if not running:
        raise LogmillError(f"`logmill up` does not run on the data folder {settings.data_dir}")
    names = sorted(running, key=lambda name: (RESTART_ORDER.index(name.split("-")[0]), name))
    for service in services:
        if service not in RESTART_ORDER and service not in running:
            raise click.UsageError(f"there is no service {service!r}; those that run are {', '.join(names)}")
    lock = FolderLock(Path(settings.data_dir) / RUN_FOLDER, "restart.lock", "`logmill restart`")
    lock.acquire()
    for name in names:
        if not services or name in services or name.split("-")[0] in services:
            _restart(run_folder, running[name], settings.drain_timeout_s + 2 * HANG_MARGIN_S)
    lock.release()


def _restart(run_folder: RunFolder, service: Service, limit_s: float) -> None:
    name, started = service.name, time.monotonic()
    _say(f"restarting {name}")
    with contextlib.suppress(ProcessLookupError):
        os.kill(service.pid, signal.SIGTERM)

    def follower() -> Service | None:
        now = run_folder.services().get(name)
        return now if now is not None and now.pid != service.pid else None

    _wait_for(lambda: follower() is not None, limit_s, f"{name} was not started again within {limit_s:g} s")
    follows_at = time.monotonic()

    def is_ready() -> bool:
        now = follower()
        if now is None:
            return False
        return probe(now.ready_url)[0] if now.ready_url else time.monotonic() > follows_at + ASSUME_READY_AFTER_S

    _wait_for(is_ready, READY_TIMEOUT_S, f"{name} is not ready within {READY_TIMEOUT_S:g} s of its start")
    _say(f"{name} is ready again after {time.monotonic() - started:.1f} s")


def _wait_for(condition: Callable[[], bool], timeout_s: float, complaint: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise LogmillError(f"{complaint}; the log of `logmill up` says why")
        time.sleep(LOOK_EVERY_S)
