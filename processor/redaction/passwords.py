"""Passwords and other secrets that are named as such: in assignments, JSON, headers, parameters and addresses."""

from __future__ import annotations

from collections.abc import Iterator

from processor.redaction.ends import Ends
from processor.redaction.kinds import Span, compiled, finder
from processor.redaction.names import (
    SURE,
    TAIL,
    UNSURE,
    has_letter_and_digit,
    is_likely,
    is_state,
)
from processor.redaction.placeholders import is_placeholder

_ASSIGNED = compiled(
    rf"(?i)(?:(?P<sure>{SURE}){TAIL}|(?P<unsure>{UNSURE})s?)(?P<after>[\\\"'\])]{{0,8}})[ \t]{{0,40}}"
    r"(?P<sign>:=|=>|[:=])(?P<gap>[ \t]{0,40}(?:\r?\n[ \t]{0,40})?)(?P<quote>[\\]{0,4}[\"'])?"
)
_FLAG_NAME = (
    rf"--?(?:[a-z0-9_]+-)*(?:[a-z0-9_]*(?:{SURE}){TAIL}"
    r"|(?P<unsure>token|pw|(?:store|key|src|dest|truststore|keystore)?pass(?:in|out)?))"
)
_IS_FLAG = compiled(rf"(?i)^{_FLAG_NAME}$")
_FLAG = compiled(
    rf"(?i)(?:^|[\s\"'=(\[,]){_FLAG_NAME}"
    r"(?:[ \t]{1,40}|(?P<closed>[\\]{0,4}[\"'])[ \t]{0,3},?\s{0,40})(?P<quote>[\\]{0,4}[\"'])?"
)
HINT = (
    r"(?i:pass|pwd|secret|credential|authorization|cookie|cvv|cvc|key|token|signature|jwt|sess(?:ion)?[_. -]?id)"
    r"[a-zA-Z0-9_. -]{0,6}(?:[\\\"'\])]{0,8}[ \t]*[:=]|\\*\"\s*[,}\]])"
    r"|(?i:passw(?:or)?d|pass(?:phrase|code)|pwd)[a-zA-Z0-9_.\[-]*[\\\"'\])]{0,8}[ \t]*[:=]"
    r"|(?:(?i:\b(?:pw|pin|t?otp)|connect\.sid|[?&;]sig)|_pin|_t?otp|_pw|Pin|Otp)[\\\"'\])]{0,8}[ \t]*[:=]"
    r"|</[^<>\s]*(?i:pass|pwd|secret|token|key|credential|pin|otp)"
    r"|://[^\s/?#]*:[^\s/?#]+@|-[a-zA-Z0-9_-]*(?i:pass|secret|token|key|pwd|pw|cookie)[a-zA-Z0-9]*[\\\"',]*[ \t]"
    r"|(?i:identified by|cv[vc]2?[ \t]+[0-9])|sshpass |curl [^\n]*-[uU-]|mysql[a-z]* [^\n]*-p[^\s0-9-]"
)
_SURE_GROUP = _ASSIGNED.groupindex["sure"]
# Of these one word is the secret, of others all that follows.
_ONE_WORD = compiled(r"(?i)^(?:bearer|basic|negotiate|ntlm)[ ]+")
_SCHEME = compiled(r"(?i)^(?:bearer|basic|negotiate|ntlm|token|apikey|digest|oauth|hawk|signature|aws4-[a-z0-9-]+)[ ]+")
_MAX_SCHEME, _LONGEST_STATE, _MAX_LEFT, _MAX_VALUE = 40, 100, 16, 512
_LINES = frozenset(["authorization", "cookie"])
_SAYS = frozenset(["is", "was"])
_IN_URL = finder(r"://[^\s/?#:]*:(?P<secret>[^\s/?#]+)@", group="secret")
_OTHERS = (
    finder(r"(?i)identified by (?:password )?'(?P<secret>[^']+)'", group="secret"),
    finder(r"(?i)\bcv[vc]2?[ \t]+(?P<secret>[0-9]{3,4})\b", group="secret"),
    finder(r"(?i)[?&;](?:[a-z0-9_]+[_.-])?token=(?P<secret>[^\s&;#\"'<>,)\]}]+)", group="secret"),
    finder(r"(?i)[?&;]sig(?:nature)?=(?P<secret>[a-z0-9%+/=_.-]{8,})", group="secret"),
    finder(r"\bsshpass[ \t]+-p[ \t]*(?:'(?P<secret>[^'\n]+)')", group="secret"),
    finder(r"\bsshpass[ \t]+-p[ \t]*(?:\"(?P<secret>[^\"\n]+)\")", group="secret"),
    finder(r"\bsshpass[ \t]+-p[ \t]*(?P<secret>[^\s\"']+)", group="secret"),
    finder(
        r"\bcurl\b[^\n|;]*?[ \t](?:-u|--user|-U|--proxy-user)[ \t=]?[\"']?[^\s:\"']+:(?P<secret>[^\s\"']+)",
        group="secret",
    ),
    finder(r"\bmysql[a-z]*[ \t](?:[^|;\n]*?[ \t])?-p[\"']?(?P<secret>[^\s\"'0-9-][^\s\"']*)", group="secret"),
)
_TAG = compiled(
    rf"(?i)<(?P<tag>[a-z0-9_.:-]*?(?:(?:{SURE}){TAIL}|(?P<unsure>{UNSURE}|pass|pw|pin|otp|jwt|token)))"
    r"(?:\s[^<>]*)?>\s*(?P<secret>[^<>\s][^<>]*)</"
)
_SECRET_GROUP = _TAG.groupindex["secret"]


