"""What commands that ask storage have in common: the filter as options, and where storage is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from logmill.cli_options import settings_with
from logmill.storage_client import Answered, StorageClient
from logmill.terminal import columns, printable

FILTERS = {
    "level": "Level, in any spelling.",
    "service": "Service.",
    "priority": "high, medium or low.",
    "tag": "Tag.",
    "host": "Host it came from.",
    "file": "File it came from.",
    "source": "Host, file, or host:file.",
    "status_code": "HTTP status.",
    "trace_id": "Trace.",
    "request_id": "Request.",
    "user_id": "User.",
    "fingerprint": "Pattern, as in GET /logs/patterns.",
}

_Command = TypeVar("_Command", bound=Callable[..., Any])


def asking(command: _Command) -> _Command:
    """Give a command the search text, and the options by which it asks."""
    options = [
        click.argument("words", nargs=-1, metavar="[Q]..."),
        *(
            click.option(
                f"--{name.replace('_', '-')}", name, multiple=True, help=f"{help_} May be repeated: any of them."
            )
            for name, help_ in FILTERS.items()
        ),
        click.option("--min-severity", help="Severity from 0 to 100, at least."),
        click.option("--json", "is_json", is_flag=True, help="As NDJSON."),
        click.option("--storage", "storage_url", metavar="URL", help="Where storage is; LOGMILL_STORAGE_URL."),
        click.option("--key", help="API key; LOGMILL_API_KEY, which other users of this machine do not see."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def client_of(asked: dict[str, Any]) -> StorageClient:
    """A client of the storage that the options, or else the settings, name."""
    settings = settings_with(click.get_current_context(), storage_url=asked["storage_url"] or None)
    return StorageClient(settings.storage_url, settings.api_key if asked["key"] is None else asked["key"])


def params_of(asked: dict[str, Any]) -> list[tuple[str, str]]:
    """The filter that is asked for, as parameters of a request."""
    found = [("q", " ".join(asked["words"]))]
    found += [(name, asked[name] or "") for name in ("min_severity", "since", "until") if name in asked]
    found += [(name, value) for name in FILTERS for value in asked[name]]
    return [(name, value) for name, value in found if value]


def pointed(error: Answered, asked: dict[str, Any]) -> Answered:
    """The error, after showing where in the search text it is."""
    text = " ".join(asked["words"])
    if error.position is not None and 0 <= error.position <= len(text):
        before = columns(printable(text[: error.position], keep=""))
        click.echo(f"{printable(text, keep='')}\n{' ' * before}^", err=True)
    return error


def say(words: str) -> None:
    """Tell the person who runs the command, beside what it shows."""
    click.secho(f"logmill: {words}", fg="yellow", err=True)
