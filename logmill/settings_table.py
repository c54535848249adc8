"""The settings as a table: for `logmill settings`, the documentation and `.env.example`."""

from __future__ import annotations

from typing import get_args, get_type_hints

import msgspec
from msgspec import Meta

from logmill.settings import PREFIX, Settings, environment


class Row(msgspec.Struct, frozen=True):
    """One line of the table: variable, default as text, unit, help, and whether its value is shown to nobody."""

    name: str
    default: str
    unit: str
    help: str
    is_secret: bool = False


def table() -> list[Row]:
    """Every setting, in the order of the class."""
    hints = get_type_hints(Settings, include_extras=True)
    defaults = environment(Settings())
    rows = []
    for field in Settings.__struct_fields__:
        meta = next(m for m in get_args(hints[field])[1:] if isinstance(m, Meta))
        name = PREFIX + field.upper()
        extra = meta.extra or {}
        help_ = meta.description or ""
        rows.append(Row(name, defaults[name], extra.get("unit", ""), help_, is_secret=extra.get("secret", False)))
    return rows
