"""Every setting in one table: name, type, default, unit, help; the only reader of the environment.

The settings of each service have a module here. A field `broker_url` is set by the environment variable
`LOGMILL_BROKER_URL`. `.env.example` and `docs/settings.md` are written from this table by `logmill settings`, and a
test holds them to it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec

from logmill.errors import ConfigError
from logmill.settings.described import ADDRESS
from logmill.settings.generator import PLAIN_NAMES, GeneratorSettings

PREFIX = "LOGMILL_"
# The pattern of a setting that is one of some words.
_WORDS = re.compile(r"\^\((\w+(?:\|\w+)*)\)\$")


class Settings(GeneratorSettings, frozen=True, kw_only=True):
    """What can be set, and to what it is set now."""


def load(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """The settings in force: defaults, then the environment, then `overrides` by field name.

    Raises:
        ConfigError: names the variable and what is wrong with it; also for a LOGMILL_ variable that does not exist.
    """
    source = os.environ if environ is None else environ
    known = set(Settings.__struct_fields__)
    values: dict[str, Any] = {}
    for name, text in source.items():
        if not name.startswith(PREFIX):
            continue
        field = name.removeprefix(PREFIX).lower()
        if field not in known:
            raise ConfigError(f"{name}: no such setting; `logmill settings` lists them")
        if text != "":
            values[field] = text
    values.update({name: value for name, value in overrides.items() if value is not None})
    hints = get_type_hints(Settings, include_extras=True)
    for field, value in values.items():
        try:
            values[field] = msgspec.convert(_bool(value, hints[field]), hints[field], strict=False)
        except msgspec.ValidationError as error:
            is_secret = hints[field].__metadata__[0].extra["secret"]
            shown = "" if is_secret else f" (it is {value!r})"
            raise ConfigError(f"{PREFIX}{field.upper()}: {_fault(error, hints[field])}{shown}") from None
    return with_addresses(Settings(**values))


def _fault(error: msgspec.ValidationError, hint: Any) -> str:
    """What is wrong with a value, in words: a regular expression is none."""
    pattern: str | None = hint.__metadata__[0].pattern
    if pattern is None or "regex" not in str(error):
        return str(error)
    if pattern == ADDRESS:
        return "it must be an address that begins with http:// or https://"
    if words := _WORDS.fullmatch(pattern):
        return f"it must be one of {', '.join(words[1].split('|'))}"
    return str(hint.__metadata__[0].description)


def with_plain_names(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for `load`, in which `PLAIN_NAMES` stand for our own names where those are not set."""
    source = os.environ if environ is None else environ
    plain = {PREFIX + field.upper(): source[name] for name, field in PLAIN_NAMES.items() if source.get(name)}
    return {**plain, **{name: text for name, text in source.items() if text}}


def with_addresses(settings: Settings) -> Settings:
    """The settings, with the addresses that follow from others where they are empty."""
    return msgspec.structs.replace(
        settings,
        broker_url=settings.broker_url or f"sqlite:///{Path(settings.data_dir) / 'broker.sqlite3'}",
        storage_url=settings.storage_url or f"http://127.0.0.1:{settings.storage_port}",
        producer_url=settings.producer_url or f"http://127.0.0.1:{settings.producer_port}",
    )


def _bool(value: Any, hint: Any) -> Any:
    """Spell out the words people use for true and false, which msgspec does not all know."""
    if get_args(hint)[0] is bool and isinstance(value, str):
        return {"yes": True, "on": True, "no": False, "off": False}.get(value.lower(), value)
    return value


def environment(settings: Settings) -> dict[str, str]:
    """The variables that give a child process these settings."""
    spelled = {True: "true", False: "false"}
    return {
        PREFIX + name.upper(): spelled[value] if isinstance(value, bool) else str(value)
        for name, value in msgspec.structs.asdict(settings).items()
    }


def metrics_folder() -> str | None:
    """Where the processes of one service share their metrics (prometheus_client's own variable), if several do."""
    return os.environ.get("PROMETHEUS_MULTIPROC_DIR") or None


def child_environment(settings: Settings, **more: str) -> dict[str, str]:
    """The environment for a child process: ours, these settings, and `more`."""
    return {**os.environ, **environment(settings), **more}


def use_one_polars_thread() -> None:
    """Have polars, imported after this, work on the calling thread alone, unless its own variable says otherwise.

    Processors are what is scaled. With two of them on two cores, a pool of two threads each cost 8 % more CPU a log.
    """
    os.environ.setdefault("POLARS_MAX_THREADS", "1")


def no_color() -> bool:
    """Whether output without colours is asked for (NO_COLOR, see no-color.org, or a terminal that has none)."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


def in_ci() -> bool:
    """Whether this runs in continuous integration, where a missing server is a failure."""
    return os.environ.get("CI", "").lower() in {"1", "true"}
