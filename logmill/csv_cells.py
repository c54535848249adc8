"""Text for the cells of CSV files, which spreadsheets open."""

from __future__ import annotations

# A spreadsheet takes a cell that begins with one of these for a formula; some take the wide forms, too.
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
BETWEEN_ITEMS = "; "


def cell(text: str) -> str:
    """The text, with an apostrophe before it where a spreadsheet would take it for a formula, as OWASP advises."""
    return f"'{text}" if text.startswith(_FORMULA) else text
