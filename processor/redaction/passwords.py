"""Passwords and other secrets that are named as such: in assignments, JSON, headers, parameters and addresses."""

from __future__ import annotations

from collections.abc import Iterator

from processor.redaction.kinds import Span, compiled, finder
from processor.redaction.placeholders import is_placeholder, placeholder_end

# Names whose value is a secret, however the name begins: db_password, userPassword, X-Api-Key.
_NAMES = (
    r"pass(?:word|wd|phrase|code)|pwd|secret|credentials?|authorization|cookie|cvv2?|cvc2?"
    r"|(?:api|access|account|private|secret|signing|encryption|shared|license)[_. -]?key(?:[_. -]?id)?"
    r"|(?:access|auth|refresh|session|id|bearer|csrf|xsrf|security|api|client|user|secret|oauth|device|push|login|reset)"
    r"[_. -]?token"
)
_SURE = compiled(rf"(?i)(?:{_NAMES})s?$")
_UNSURE = compiled(r"(?i)(?:^|[^a-z])token$")
# What any secret looks like that is only named so.
SOME_SECRET = "Zq7-" * 4
# "using password: YES" and the like say nothing secret; what was masked before is left.
_STATES = frozenset(
    ["yes", "no", "true", "false", "null", "none", "nil", "undefined", "required", "missing", "invalid",
     "incorrect", "expired", "wrong", "empty", "unset", "set", "given", "provided", "changed", "failed", "ok",
     "accepted", "rejected", "denied", "redacted", "filtered", "hidden", "masked", "unknown", "not", "is", "was"]
)  # fmt: skip
_MASKED = compiled(r"^(?:\*+|x{3,}|\.{3,}|\[[A-Za-z ]+\]|\$\{?[A-Z_][A-Z0-9_]*\}?|%s|\{\})$")
# A token that is only called so has to look like one.
_TOKEN = compiled(r"^[A-Za-z0-9._~+/=:-]{12,}$")
_MIN_TOKEN = 8

_ASSIGNED = compiled(
    rf"(?i)(?P<name>{_NAMES}|\btoken)s?[\\\"'\])]{{0,8}}[ \t]{{0,3}}(?::=|=>|[:=])[ \t]{{0,3}}"
    r"(?P<quote>[\\]{0,4}[\"'])?"
)
HINT = (
    r"(?i:pass|pwd|secret|credential|authorization|cookie|cvv|cvc|key|token)[a-zA-Z0-9_. -]{0,6}"
    r"[\\\"'\])]{0,8}[ \t]*[:=]"
    r"|://[^\s/?#@]*:[^\s/?#]+@|--[a-z-]*(?:pass|secret|token|key)|(?i:identified by)"
)
# What ends a value in a list or a query, where another member follows.
_NEXT_MEMBER = compiled(r"[,&;|] ?[A-Za-z_][A-Za-z0-9_.-]*[:=]")
_SCHEME = compiled(r"(?i)^(?:bearer|basic|token|apikey|negotiate|ntlm)[ ]+")
_LINE_END = compiled(r"[\r\n\"']")
_BLANK = compiled(r"[\s\"']")
_MAX_LINE, _MAX_SCHEME, _LOOK_BACK = 16 * 1024, 32, 500
_FIRST_WORD = 8
_ENDS = ",.;:"
_BRACKETS = {")": "(", "]": "[", "}": "{", ">": "<"}
_FLAG = finder(rf"(?i)--?[a-z-]{{0,20}}(?:{_NAMES}|token)[ ]+(?P<secret>[^\s\"'-][^\s\"']*)", group="secret")
_IN_URL = finder(r"://[^\s/?#:@]*:(?P<secret>[^\s/?#]+)@", group="secret")
_SQL = finder(r"(?i)identified by (?:password )?'(?P<secret>[^']+)'", group="secret")


def is_secret_name(name: str, value: str) -> bool:
    """Whether a member of this name holds a secret."""
    if _SURE.search(name):
        return not _is_state(value)
    return bool(_UNSURE.search(name)) and len(value) >= _MIN_TOKEN and " " not in value and not _is_state(value)


def find_passwords(text: str) -> Iterator[Span]:
    """Every way in which secrets are written that are named as such."""
    flags = (span for span in _FLAG(text) if not _is_state(text[span[0] : span[1]]))
    done = 0
    for start, end in sorted({*_assigned(text), *_IN_URL(text), *_SQL(text), *flags}):
        if start >= done and not is_placeholder(text[start:end]):
            yield start, end
            done = end


def _assigned(text: str) -> Iterator[Span]:
    """The values of secrets in `key=value`, `key: value`, JSON, headers and parameters."""
    done = 0
    for match in _ASSIGNED.finditer(text):
        start = match.end()
        if start < done or _is_redacted(text, start):
            continue
        name, quote = match.group("name").lower(), match.group("quote")
        end = _quoted_end(text, start, quote) if quote else _plain_end(text, start, name)
        value = text[start:end]
        if not value or _is_state(value) or (name == "token" and not _TOKEN.search(value)):
            continue
        yield start, end
        done = end


def _is_redacted(text: str, start: int) -> bool:
    """Whether a placeholder begins here, or after the scheme of a header."""
    scheme = _SCHEME.search(text[start : start + _MAX_SCHEME])
    start += scheme.end() if scheme else 0
    end = placeholder_end(text, start)
    return end > start and not text[end : end + 1].isalnum()


def _quoted_end(text: str, start: int, quote: str) -> int:
    """Where the text ends that began with this quote: at the next one that is written the same way."""
    at = start
    while (found := text.find(quote, at)) >= 0:
        slashes = 0
        while found - slashes > start and text[found - slashes - 1] == "\\":
            slashes += 1
        if slashes % 2 == 0:
            return found
        at = found + 1
    return len(text)


def _plain_end(text: str, start: int, name: str) -> int:
    """Where a text without quotes ends: others at a blank, a header's after its scheme and word, or with its line."""
    if not name.startswith(("authorization", "cookie")):
        return _word_end(text, start)
    line = text[start : start + _MAX_LINE]
    stop = _LINE_END.search(line)
    line = line[: stop.start()] if stop else line
    scheme = _SCHEME.search(line)
    if scheme is not None:
        return start + _word_end(line, scheme.end())
    is_word = name.startswith("authorization") and " " not in line.strip().partition(",")[0][:_FIRST_WORD]
    return start + (_word_end(line, 0) if is_word else len(line))


def _word_end(text: str, start: int) -> int:
    """Where the word ends that begins here."""
    rest = text[start : start + _MAX_LINE]
    blank = _BLANK.search(rest)
    stop = start + (blank.start() if blank else len(rest))
    following = _NEXT_MEMBER.search(text[start:stop])
    if following:
        stop = start + following.start()
    while stop > start and (text[stop - 1] in _ENDS or _closes_what_is_before(text, start, stop - 1)):
        stop -= 1
    return stop


def _closes_what_is_before(text: str, start: int, at: int) -> bool:
    """Whether the bracket here belongs to one that was opened before the word."""
    opening = _BRACKETS.get(text[at])
    if opening is None or opening in text[start:at]:
        return False
    before = text[max(0, start - _LOOK_BACK) : start]
    return before.count(opening) > before.count(text[at])


def _is_state(value: str) -> bool:
    """Whether it says nothing, or nothing any more."""
    return is_placeholder(value) or value.strip(".,;:!)").lower() in _STATES or bool(_MASKED.search(value))
