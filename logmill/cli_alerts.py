"""`logmill alerts`: alerts in the terminal, asked of storage over HTTP; to acknowledge and to silence them, too."""

from __future__ import annotations

import json
import shlex
from datetime import datetime
from typing import Any
from urllib.parse import quote

import click

from logmill.cli_options import settings_with
from logmill.storage_client import StorageClient
from logmill.terminal import ascii_json, printable, quiet_end, wants_color, write

_Answer = dict[str, Any]
_STATES = ("firing", "acknowledged", "silenced", "resolved", "open")
_COLORS = {"firing": "red", "acknowledged": "yellow", "silenced": "bright_black", "resolved": "green"}
_LINE = "{id:<24}  {state:<12}  {severity:<8}  {since:<19}  {rule:<26}  {group}: {summary}"


@click.group(invoke_without_command=True)
@click.option("--state", type=click.Choice(_STATES), help="Those in this state; open: all that are not resolved.")
@click.option("--all", "everything", is_flag=True, help="Also those that are resolved.")
@click.option("--rule", help="Those of this rule.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="The newest so many.")
@click.option("--json", "is_json", is_flag=True, help="As NDJSON.")
@click.option("--utc", "is_utc", is_flag=True, help="Times in UTC; else in the zone of this machine.")
@click.option("--storage", "storage_url", metavar="URL", help="Where storage is; LOGMILL_STORAGE_URL.")
@click.option("--key", help="API key; LOGMILL_API_KEY, which other users of this machine do not see.")
@click.pass_context
def alerts(context: click.Context, /, storage_url: str | None, key: str | None, **asked: Any) -> None:
    """List alerts that fire, newest last; or acknowledge and silence them.

    \b
    logmill alerts
    logmill alerts acknowledge ID --comment 'on it'
    logmill alerts silence --rule silence --group service=batch --for 2h
    """  # noqa: D301 - click wants the backspace
    settings = settings_with(context, storage_url=storage_url or None)
    context.obj = StorageClient(settings.storage_url, settings.api_key if key is None else key)
    if context.invoked_subcommand is None:
        _list(context.obj, **asked)


@alerts.command()
@click.argument("alert_id", metavar="ID")
@click.option("--json", "is_json", is_flag=True, help="As JSON.")
@click.pass_obj
def show(client: StorageClient, alert_id: str, *, is_json: bool) -> None:
    """Show one alert, its changes, and the search that finds its logs."""
    found = client.ask(f"/alerts/{quote(alert_id, safe='')}", (), _Answer)
    if is_json:
        _say(ascii_json(json.dumps(found)))
        return
    alert = found["alert"]
    query = alert.pop("query")
    for name, value in alert.items():
        if name not in {"trend", "group", "labels"}:
            _say(f"{name}: {'-' if value is None else value}")
    _say(f"group: {_pairs(alert['group'])}")
    # Quoted, for values of logs are in it, and it is there to be copied into a shell.
    _say(f"logs: logmill query {shlex.quote(query['q'])} --since {query['since']} --until {query['until']}")
    for change in found["history"]:
        by = f" by {change['by']}" if change["by"] else ""
        _say(f"{change['at']} {change['state']}{by}{': ' if change['comment'] else ''}{change['comment']}")


@alerts.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--by", default="", help="Who looks after them.")
@click.option("--comment", default="", help="What there is to say.")
@click.pass_obj
def acknowledge(client: StorageClient, ids: tuple[str, ...], by: str, comment: str) -> None:
    """Say that somebody looks after alerts."""
    for alert_id in ids:
        body = {"by": by, "comment": comment}
        found = client.change("POST", f"/alerts/{quote(alert_id, safe='')}/acknowledge", body=body)
        alert = found["alert"]
        # Another may have been first: then that one has it.
        who = f" by {alert['acknowledged_by']}" if alert["acknowledged_by"] else ""
        _say(f"{alert['id']} is {alert['state']}{who}")


@alerts.command()
@click.option("--rule", default="", help="The rule it is for; any where it is left out.")
@click.option("--group", "groups", multiple=True, metavar="FIELD=VALUE", help="Whom it is for; may be repeated.")
@click.option("--for", "span", help="For how long, as in 30m, 2h, 1d.")
@click.option("--until", help="Until when: ISO 8601 or Unix time.")
@click.option("--by", default="", help="Who makes it.")
@click.option("--comment", default="", help="Why.")
@click.pass_obj
def silence(
    client: StorageClient, /, groups: tuple[str, ...], span: str | None, until: str | None, **asked: str
) -> None:
    """Have nobody told of the alerts of a rule, a group, or both, for a while."""
    if bool(span) == bool(until):
        raise click.UsageError("say --for or --until")
    pairs = [group.partition("=") for group in groups]
    if not all(sign for _, sign, _ in pairs):
        raise click.UsageError("a group is FIELD=VALUE")
    group = {name: value for name, _, value in pairs}
    found = client.change("POST", "/alerts/silences", body={**asked, "group": group, "until": until or f"now+{span}"})
    _say(f"{found['silence']['id']} holds until {found['silence']['until']}")


@alerts.command()
@click.option("--json", "is_json", is_flag=True, help="As NDJSON.")
@click.pass_obj
def silences(client: StorageClient, *, is_json: bool) -> None:
    """List the silences that are not over."""
    found = client.ask("/alerts/silences", (), _Answer)["silences"]
    for one in found:
        about = _pairs({**({"rule": one["rule"]} if one["rule"] else {}), **one["group"]})
        line = f"{one['id']}  until {one['until'][:19]}Z  {about}  {one['by']}  {one['comment']}".rstrip()
        _say(ascii_json(json.dumps(one)) if is_json else line)
    if not found:
        click.echo("no silences", err=True)


@alerts.command()
@click.argument("silence_id", metavar="ID")
@click.pass_obj
def unsilence(client: StorageClient, silence_id: str) -> None:
    """End a silence."""
    client.change("DELETE", f"/alerts/silences/{quote(silence_id, safe='')}")
    _say(f"{silence_id} is over")


@alerts.command()
@click.option("--json", "is_json", is_flag=True, help="As NDJSON.")
@click.pass_obj
def rules(client: StorageClient, *, is_json: bool) -> None:
    """List the detectors and how they are doing."""
    for rule in client.ask("/alerts/rules", (), _Answer)["rules"]:
        state = f"fails: {rule['last_error']}" if rule["last_error"] else f"{rule['open']} open"
        state += ", waits" if rule["behind"] else ""
        line = f"{rule['name']:<26}  {rule['kind']:<11}  {rule['limit']}  ({state})"
        _say(ascii_json(json.dumps(rule)) if is_json else line)


def _list(
    client: StorageClient,
    *,
    state: str | None,
    everything: bool,
    rule: str | None,
    limit: int,
    is_json: bool,
    is_utc: bool,
) -> None:
    wanted = state or ("" if everything else "firing")
    params = [("state", wanted), ("rule", rule or ""), ("limit", str(limit))]
    found = client.ask("/alerts", [(name, value) for name, value in params if value], _Answer)
    with quiet_end():
        for alert in reversed(found["alerts"]):
            write((ascii_json(json.dumps(alert)) if is_json else _line(alert, is_utc=is_utc)) + "\n")
        if not found["alerts"]:
            click.echo(f"no alerts{f' that are {wanted}' if wanted else ''}", err=True)
        elif found["truncated"]:
            click.secho(f"logmill: the newest {limit}; there are more: --limit N", fg="yellow", err=True)


def _line(alert: dict[str, Any], *, is_utc: bool) -> str:
    at = datetime.fromisoformat(alert["since"])
    shown = {**alert, "since": (at if is_utc else at.astimezone()).strftime("%Y-%m-%d %H:%M:%S")}
    shown["group"] = _pairs(alert["group"])
    text = _LINE.format(**{name: printable(str(value), keep="") for name, value in shown.items()})
    return click.style(text, fg=_COLORS.get(alert["state"])) if wants_color() else text


def _pairs(group: dict[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in group.items()) or "-"


def _say(text: str) -> None:
    click.echo(printable(text, keep=""))
