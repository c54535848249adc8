"""What is said of a setting where it is declared: help, unit, secrecy and limits.

The settings of each service have a module. A struct of msgspec takes one base only, so the modules are a chain: each
adds to those before it, and `Settings` is its end.
"""

from __future__ import annotations

from typing import Any

from msgspec import Meta

# The pattern of a setting that is the address of a service, or empty.
ADDRESS = "^(https?://.+)?$"


def described(help_: str, unit: str = "", *, secret: bool = False, **limits: Any) -> Meta:
    """The second half of a setting's `Annotated`.

    Args:
        help_: one or more sentences, for the documentation.
        unit: of the value, as the documentation shows it.
        secret: whether its value is shown to nobody.
        limits: those of `msgspec.Meta`, such as ge, le and pattern.
    """
    return Meta(description=help_, extra={"unit": unit, "secret": secret}, **limits)
