"""`logmill bench`: load for any installation that runs, what it makes of it, and two such results side by side."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from logmill.errors import ConfigError, ExitCode, LogmillError
from logmill.lifecycle import StopSignal
from logmill.settings import load
from logmill.terminal import printable, quiet_end, write
from logmill.urls import without_credentials

if TYPE_CHECKING:
    from logmill.bench.plan import Plan

_PACKAGES = {"hdrh.histogram": "hdrhistogram", "rich.live": "rich"}
_DAY_S = 86_400.0
_MAX_BATCH = 10_000
_MAX_RATE = 10_000_000.0
_MAX_SETTLE_S = 900.0


def _rate(_context: click.Context, _option: click.Parameter, value: str) -> float | None:
    """A number a second; None for `max`."""
    if value == "max":
        return None
    try:
        rate = float(value)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= _MAX_RATE:
        raise click.BadParameter(f"{value!r} is neither max nor a number above 0, up to {_MAX_RATE:,.0f}")
    return rate


_SECONDS = click.FloatRange(0.1, _DAY_S)


@click.group(invoke_without_command=True)
@click.option(
    "--mode",
    type=click.Choice(["ingest", "query", "both"]),
    default="both",
    show_default=True,
    help="What is sent: logs, questions, or both at the same time.",
)
@click.option(
    "--rate",
    callback=_rate,
    default="1000",
    show_default=True,
    metavar="N|max",
    help="Logs a second, whatever becomes of them; max: as many as are taken.",
)
@click.option("--batch", type=click.IntRange(1, _MAX_BATCH), default=100, show_default=True, help="Logs a request.")
@click.option(
    "--query-rate",
    callback=_rate,
    default="10",
    show_default=True,
    metavar="N|max",
    help="Questions a second; max: as many as are answered.",
)
@click.option(
    "--queries",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Questions, a line each: `NAME: /path?parameters`; else a mix that fits the store.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    help="Processes that send logs, and as many that ask.",
)
@click.option(
    "--connections", type=click.IntRange(1, 256), default=8, show_default=True, help="Connections of each process."
)
@click.option(
    "--duration", type=_SECONDS, default=10.0, show_default=True, metavar="S", help="How long is measured, in seconds."
)
@click.option(
    "--warm-up",
    type=click.FloatRange(0.0, _DAY_S),
    default=2.0,
    show_default=True,
    metavar="S",
    help="How long it runs before that.",
)
@click.option(
    "--max-behind",
    type=_SECONDS,
    default=10.0,
    show_default=True,
    metavar="S",
    help="Requests that could not begin so long after they were due are dropped, and counted.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 600.0),
    default=30.0,
    show_default=True,
    metavar="S",
    help="How long an answer is waited for.",
)
@click.option(
    "--settle",
    type=click.FloatRange(1.0, _MAX_SETTLE_S),
    default=60.0,
    show_default=True,
    metavar="S",
    help="How long accepted logs are looked for in storage afterwards.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=1,
    show_default=True,
    help="The same logs and questions for the same seed.",
)
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write the result there, as JSON.")
@click.option("--producer", "producer_url", metavar="URL", help="Where logs are sent; LOGMILL_PRODUCER_URL.")
@click.option("--storage", "storage_url", metavar="URL", help="Where storage is; LOGMILL_STORAGE_URL.")
@click.option("--key", help="API key; LOGMILL_API_KEY, which other users of this machine do not see.")
@click.option("--yes", is_flag=True, help="Needed where the installation is not on this machine.")
@click.pass_context
def bench(context: click.Context, /, *, output: Path | None, yes: bool, **asked: Any) -> None:
    """Put a running installation under load, and measure what it makes of it.

    Requests are sent when they are due, whatever became of those before, and latency counts from then on. Logs have
    services bench-… and their run in metadata.bench_run; they stay in the store. Ctrl-C ends it early, with a report.

    Exit code 1: accepted logs were not found in storage, or nothing was answered well.

    \b
    logmill bench --rate 20000 --batch 500 --duration 60 --output today.json
    logmill bench --mode query --query-rate max
    logmill bench compare yesterday.json today.json --fail-above 20
    """  # noqa: D301 - click wants the backspace
    _check_packages()
    if context.invoked_subcommand is not None:
        return
    from logmill.bench.result import check_place
    from logmill.bench.result import write as write_result

    if output is not None:
        check_place(output)
    plan = _plan(**asked)
    _check_place_of_target(plan, yes=yes)
    result, is_well = _run(plan)
    if output is not None:
        write_result(result, output)
        click.echo(f"written to {printable(str(output), keep='')}", err=True)
    context.exit(ExitCode.STOPPED if is_well else ExitCode.ERROR)


@bench.command()
@click.argument("a", type=click.Path(path_type=Path), metavar="A.json")
@click.argument("b", type=click.Path(path_type=Path), metavar="B.json")
@click.option(
    "--fail-above",
    type=click.FloatRange(0.0),
    metavar="PERCENT",
    help="Exit code 1 where B is worse by more, or nobody can tell.",
)
@click.pass_context
def compare(context: click.Context, a: Path, b: Path, fail_above: float | None) -> None:
    """Show two results side by side; ratios above 1 are slower for times, and faster for rates.

    A percentile is judged where ten values lie beyond it in both; a maximum never is.
    """
    from logmill.bench.compare import compared, differences, shown, unjudged
    from logmill.bench.result import read

    one, other = read(a), read(b)
    share = None if fail_above is None else fail_above / 100
    try:
        lines = compared(one, other)
    except LogmillError as error:
        raise ConfigError(str(error)) from None
    names = [f"{name} is {result.run} of {result.started_at}" for name, result in (("A", one), ("B", other))]
    with quiet_end():
        write("\n".join([printable(", ".join(names), keep=""), *shown(lines, share), ""]))
    for difference in differences(one, other):
        click.secho(f"differs: {printable(difference, keep='')}", fg="yellow", err=True)
    if share is None:
        return
    unknown = unjudged(one, other, lines)
    for what in unknown:
        click.secho(f"not judged: {what}", fg="red", err=True)
    is_worse = any(line.is_worse(share) for line in lines)
    if is_worse:
        click.secho(f"B is worse than A by more than {fail_above:g} %", fg="red", err=True)
    if is_worse or unknown:
        context.exit(ExitCode.ERROR)


def _check_packages() -> None:
    missing = []
    for module, package in _PACKAGES.items():
        try:
            import_module(module)
        except ImportError:
            missing.append(package)
    if missing:
        raise ConfigError(f"`logmill bench` needs {' and '.join(missing)}: pip install 'logmill[generator]'")


def _plan(
    *,
    mode: str,
    rate: float | None,
    query_rate: float | None,
    queries: Path | None,
    producer_url: str | None,
    storage_url: str | None,
    key: str | None,
    **more: Any,
) -> Plan:
    """What is asked for; questions that are to fit the store come later."""
    from logmill.bench.plan import Part, Plan, checked_url, new_run
    from logmill.bench.questions import of_file

    settings = load()
    parts = {"ingest": (Part.INGEST,), "query": (Part.QUERY,), "both": (Part.INGEST, Part.QUERY)}[mode]
    return Plan(
        run=new_run(),
        producer_url=checked_url("--producer", producer_url or settings.producer_url),
        storage_url=checked_url("--storage", storage_url or settings.storage_url),
        key=_checked_key(settings.api_key if key is None else key),
        parts=parts,
        rate=rate,
        query_rate=query_rate,
        duration_s=more["duration"],
        warm_up_s=more["warm_up"],
        max_behind_s=more["max_behind"],
        timeout_s=more["timeout"],
        settle_s=more["settle"],
        questions=() if queries is None or Part.QUERY not in parts else of_file(queries),
        **{name: more[name] for name in ("batch", "processes", "connections", "seed")},
    )


def _checked_key(key: str) -> str:
    if not (key.isascii() and key.isprintable()):
        raise ConfigError("--key: a key is visible ASCII characters")
    return key


def _check_place_of_target(plan: Plan, *, yes: bool) -> None:
    """Say what is going to be sent, and refuse to send it elsewhere by mistake."""
    from logmill.bench.plan import is_here
    from logmill.bench.report import amount

    click.echo(amount(plan), err=True)
    elsewhere = [without_credentials(url) for url in plan.urls() if not is_here(url)]
    if elsewhere and not yes:
        raise ConfigError(f"not on this machine: {', '.join(elsewhere)}; where that is meant, add --yes")


def _run(plan: Plan) -> tuple[Any, bool]:
    """The result, after it was shown, and whether it is well."""
    import msgspec

    from logmill.bench.display import display_for
    from logmill.bench.plan import Part
    from logmill.bench.report import is_well, report
    from logmill.bench.running import LoadTest
    from logmill.bench.target import Target

    target = Target(plan.producer_url, plan.storage_url, plan.key)
    target.check(plan.parts)
    if Part.QUERY in plan.parts and not plan.questions:
        plan = msgspec.structs.replace(plan, questions=target.questions())
    stop = StopSignal()
    stop.install()
    with display_for(plan) as display:
        result = LoadTest(plan, target, stop, display).run()
    with quiet_end():
        write(report(result))
    return result, is_well(result)
