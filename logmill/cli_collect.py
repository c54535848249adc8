"""`logmill collect`: follows files, and ships their lines to the producer."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from logmill.cli_options import settings_with
from logmill.lifecycle import StopSignal
from logmill.logs import configure_logs
from logmill.settings import use_one_polars_thread

FORMATS = ("auto", "json", "logfmt", "syslog", "access", "error", "cri", "time", "text", "pattern")


@click.command()
@click.argument("patterns", nargs=-1)
@click.option("--producer", "producer_url", metavar="URL", help="Where the producer is; LOGMILL_PRODUCER_URL.")
@click.option("--key", "api_key", metavar="KEY", help="Its API key; better LOGMILL_API_KEY, which nobody else sees.")
@click.option("--data-dir", metavar="DIR", help="Where the checkpoint lies, in DIR/collector; LOGMILL_DATA_DIR.")
@click.option(
    "--from",
    "collect_from",
    type=click.Choice(["start", "end"]),
    help="Where files begin that are there at the very first start; later ones are read from their start.",
)
@click.option("--once", is_flag=True, help="Read all that is there, send it, and end.")
@click.option("--service", "collect_service", metavar="NAME", help="`service` of the logs; else from the file's name.")
@click.option("--host", "collect_host", metavar="NAME", help="`host` of the logs; else this machine's name.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave these files out; can be given again.")
@click.option("--filter", "keep", multiple=True, metavar="REGEX", help="Send only logs that match; again: any of them.")
@click.option("--drop", multiple=True, metavar="REGEX", help="Leave out logs that match; can be given again.")
@click.option("--format", "collect_format", type=click.Choice(FORMATS), help="What each line must be; auto: anything.")
@click.option("--pattern", "collect_pattern", metavar="REGEX", help="Own format: named groups become fields.")
@click.option(
    "--multiline",
    "collect_multiline",
    metavar="auto|none|REGEX",
    help="What lines are one log: auto: stack traces and indented ones; REGEX: what the first line matches.",
)
@click.option(
    "--multiline-timeout",
    "collect_multiline_timeout_s",
    type=float,
    metavar="S",
    help="How long a line waits for those that may belong to it.",
)
@click.option("--tag", "tags", multiple=True, metavar="NAME", help="Tag all logs so; can be given again.")
@click.option("--batch-lines", "collect_batch_lines", type=int, metavar="N", help="Logs of one request at most.")
@click.option("--batch-bytes", "collect_batch_bytes", type=int, metavar="N", help="Bytes of one request, about.")
@click.option(
    "--batch-interval", "collect_batch_interval_s", type=float, metavar="S", help="How long logs wait for it."
)
@click.option(
    "--partial-timeout", "collect_partial_timeout_s", type=float, metavar="S", help="When half a line is taken as one."
)
@click.option("--output", "collect_output", metavar="PATH", help="Keep a structured copy of what was accepted here.")
@click.option(
    "--output-type", "collect_output_type", type=click.Choice(["jsonl", "sqlite", "csv"]), help="What that copy is."
)
@click.option(
    "--output-max-bytes", "collect_output_max_bytes", type=int, metavar="N", help="Its size before it is rotated."
)
@click.option(
    "--watch", "collect_watch", type=click.Choice(["auto", "events", "poll"]), help="How changes of folders are seen."
)
@click.option(
    "--poll-interval", "collect_poll_interval_s", type=float, metavar="S", help="How often files are looked at."
)
@click.option("--listen", "collect_listen_host", metavar="HOST", help="Where the live page and /metrics listen.")
@click.option("--port", "collect_port", type=int, metavar="N", help="Their port; 0: none.")
def collect(
    patterns: tuple[str, ...],
    exclude: tuple[str, ...],
    keep: tuple[str, ...],
    drop: tuple[str, ...],
    tags: tuple[str, ...],
    *,
    once: bool,
    **options: Any,
) -> None:
    """Follow files and send what is written to them; - is standard input.

    PATTERNS are files and globs (quote them; ** is any number of folders). Each option has a setting that
    `logmill settings` lists, LOGMILL_COLLECT_…. A log is sent once, whatever is killed, rotated or away meanwhile.

    \b
    logmill collect /var/log/syslog '/srv/*/logs/**/*.log' --tag shop
    app | logmill collect - --service app
    """  # noqa: D301 - click wants the backspace
    joined = {
        # A line each, also where there is one: it may have spaces in it.
        "collect_files": "".join(f"{pattern}\n" for pattern in patterns),
        "collect_exclude": "".join(f"{pattern}\n" for pattern in exclude),
        "collect_filter": "\n".join(keep),
        "collect_drop": "\n".join(drop),
        "collect_tags": ",".join(tags),
    }
    options |= {name: text for name, text in joined.items() if text}
    settings = settings_with(click.get_current_context(), **options)
    if options.get("collect_output_type") and not settings.collect_output:
        raise click.UsageError("--output-type says what the file of --output is; give --output PATH too")
    configure_logs("collector", settings)
    stop = StopSignal()
    stop.install()
    use_one_polars_thread()
    # By name: what services share knows no service.
    sys.exit(import_module("collector.main").run(settings, stop, once=once))
