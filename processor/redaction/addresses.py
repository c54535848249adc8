"""Kinds that are addresses: of mail and of the Internet."""

from __future__ import annotations

from ipaddress import IPv6Address

from processor.redaction.kinds import Finder, Span, finder, stands_alone

# What follows the last dot of a file's name, not of a host's.
_FILES = frozenset(
    ["png", "jpg", "jpeg", "gif", "svg", "webp", "js", "css", "html", "json", "xml", "txt", "log", "py", "java"]
)
EMAIL_HINT = "@"
IP_HINT = r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]|[0-9a-fA-F]{0,4}:[0-9a-fA-F]{0,4}:"
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"


def _is_host(text: str, span: Span) -> bool:
    return text[span[0] : span[1]].rpartition(".")[2].lower() not in _FILES


def _is_ipv6(text: str, span: Span) -> bool:
    address = text[span[0] : span[1]]
    if address.count(":") < 2 or not stands_alone(text, span, joining=":"):  # noqa: PLR2004 - as every address has
        return False
    try:
        IPv6Address(address)
    except ValueError:
        return False
    return any(map(str.isdigit, address)) or "::" in address


find_emails: Finder = finder(r"[\pL0-9_+%][\pL0-9._%+'-]*@(?:[\pL0-9][\pL0-9-]*\.)+\pL{2,}", _is_host)
find_ips: tuple[Finder, ...] = (
    finder(rf"{_OCTET}(?:\.{_OCTET}){{3}}", stands_alone),
    finder(r"[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}(?:\.[0-9]{1,3}){0,3}", _is_ipv6),
)