def find_passwords(text: str) -> Iterator[Span]:
    """Every way in which secrets are written that are named as such."""
    others = (span for find in _OTHERS for span in find(text) if not is_state(text[span[0] : span[1]]))
    done = 0
    for start, end in sorted({*_assigned(text), *_IN_URL(text), *_flags(text), *_tags(text), *others}):
        if start >= done and not is_placeholder(text[start:end]):
            yield start, end
            done = end


def _assigned(text: str) -> Iterator[Span]:
    """The values of secrets in `key=value`, `key: value`, JSON, headers and parameters."""
    done, ends = 0, Ends(text)
    for match in _ASSIGNED.finditer(text):
        start = match.end()
        if start < done or start >= len(text):
            continue
        sure, unsure, after, sign, gap, quote = match.groups()
        is_broken = "\n" in gap
        if is_broken and not _goes_on(text, ends, start, after, sign, quote):
            continue
        if unsure:
            span = _unsure(text, ends, start, unsure, quote=quote, is_prose=sign == ":" and bool(gap))
        elif quote:
            span = _quoted(text, ends, start, quote)
        elif text[start] in "[{(":
            spans, end = ends.in_brackets(start)
            if end > start:
                yield from () if _says_nothing(text, start, end) else spans
                done = end
                continue
            span = start, ends.of_word(start)
        elif sure.lower() in _LINES or (sure.lower() == "passphrase" and sign == ":"):
            span = _header(text, ends, match.start(_SURE_GROUP), start, sure.lower(), is_line=sign == ":")
        else:
            span = _word(text, ends, start)
        if span is not None and span[1] > span[0] and not _says_nothing(text, *span):
            yield span
            done = span[1]


def _goes_on(text: str, ends: Ends, start: int, after: str, sign: str, quote: str | None) -> bool:
    """Whether the next line is the value: a text where the name is one too, or a word that looks like a secret."""
    if quote:
        return bool(after)
    value = text[start : min(ends.of_word(start), start + _MAX_VALUE)]
    return sign == "=" and has_letter_and_digit(value) and not {"=", ":"} & {*value}


def _unsure(text: str, ends: Ends, start: int, name: str, *, quote: str | None, is_prose: bool) -> Span | None:
    """The value of a name that also means other things, where it looks like a secret."""
    end = ends.of_quoted(start, quote) if quote else ends.of_word(start)
    value = text[start : min(end, start + _MAX_VALUE)]
    is_some = bool(value) and is_likely(name, value, is_member=bool(quote), is_prose=is_prose and not quote)
    return (start, end) if is_some else None


