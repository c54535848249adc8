"""Tokens: JSON Web Tokens, those of headers, those of well-known vendors; and private key blocks."""

from __future__ import annotations

import binascii
from base64 import b64decode
from bisect import bisect_right
from collections.abc import Iterator

from processor.redaction.kinds import Finder, Span, compiled, finder

find_jwts: Finder = finder(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*")
JWT_HINT = r"\beyJ[A-Za-z0-9_-]{5,}\."

# Forms that vendors document for their tokens.
_VENDORS = (
    r"gh[pousr]_[A-Za-z0-9]{36,251}", r"github_pat_[A-Za-z0-9_]{50,251}",
    r"gl(?:pat|dt|rt|ptt|soat|cbt)-[A-Za-z0-9_-]{20,}", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}",
    r"xox[abeoprs]-[A-Za-z0-9-]{10,}", r"xapp-[0-9]-[A-Za-z0-9-]{10,}",
    r"https://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{20,}",
    r"[srp]k_(?:live|test)_[A-Za-z0-9]{10,}", r"whsec_[A-Za-z0-9+/=]{24,}", r"AIza[A-Za-z0-9_-]{35}",
    r"ya29\.[A-Za-z0-9_-]{20,}", r"GOCSPX-[A-Za-z0-9_-]{28}", r"sk-ant-[A-Za-z0-9_-]{20,}",
    r"sk-(?:proj-|svcacct-)?[A-Za-z0-9_-]{20,}", r"npm_[A-Za-z0-9]{36}", r"pypi-[A-Za-z0-9_-]{50,}",
    r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}", r"SK[0-9a-f]{32}", r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}",
    r"do[opr]_v1_[a-f0-9]{64}", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}", r"hf_[A-Za-z0-9]{34,}",
    r"ATATT3[A-Za-z0-9_=-]{20,}", r"key-[0-9a-f]{32}", r"hv[sbr]\.[A-Za-z0-9_-]{24,}", r"dapi[0-9a-f]{32}",
    r"glsa_[A-Za-z0-9]{32}_[a-f0-9]{8}", r"lin_api_[A-Za-z0-9]{40}", r"sq0(?:atp|csp)-[A-Za-z0-9_-]{22,43}",
    r"EAAC[A-Za-z0-9]{30,}", r"dckr_pat_[A-Za-z0-9_-]{27}", r"NRAK-[A-Z0-9]{27}", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}",
    r"rubygems_[a-f0-9]{48}", r"secret_[A-Za-z0-9]{43}", r"ntn_[A-Za-z0-9]{46}",
)  # fmt: skip
HINT = (
    r"\b(?:gh[pousr]_|github_pat_|gl(?:pat|dt|rt|ptt|soat|cbt)-|A[KSBC][ICI]A[A-Z0-9]{16}|xox[abeoprs]-|xapp-"
    r"|https://hooks\.slack|[srp]k_(?:live|test)_|whsec_|AIza|ya29\.|GOCSPX-|sk-[A-Za-z0-9_-]{20}|npm_[A-Za-z0-9]{36}"
    r"|pypi-[A-Za-z0-9_-]{50}|SG\.[A-Za-z0-9_-]{16}|SK[0-9a-f]{32}|[0-9]{8,10}:AA|do[opr]_v1_|shp(?:at|ca|pa|ss)_"
    r"|hf_[A-Za-z0-9]{34}|ATATT3|key-[0-9a-f]{32}|hv[sbr]\.|dapi[0-9a-f]{32}|glsa_|lin_api_|sq0(?:atp|csp)-|EAAC"
    r"|dckr_pat_|NRAK-|PMAK-|rubygems_|secret_[A-Za-z0-9]{43}|ntn_[A-Za-z0-9]{46})"
    r"|(?i:\bbearer[ :=]|\bbasic )"
)


def _has_digit(text: str, span: Span) -> bool:
    return any(map(str.isdigit, text[span[0] : span[1]]))


def _is_basic(text: str, span: Span) -> bool:
    """Whether it is a user and a password as RFC 7617 has them."""
    try:
        return b":" in b64decode(text[span[0] : span[1]], validate=True)
    except (binascii.Error, ValueError):
        return False


find_tokens: tuple[Finder, ...] = (
    finder(r"\b(?:" + "|".join(_VENDORS) + ")"),
    finder(r"(?i)\bbearer[ :=]{1,3}(?P<secret>[A-Za-z0-9._~+/=-]{8,})", _has_digit, group="secret"),
    finder(r"(?i)\bbasic +(?P<secret>[A-Za-z0-9+/]{8,}={0,2})", _is_basic, group="secret"),
)

PRIVATE_KEY_HINT = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY"
_BEGIN = compiled(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_END = compiled(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")


def find_private_keys(text: str) -> Iterator[Span]:
    """Private key blocks (RFC 7468, OpenSSH, PGP); one whose end was cut off goes to the end of the text."""
    ends = [match.end() for match in _END.finditer(text)]
    done = 0
    for begin in _BEGIN.finditer(text):
        if begin.start() >= done:
            found = bisect_right(ends, begin.end())
            done = ends[found] if found < len(ends) else len(text)
            yield begin.start(), done


def is_open_key(text: str) -> bool:
    """Whether a private key begins in it and does not end in it."""
    begins = [match.end() for match in _BEGIN.finditer(text)]
    return bool(begins) and _END.search(text[begins[-1] :]) is None


def ends_key(text: str) -> bool:
    """Whether a private key ends in it."""
    return _END.search(text) is not None
