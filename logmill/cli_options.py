"""Settings that a command takes from its options, and errors that name the option as it was typed."""

from __future__ import annotations

import re
from typing import Any

import click

from logmill.settings import PREFIX, Settings, load

_OPTIONS = "logmill.options"


def settings_with(context: click.Context, **given: Any) -> Settings:
    """The settings in force, with what options of the command say.

    Args:
        context: of the command.
        given: by the name of the setting, which is that of the option's parameter too or its end; None: not given.

    Raises:
        ConfigError: what an option or a setting says is wrong; `named` gives it the name that the person knows.
    """
    note_options(context, **given)
    return load(**given)


def note_options(context: click.Context, **given: Any) -> None:
    """Have `named` know which settings came from options; arguments as in `settings_with`."""
    options = [parameter for parameter in context.command.params if isinstance(parameter, click.Option)]
    known = {option.opts[0].lstrip("-").replace("-", "_"): option.opts[0] for option in options}
    known |= {option.name: option.opts[0] for option in options if option.name}
    names: dict[str, str] = context.meta.setdefault(_OPTIONS, {})
    for field, value in given.items():
        option = known.get(field) or known.get(field.partition("_")[2]) or known.get(field.removesuffix("_url"))
        if value is not None and option is not None:
            names[PREFIX + field.upper()] = option


def named(context: click.Context, message: str) -> str:
    """A message in which settings that came from options have the names of these."""
    names: dict[str, str] = context.meta.get(_OPTIONS, {})
    message = re.sub(rf"\b{PREFIX}[A-Z0-9_]+\b", lambda match: names.get(match[0], match[0]), message)
    # Where both were named, the one that was typed is enough.
    return re.sub(r"(--[a-z-]+) \(\1\)", r"\1", message)