def _quoted(text: str, ends: Ends, start: int, quote: str) -> Span | None:
    """A quoted text; None where it is a header's scheme with what was redacted."""
    end = ends.of_quoted(start, quote)
    scheme = _SCHEME.search(text[start : min(end, start + _MAX_SCHEME)])
    return None if scheme and _says_nothing(text, start + scheme.end(), end) else (start, end)


def _word(text: str, ends: Ends, start: int) -> Span:
    """A word; the one behind `is` where that looks like a secret."""
    end = ends.of_word(start)
    if text[start:end].lower() in _SAYS and text[end : end + 1] == " ":
        following = ends.of_word(end + 1)
        if has_letter_and_digit(text[end + 1 : min(following, end + _MAX_VALUE)]):
            return end + 1, following
    return start, end


def _header(text: str, ends: Ends, name: int, start: int, header: str, *, is_line: bool) -> Span | None:
    """A header's value: all of it, or one word where the scheme, or what it was assigned with, says so."""
    first = ends.of_word(start)
    if header == "authorization":
        one_word = _ONE_WORD.search(text[start : start + _MAX_SCHEME])
        if one_word is not None:
            return _behind_scheme(text, ends, start, start + one_word.end())
        is_line = is_line or _SCHEME.search(text[start : start + _MAX_SCHEME]) is not None
    if header != "cookie" and (not is_line or _says_nothing(text, start, first)):
        return start, first
    end = ends.of_header(name, start)
    while end > start and text[end - 1].isspace():
        end -= 1
    if end - start <= _LONGEST_STATE and all(map(is_state, text[start:end].split())):
        return None
    if header == "authorization" and not any(map(str.isspace, text[first : min(end, first + _MAX_LEFT)])):
        return start, first
    return start, end


def _behind_scheme(text: str, ends: Ends, start: int, at: int) -> Span | None:
    """The word behind the scheme of a header, and the scheme; None where it was redacted."""
    if text[at : at + 1] in {'"', "'"}:
        return at + 1, ends.of_quoted(at + 1, text[at])
    end = ends.of_word(at)
    return None if _says_nothing(text, at, end) else (start, end)


def _flags(text: str) -> Iterator[Span]:
    """Values of flags: `--token abc`, `-storepass 'abc'`, `"--password", "abc"`."""
    done, ends = 0, Ends(text)
    for match in _FLAG.finditer(text):
        start, quote, closed = match.end(), match.group("quote"), match.group("closed")
        if start < done or start >= len(text) or (closed and not quote) or (not quote and text[start] in "-\"'"):
            continue
        end = ends.of_quoted(start, quote) if quote else ends.of_word(start)
        name = match.group("unsure")
        value = text[start : min(end, start + _MAX_VALUE)]
        if end > start and not _says_nothing(text, start, end) and (not name or _is_flag_value(value)):
            yield start, end
            done = end


def names_flag(text: str) -> bool:
    """Whether it is a flag whose value, the next word, is secret: `--password`."""
    return text[:1] == "-" and len(text) <= _LONGEST_STATE and _IS_FLAG.search(text) is not None


def _is_flag_value(value: str) -> bool:
    """Whether it may be the secret of a flag that also means other things; numbers and signs are none."""
    return any(map(str.isalpha, value)) and not is_state(value)


def _tags(text: str) -> Iterator[Span]:
    """What elements of XML hold that are named secret."""
    for match in _TAG.finditer(text):
        start, end = match.span(_SECRET_GROUP)
        while end > start and text[end - 1].isspace():
            end -= 1
        tag, name = match.group("tag"), match.group("unsure")
        is_closed = text.startswith(f"{tag}>", match.end())
        if (
            is_closed
            and (not name or is_likely(name, text[start:end], is_member=True))
            and not _says_nothing(text, start, end)
        ):
            yield start, end


def _says_nothing(text: str, start: int, end: int) -> bool:
    return end - start <= _LONGEST_STATE and is_state(text[start:end])
