"""`logmill patterns`: what logs say and how often, in the terminal."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from logmill.cli_asking import asking, client_of, params_of, pointed, say
from logmill.record import LEVELS
from logmill.storage_client import Answered
from logmill.terminal import ascii_json, printable, quiet_end, write

_BAR_CHARS = 10
_LEVEL_CHARS = max(map(len, LEVELS))
# Of storage's answers.
_MAX_PATTERNS = 1000


class _Pattern(msgspec.Struct, frozen=True):
    template: str
    count: int
    share: float
    levels: dict[str, int]


class _Patterns(msgspec.Struct, frozen=True):
    """Each pattern stays the JSON that it is until it is shown."""

    total: int
    truncated: bool
    patterns: list[msgspec.Raw]


@click.command()
@asking
@click.option("--since", help="From: 15m, 2h, now-1d, 2026-01-31T12:00:00Z, Unix time.")
@click.option("--until", help="Before: the same.")
@click.option(
    "--limit", type=click.IntRange(1, _MAX_PATTERNS), default=20, show_default=True, help="The most frequent."
)
@click.option("--each", is_flag=True, help="Each fingerprint is a pattern; else those with similar messages are one.")
def patterns(limit: int, *, each: bool, **asked: Any) -> None:
    """What logs say and how often, the most frequent first; Q is in Lucene's syntax.

    A line has how many logs, their share, the worst level among them, and what their messages have in common.

    \b
    logmill patterns --since 1h
    logmill patterns 'level:error' --json | jq .fingerprints
    """  # noqa: D301 - click wants the backspace
    params = [*params_of(asked), ("limit", str(limit)), ("cluster", "false" if each else "true")]
    try:
        found = client_of(asked).ask("/logs/patterns", params, _Patterns)
    except Answered as error:
        raise pointed(error, asked) from None
    with quiet_end():
        if asked["is_json"]:
            write("".join(ascii_json(bytes(one).decode("utf-8", "replace")) + "\n" for one in found.patterns))
        else:
            shown = [msgspec.json.decode(one, type=_Pattern) for one in found.patterns]
            width = max((len(f"{one.count:,}") for one in shown), default=0)
            most = max((one.count for one in shown), default=1)
            write("".join(_line(one, width, most) for one in shown))
    if not found.patterns:
        click.echo("no logs", err=True)
    elif found.truncated:
        say(f"the most frequent {len(found.patterns):,}, of {found.total:,} logs in all; there are more: --limit N")


def _line(pattern: _Pattern, width: int, most: int) -> str:
    """A pattern on one line; its bar is as long as it is frequent beside the most frequent one."""
    worst = next((level for level in reversed(LEVELS) if pattern.levels.get(level)), "")
    bar = "#" * max(1, round(_BAR_CHARS * pattern.count / most))
    text = printable(" ".join(pattern.template.split()), keep="")
    return (
        f"{pattern.count:>{width},}  {100 * pattern.share:5.1f} %  {bar:<{_BAR_CHARS}}  {worst:<{_LEVEL_CHARS}}  {text}"
    ).rstrip() + "\n"
