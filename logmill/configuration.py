"""The settings in force as they may be shown: secrets and what an address holds of them are hidden."""

from __future__ import annotations

import msgspec

from logmill.settings import PREFIX, Settings, with_addresses
from logmill.settings_table import table
from logmill.urls import HIDDEN, without_credentials

# Their defaults follow from other settings.
_ADDRESSES = tuple(name for name in Settings.__struct_fields__ if name.endswith("_url"))


class Shown(msgspec.Struct, frozen=True):
    """One setting: variable, value in force, unit, help, and whether the value is the default.

    `value` is "…" where it is a secret that is set; addresses have neither credentials nor parameters.
    """

    name: str
    value: str | int | float | bool
    unit: str
    help: str
    is_default: bool


def shown(settings: Settings) -> list[Shown]:
    """Every setting, in the order of the table."""
    defaults = msgspec.structs.asdict(Settings())
    followed = msgspec.structs.asdict(
        with_addresses(msgspec.structs.replace(settings, **dict.fromkeys(_ADDRESSES, "")))
    )
    found = []
    for row in table():
        field = row.name.removeprefix(PREFIX).lower()
        value = getattr(settings, field)
        default = (followed if field in _ADDRESSES else defaults)[field]
        if row.is_secret and value:
            text: str | int | float | bool = HIDDEN
        elif field in _ADDRESSES:
            text = without_credentials(value)
        else:
            text = value
        found.append(Shown(row.name, text, row.unit, row.help, value == default))
    return found
