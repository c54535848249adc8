"""Which names say that a value is a secret, and which values cannot be one whatever they are called."""

from __future__ import annotations

import re

from processor.redaction.kinds import compiled
from processor.redaction.placeholders import is_placeholder

# Names whose value is a secret, however the name begins: db_password, userPassword, X-Api-Key.
SURE = (
    r"pass(?:word|wd|phrase|code)|pwd|secret|credentials?|authorization|cookie|cvv2?|cvc2?|x-(?:amz|goog)-signature"
    r"|(?:api|access|account|private|secret|signing|encryption|shared|license)[_. -]?key(?:[_. -]?id)?"
    r"|(?:access|auth|refresh|session|id|bearer|csrf|xsrf|security|api|client|user|secret|oauth|device|push|login|reset)"
    r"[_. -]?token"
)
# How such a name goes on: password1, password_confirmation, passwd_old, password[0].
TAIL = (
    r"s?(?:[_.-]?(?:[0-9]{1,2}|old|new|current|confirm(?:ation|ed)?|repeat(?:ed)?|again|verify|hash|value))?"
    r"(?:\[[a-z0-9_]{0,20}\])?"
)
# Names that also mean other things, so the value has to look like one: `pass=3`, `pin 7`, `session_id=42`.
_SHORT = r"pass|pw|pin|t?otp|jwt|token|(?:j?session|phpsess|sess)[_. -]?id|connect\.sid"
UNSURE = rf"(?:\b|_)(?:{_SHORT})|(?-i:[a-z0-9](?:Pass|Pw|Pin|Otp|Jwt|Token|SessionId|SessionID))"

# What any secret looks like that is only named so, in letters and in digits.
SOME_SECRET = "Zq7-" * 4
SOME_CODE = "482913"
_IS_SURE = compiled(rf"(?i)(?:{SURE}){TAIL}$")
_IS_UNSURE = compiled(rf"(?i)(?:{UNSURE})$")
# "using password: YES" and the like say nothing secret; what was masked before is left.
_STATES = frozenset(
    ["yes", "no", "true", "false", "null", "none", "nil", "undefined", "required", "missing", "invalid", "optional",
     "incorrect", "expired", "wrong", "empty", "unset", "set", "given", "provided", "changed", "failed", "fail", "ok",
     "accepted", "rejected", "denied", "redacted", "filtered", "hidden", "masked", "unknown", "not", "is", "was",
     "removed", "protected", "success", "passed", "failure", "error", "enabled", "disabled"]
)  # fmt: skip
_MASKED = compiled(r"^(?:\*+|x{3,}|\.{3,}|\$\{?[A-Z_][A-Z0-9_]*\}?|%s|\{\})$")
_IN_BRACKETS = compiled(r"^[\[({][A-Za-z ]+[\])}]$")
_LONGEST_STATE = 100
# The letters that a token may have, and how much of one is looked at.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=:%-]+")
_MOST_CHARS = 512
_LEAST_TOKEN, _LEAST_PLAIN_TOKEN, _LEAST_TOKEN_IN_JSON, _LEAST_SESSION, _LEAST_PASS, _LEAST_OTP = 6, 12, 8, 8, 4, 6
_NUMBER = re.compile(r"[0-9][0-9.,/%:]*[a-zA-Z]{0,3}")
_CODE = re.compile(r"[0-9]{4,8}")


def is_secret_name(name: str, value: str) -> bool:
    """Whether a member of this name holds a secret."""
    if is_state(value):
        return False
    if _IS_SURE.search(name):
        return True
    return bool(_IS_UNSURE.search(name)) and is_likely(name, value, is_member=True)


def is_likely(name: str, value: str, *, is_member: bool = False, is_prose: bool = False) -> bool:
    """Whether the value of a name that also means other things looks like a secret.

    Args:
        name: one that `UNSURE` matches the end of.
        value: of it; no state.
        is_member: whether it stands in quotes or in JSON.
        is_prose: whether it is a word behind a colon and a blank, as in a sentence.
    """
    name, value = name.lower(), value[:_MOST_CHARS]
    if " " in value:
        return False
    if name.endswith("token"):
        return _is_token(value, is_member=is_member, is_prose=is_prose)
    if name.endswith("pin"):
        return bool(_CODE.fullmatch(value))
    if name.endswith("otp"):
        return bool(_CODE.fullmatch(value)) or (
            len(value) >= _LEAST_OTP and has_letter_and_digit(value) and value.isalnum()
        )
    if name.endswith(("pass", "pw")):
        return _is_pass(value, is_bare=name.lstrip("_") in {"pass", "pw"}, is_prose=is_prose)
    is_long = len(value) >= _LEAST_SESSION and not value.startswith("0x")
    return is_long and has_letter_and_digit(value) and bool(_TOKEN.fullmatch(value))


def is_state(value: str) -> bool:
    """Whether it says nothing, or nothing any more."""
    if not value or len(value) > _LONGEST_STATE:
        return False
    if is_placeholder(value) or value.strip(".,;:!)").lower() in _STATES or bool(_MASKED.search(value)):
        return True
    return bool(_IN_BRACKETS.search(value)) and not _STATES.isdisjoint(value[1:-1].lower().split())


def has_letter_and_digit(value: str) -> bool:
    """Whether a letter and a digit are in it, as in few words of a language."""
    return any(map(str.isdigit, value)) and any(map(str.isalpha, value))


def _is_token(value: str, *, is_member: bool, is_prose: bool) -> bool:
    if is_member and len(value) >= _LEAST_TOKEN_IN_JSON:
        return True
    if len(value) < _LEAST_TOKEN or not _TOKEN.fullmatch(value):
        return False
    if len(value) >= _LEAST_PLAIN_TOKEN or any(map(str.isdigit, value)):
        return True
    return not is_prose and not value.istitle() and value.lower() != value != value.upper()


def _is_pass(value: str, *, is_bare: bool, is_prose: bool) -> bool:
    if len(value) < _LEAST_PASS or not any(map(str.isalnum, value)):
        return False
    if _NUMBER.fullmatch(value):
        return not is_bare and value.isdigit()
    return not (is_bare and is_prose) or has_letter_and_digit(value)
