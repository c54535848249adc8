"""Masked messages as tokens: what is variable by its form, whatever the program that wrote it, becomes one `<*>`.

The mask of fingerprints knows numbers only. Here whole values go: paths, addresses, dates, amounts with their units.
Each rule is about how values are written in general; none is about one program's logs. All is linear in the length of
the text, which is cut before: `re` is used only where no position is looked at more than a few times.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from logmill.masking import MASK

# Of a masked message, so much is read; what follows is one variable.
MAX_CHARS = 2000
MAX_TOKENS = 128


class Token(NamedTuple):
    """A word, a sign, or something variable.

    Attributes:
        gap: the white space before it: " " or "".
        word: its characters, `VALUE` for what is variable.
    """

    gap: str
    word: str


# Stands for the variable; one character, so that expressions can name it in a class.
VALUE = "\0"
SIGNS = frozenset("=,;:()[]{}\"'|")

_WORDS = re.compile(r"""[^\s=,;:()\[\]{}"'|]+|[=,;:()\[\]{}"'|]""")
_URL = re.compile(r"""\b[A-Za-z][A-Za-z0-9+]{0,15}://[^\s"'<>]*[^\s"'<>)\]},;.:]""")
_PATH_WITH_QUERY = re.compile(r"""(?<![^\s"'=(\[])/[^\s"'?&=(\[]*[?&][^\s"']*""")
# MAC and IPv6 addresses: their groups that are letters only are not in the mask.
_GROUPS = re.compile(r"(?<![\w\0:])[0-9a-fA-F\0]{1,6}(?::[0-9a-fA-F\0]{0,6}){2,}(?![\w\0:])")
_QUOTED_VALUE = re.compile(r'= ?"[^"]*"')
_NO_VALUE = re.compile(r"(?<=\w)=(?= \w+=|$| ?,)")

_LONG_HEX = re.compile(r"[0-9a-fA-F]{8,}")
_MAIL = re.compile(r"\w@\w")
_FOLDERS = re.compile(r"[\w.-]+(?:/[\w.-]+){2}")
_FILE = re.compile(r"/[^./]*\.\w")
_HOST = re.compile(r"\0|[\w-]+(?:\.[\w-]+)+")
_NAME = re.compile(r"[\w.@$\\-]+")

_DAYS = frozenset((
    "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday",
    "Saturday", "Sunday",
))  # fmt: skip
_MONTHS = frozenset((
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "January", "February",
    "March", "April", "June", "July", "August", "September", "October", "November", "December",
))  # fmt: skip
_UNITS = frozenset((
    "B", "kB", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB", "byte", "bytes", "ns", "us", "µs", "ms", "s",
    "sec", "secs", "AM", "PM", "UTC", "GMT", "CET", "CEST", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT",
))  # fmt: skip
# "for user root": after these two words stands a name, and not what the user did.
_BEFORE_USER = frozenset(("for", "of", "from", "by", "as"))
_USER = frozenset(("user", "username"))


def tokens(text: str) -> tuple[Token, ...]:
    """A masked message as tokens, at most MAX_TOKENS and one, which stands for the rest; never raises.

    White space of any kind and length between two tokens is one gap. Variables that follow one another are one.
    """
    if len(text) > MAX_CHARS:
        text = _cut(text)
    text = " ".join(text.replace(MASK, VALUE).split())
    text = _PATH_WITH_QUERY.sub(VALUE, _URL.sub(VALUE, text))
    text = _NO_VALUE.sub("=" + VALUE, _QUOTED_VALUE.sub("=" + VALUE, _GROUPS.sub(_address, text)))
    found: list[Token] = []
    for chunk in text.split(" "):
        gap = " " if found else ""
        for word in _WORDS.findall(chunk):
            _add(found, Token(gap, VALUE if _is_variable(word) else word))
            gap = ""
            if len(found) > MAX_TOKENS:
                del found[MAX_TOKENS:]
                _add(found, Token("", VALUE))
                return tuple(found)
    return tuple(found)


def template(tokens: Iterable[Token]) -> str:
    """Tokens as text, as in `session closed for user <*>`; gaps are single spaces.

    The literal parts stand in each of the messages, in this order. A `<*>` stands for any text; where a value is empty
    (`user= host=a`), for none.
    """
    return "".join(gap + (MASK if word == VALUE else word) for gap, word in tokens)


def _cut(text: str) -> str:
    # Not within a mask, whose half would be a word.
    return re.sub(r"<?\*?\Z", "", text[:MAX_CHARS]) + MASK


def _address(match: re.Match[str]) -> str:
    return VALUE if VALUE in match[0] else match[0]


def _is_variable(word: str) -> bool:
    """Whether a word is a value by its form: has a masked part, or is a path, an address, long hex."""
    if VALUE in word:
        return True
    if "/" in word and (
        (word[0] == "/" and len(word) > 1) or _FOLDERS.match(word) is not None or _FILE.search(word) is not None
    ):
        return True
    return bool(_MAIL.search(word) or _LONG_HEX.fullmatch(word))


def _add(found: list[Token], token: Token) -> None:
    """Add a token; a value takes in what belongs to it of those before it, and units and a remark after it."""
    if token.word == VALUE:
        found.append(Token(_take_in(found, token.gap), VALUE))
    elif token.word in _UNITS and found and found[-1].word == VALUE:
        pass
    elif token.word == ")" and (remark := _remark(found)):
        del found[-remark:]
    elif token.gap and _is_name(found, token.word):
        _add(found, Token(token.gap, VALUE))
    else:
        found.append(token)


def _take_in(found: list[Token], gap: str) -> str:
    """Take from the end what is one value with the one that follows; the white space before the whole."""
    while found:
        last = found[-1]
        if last.word == VALUE:  # values in a row
            gap = found.pop().gap
        elif last.word in _MONTHS and gap:  # Mon Jan 5, Mon, 5 Jan 2026
            gap = found.pop().gap
            if found and found[-1].word in _DAYS:
                gap = found.pop().gap
        elif last.word == "," and len(found) > 1 and found[-2].word in _DAYS:
            gap = found[-2].gap
            del found[-2:]
        elif last.word == ":" and not gap and not last.gap and len(found) > 1 and _HOST.fullmatch(found[-2].word):
            # host:port, file:line
            gap = found[-2].gap
            del found[-2:]
        else:
            break
    return gap


def _remark(found: list[Token]) -> int:
    """How many tokens, before a `)`, only say a value again or more of it: `5 kB (5120)`, `192.0.2.1 (a.example:80)`.

    Where the remark is empty, as of an address without a name, `192.0.2.1 ()`, it is one all the same.
    """
    for words in ((VALUE, "(", VALUE), (VALUE, "(")):
        if _ends(found, *words):
            return len(words) - 1
    return 0


def _ends(found: list[Token], *words: str) -> bool:
    return len(found) >= len(words) and all(
        token.word == word for token, word in zip(found[-len(words) :], words, strict=True)
    )


def _is_name(found: list[Token], word: str) -> bool:
    return (
        len(found) > 1
        and found[-1].word.lower() in _USER
        and found[-2].word.lower() in _BEFORE_USER
        and _NAME.fullmatch(word) is not None
    )
