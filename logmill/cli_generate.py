"""`logmill generate`: logs of five services of a shop, at a rate that is kept, to wherever they are wanted."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from logmill.cli_options import note_options
from logmill.errors import ConfigError
from logmill.lifecycle import StopSignal
from logmill.settings import Settings, load, with_plain_names

# What `--producer` and `--broker` without an address mean: that of the settings.
_OF_SETTINGS = "settings"


class _Generate(click.Command):
    """Tells of the kinds of incidents, which only the generator knows."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The kinds, one a line; none where the generator is not installed, as in the images of other services."""
        super().format_epilog(ctx, formatter)
        try:
            kinds = _generator("flows.incidents").KINDS
        except ConfigError:
            return
        with formatter.section("Kinds of incidents"):
            formatter.write_dl([(kind.name, kind.help) for kind in kinds.values()])


@click.command(cls=_Generate)
@click.option("--rate", metavar="N", help="Logs a second, or max; LOGMILL_GENERATE_RATE.")
@click.option("--format", "form", metavar="NAME", help="json, csv, text, access or logfmt; LOGMILL_GENERATE_FORMAT.")
@click.option(
    "--output",
    "outputs",
    multiple=True,
    metavar="FILE",
    help="A file that rotates, - is standard output; may be repeated.",
)
@click.option(
    "--producer",
    is_flag=False,
    flag_value=_OF_SETTINGS,
    metavar="[URL]",
    help="Over HTTP; LOGMILL_GENERATE_PRODUCER_URL.",
)
@click.option(
    "--broker", is_flag=False, flag_value=_OF_SETTINGS, metavar="[URL]", help="To the broker; amqp:// or sqlite:///."
)
@click.option("--key", help="API key of the producer; LOGMILL_API_KEY, which other users of this machine do not see.")
@click.option(
    "--count", type=click.IntRange(min=1), help="How many; without end where neither this nor --duration is given."
)
@click.option("--duration", metavar="SPAN", help="For how long, as in 30s, 5m, 2h.")
@click.option("--seed", type=int, help="The same seed makes the same logs, with the same times where --start is given.")
@click.option("--start", metavar="TIME", help="The time of the first log instead of now: ISO 8601 or Unix time.")
@click.option("--backfill", is_flag=True, help="Do not wait until logs are due: make those since --start at once.")
@click.option("--levels", metavar="LEVEL=WEIGHT,…", help="DEBUG=20,INFO=60,WARNING=12,ERROR=7,CRITICAL=1 unless given.")
@click.option(
    "--users", type=click.IntRange(1, 1_000_000), default=50_000, show_default=True, help="How many there are."
)
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME=VALUE",
    help="A field of all logs: region=eu-{1..3}, tier={free,paid}.",
)
@click.option(
    "--burst", "bursts", multiple=True, metavar="BURST", help="More for a while: 10x:30s:every=5m, 3x:1m:at=2m."
)
@click.option(
    "--incident",
    "incidents",
    multiple=True,
    metavar="INCIDENT",
    help="KIND:at=2m:for=30s:every=10m; see below for kinds.",
)
@click.option(
    "--curve", type=click.Choice(["flat", "daily"]), default="flat", show_default=True,
    help="daily: the rate, the mean of a week, follows the hours of the day (UTC); busy hours and some days are slow.",
)  # fmt: skip
@click.option(
    "--heartbeat", is_flag=True, help="One message every --frequency instead, to standard output and to --output."
)
@click.option(
    "--frequency", metavar="SPAN", help="From one heartbeat to the next; LOGMILL_GENERATE_FREQUENCY_S, LOG_FREQUENCY."
)
@click.option("--level", help="Level of heartbeats; LOGMILL_GENERATE_LEVEL, LOG_LEVEL.")
@click.option(
    "--max-bytes",
    type=click.IntRange(min=0),
    default=1_000_000,
    show_default=True,
    help="A file rotates there; 0: never.",
)
@click.option("--backups", type=click.IntRange(0, 1000), default=3, show_default=True, help="Files kept beside it.")
@click.option("--connections", type=click.IntRange(1, 64), default=4, show_default=True, help="Batches sent at a time.")
@click.option(
    "--batch-logs", type=click.IntRange(1, 20_000), default=2000, show_default=True, help="Logs of a full batch."
)
@click.option(
    "--batch-interval", "batch_interval_s", type=click.FloatRange(0, 60), default=0.2, show_default=True,
    help="Seconds after which one leaves that is not full.",
)  # fmt: skip
@click.option(
    "--catch-up", "catch_up_s", type=click.FloatRange(min=1), default=60.0, show_default=True,
    help="Seconds; logs that were due longer ago are missed, and counted.",
)  # fmt: skip
@click.option("--status-file", metavar="FILE", help="How it is going, every second; LOGMILL_GENERATE_STATUS_FILE.")
def generate(**given: Any) -> None:
    """Make logs of a shop: api-gateway, auth, user, inventory, payment.

    People log in, browse, buy, get refunds; each request has one request id and one trace over all services that it
    touches, times that grow and response times that add up. Things go wrong as they do: logins fail, cards are
    declined, providers do not answer, errors cascade.

    \b
    logmill generate --count 20
    logmill generate --rate 1000 --duration 1m --producer
    logmill generate --format access --output access.log --rate 50
    logmill generate --producer --incident payment-outage:at=2m:for=30s --burst 10x:30s:every=5m
    logmill generate --start 2026-01-01T00:00:00Z --duration 7d --rate 20 --curve daily --backfill --producer
    logmill generate --heartbeat --frequency 5s --output heartbeat.log

    How it is going is told on standard error. Ctrl-C: what was made is sent, and the sum is told.
    """  # noqa: D301 - click wants the backspace
    if given["broker"] != _OF_SETTINGS:
        note_options(click.get_current_context(), broker_url=given["broker"])
    settings = load(with_plain_names() if given["heartbeat"] else None)
    asked = _generator("options").Asked(**_with_settings(given, settings))
    stop = StopSignal()
    stop.install()
    _generator("main").run(asked, settings, stop)


def _with_settings(given: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """What was given, and what the settings say of the rest; a place given wins over all places of the settings."""
    has_place = given["outputs"] or given["producer"] or given["broker"]
    asked = {name: value for name, value in given.items() if value is not None and name != "form"}
    if not has_place:
        asked["producer"] = settings.generate_producer_url
        asked["outputs"] = (settings.generate_file,) if settings.generate_file else ()
    if given["producer"] == _OF_SETTINGS:
        asked["producer"] = settings.generate_producer_url or settings.producer_url
    if given["broker"] == _OF_SETTINGS:
        asked["broker"] = settings.broker_url
    return {
        "rate": settings.generate_rate,
        "frequency": f"{settings.generate_frequency_s:f}",
        "level": settings.generate_level,
        "status_file": settings.generate_status_file,
        **asked,
        "format": given["form"] or settings.generate_format,
        "bursts": given["bursts"] or settings.generate_bursts.split(),
        "incidents": given["incidents"] or settings.generate_incidents.split(),
    }


def _generator(module: str) -> Any:
    """A module of the generator, by name: what services share knows no service.

    Raises:
        ConfigError: it is not installed here.
    """
    try:
        return import_module(f"generator.{module}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "generator":
            raise
        raise ConfigError("the generator is not installed here") from None
