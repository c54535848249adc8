"""How logs are written; a record is one line in each format."""

from __future__ import annotations

from generator.formats.access import AccessFormat
from generator.formats.csv_rows import CsvFormat
from generator.formats.json_lines import JsonFormat
from generator.formats.logfmt import LogfmtFormat
from generator.formats.protocol import Format
from generator.formats.text import TextFormat
from logmill.errors import ConfigError

__all__ = ["NAMES", "Format", "format_of"]

NAMES = ("json", "csv", "text", "access", "logfmt")
# What loggers of Python are told: `%(asctime)s %(levelname)s %(message)s`.
_TEMPLATE = "%("


def format_of(name: str, custom: tuple[str, ...] = ()) -> Format:
    """The format of this name, or text by a template as Python's `logging` takes it.

    Args:
        name: one of `NAMES`, or a text with `%(…)s` in it.
        custom: the names of the custom fields.

    Raises:
        ConfigError: there is no such format, or the template names what there is none of.
    """
    name_or_template = name.strip()
    match name_or_template.lower():
        case "json":
            return JsonFormat()
        case "csv":
            return CsvFormat(custom)
        case "text" | "plain":
            return TextFormat(custom=custom)
        case "access":
            return AccessFormat()
        case "logfmt":
            return LogfmtFormat(custom)
        case _ if _TEMPLATE in name_or_template:
            return TextFormat(name_or_template)
        case _:
            pass
    raise ConfigError(f"--format: there is no {name!r}; known are {', '.join(NAMES)}, and templates with %(message)s")
