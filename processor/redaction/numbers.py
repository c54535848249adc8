"""Kinds that are numbers: payment cards, bank accounts and telephones. Check digits tell them from other numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from string import ascii_uppercase

from stdnum import iban, numdb

from processor.redaction.kinds import Finder, Span, compiled, finder, is_machine_id, stands_alone

# First digits of the issuers (ISO/IEC 7812), and how many digits their cards have.
_LENGTHS = {
    prefix: lengths
    for prefixes, lengths in (
        (["4"], (13, 16, 19)),
        (range(51, 56), (16,)),
        (range(2221, 2721), (16,)),
        ([34, 37], (15,)),
        ([6011, 65, *range(644, 650)], (16, 17, 18, 19)),
        ([62], (16, 17, 18, 19)),
        ([*range(300, 306), 36, 38, 39], (14, 16)),
        ([35], (16, 17, 18, 19)),
        ([1800, 2131], (15,)),
        (["0604", 5018, 5020, 5038, 56, 57, 58, 6304, 6390, 6759, 6761, 6762, 6763], tuple(range(12, 20))),
    )
    for prefix in map(str, prefixes)
}
_PREFIX_DIGITS = (4, 3, 2, 1)
# How people write them in groups, the longest first.
_SEPARATOR = r"(?P<between> {1,2}|[-._])"
_GROUPED = tuple(
    (
        sum(groups),
        re.compile(
            f"[0-9]{{{groups[0]}}}{_SEPARATOR}" + "(?P=between)".join(f"[0-9]{{{n}}}" for n in groups[1:]) + "(?![0-9])"
        ),
    )
    for groups in ((4, 4, 4, 4, 3), (4, 4, 4, 4), (4, 4, 4, 1), (4, 6, 5), (4, 6, 4), (4, 4, 4))
)
# All digits of a number, or the first group of one.
_CARD_START = re.compile(r"[0-9]{12,}|(?<![0-9])[0-9]{4}(?=(?: {1,2}|[-._])[0-9]{4})")
_CENTS = re.compile(r"\.0{1,2}(?![0-9A-Za-z_.])")
_NO_SEPARATORS = str.maketrans("", "", " -._")
_DOUBLED = str.maketrans("0123456789", "0246813579")
CARD_HINT = (
    r"(?:\b|_)[0-9](?:[ -]?[0-9]){11,18}\b|[0-9]{4}(?:  |[._])[0-9]{4}(?:  |[._])[0-9]{4}"
    r"|[0-9]{4}(?:  |[._])[0-9]{6}(?:  |[._])[0-9]{4}"
)
IBAN_HINT = r"(?:\b|_)[A-Z]{2}[0-9]{2}[ -]?[A-Z0-9]{4}[ -]?[A-Z0-9]{3}|(?i:iban[^A-Za-z0-9]{0,6}[a-z]{2}[0-9]{2})"
PHONE_HINT = (
    r"\+[0-9][0-9 ()./-]{6}|\b00[1-9][0-9 ()./-]{6}|\([2-9][0-9]{2}\) ?[2-9][0-9]{2}-[0-9]"
    r"|\b[2-9][0-9]{2}-[2-9][0-9]{2}-[0-9]{4}\b"
    r"|(?i:(?:phone|tel|mobile|msisdn|fax|cell|whatsapp)[ _-]?(?:n(?:umbers?|um|o|r))?)[\[\"\\':= #.]+[+(]*[0-9]"
)


def find_cards(text: str) -> Iterator[Span]:
    """Numbers that an issuer's cards have, whole or in the usual groups, whose last digit is right (Luhn)."""
    done = 0
    for match in _CARD_START.finditer(text):
        start, end = match.span()
        if start < done or not (lengths := _lengths_of(text[start : start + _PREFIX_DIGITS[0]])):
            continue
        if end - start > _PREFIX_DIGITS[0]:
            ends = [end] if end - start in lengths else []
        else:
            shapes = (shape.match(text, start) for digits, shape in _GROUPED if digits in lengths)
            ends = [shape.end() for shape in shapes if shape]
        for at in ends:
            if _is_luhn(text[start:at]) and _is_whole_card(text, (start, at), done):
                yield start, at
                done = at
                break


@lru_cache(maxsize=10_000)
def _lengths_of(head: str) -> tuple[int, ...]:
    """How many digits a card has that begins so."""
    return next((_LENGTHS[head[:n]] for n in _PREFIX_DIGITS if head[:n] in _LENGTHS), ())


def _is_luhn(written: str) -> bool:
    digits = written.translate(_NO_SEPARATORS)
    return (sum(map(int, digits[-1::-2])) + sum(map(int, digits[-2::-2].translate(_DOUBLED)))) % 10 == 0


def _is_whole_card(text: str, span: Span, done: int) -> bool:
    """Whether it stands alone, or behind a name (`card_4111…`) or a card, or is written as an amount (`4111….00`)."""
    start, end = span
    if done and start - done == 1:
        text, start, end = text[start : end + 4], 0, end - start
    if _CENTS.match(text, end):
        first = max(0, start - 2)
        text, start, end = text[first:end], start - first, end - first
    if not stands_alone(text, (start, end), joining="." if _is_behind_a_name(text, start) else "._"):
        return False
    return not is_machine_id(text, (start, end)) or len(set("- ._").intersection(text[start:end])) == 1


def _is_behind_a_name(text: str, start: int) -> bool:
    return start > 1 and text[start - 1] == "_" and text[start - 2].isalpha()


def _ibans_of_countries() -> dict[str, tuple[int, re.Pattern[str]]]:
    """For each country how long its numbers are, and how they look, from the registry in python-stdnum."""
    found = {}
    registry = numdb.get("iban")
    letters = {"n": "[0-9]", "a": "[A-Z]", "c": "[A-Z0-9]"}
    for country in map("".join, product(ascii_uppercase, repeat=2)):
        parts = _BBAN_PART.findall(registry.info(country)[0][1].get("bban", ""))
        if parts:
            form = "".join(f"{letters[kind]}{{{count}}}" for count, kind in parts)
            found[country] = 4 + sum(int(count) for count, _kind in parts), re.compile(f"{country}[0-9]{{2}}{form}")
    return found


_BBAN_PART = re.compile(r"([1-9][0-9]*)!([nac])")
_IBANS = _ibans_of_countries()
_IBAN_HEAD = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}")
# In small letters many a hexadecimal number begins so.
_NAMED_IBAN = re.compile(r"(?:iban|IBAN|Iban)[^A-Za-z0-9]{0,6}(?P<head>[a-z]{2}[0-9]{2})")
_AS_DIGITS = str.maketrans({letter: str(number) for number, letter in enumerate(ascii_uppercase, 10)})


def find_ibans(text: str) -> Iterator[Span]:
    """Account numbers of a known country's form whose check digits are right (ISO 7064, mod 97-10)."""
    done = 0
    heads = [match.start() for match in _IBAN_HEAD.finditer(text)]
    if named := [match.start("head") for match in _NAMED_IBAN.finditer(text)]:
        heads = sorted({*heads, *named})
    for start in heads:
        end = _iban_end(text, start) if start >= done else 0
        if end:
            yield start, end
            done = end


def _iban_end(text: str, start: int) -> int:
    """Where the account number ends that begins here; 0 where none does."""
    length, form = _IBANS.get(text[start : start + 2].upper(), (0, None))
    between = text[start + 4 : start + 5]
    if form is None:
        return 0
    if between and between in " -":
        end = start + length + (length - 1) // 4
        written = text[start:end]
        if set(written[4::5]) != {between}:
            return 0
        number = written.replace(between, "").upper()
    else:
        end = start + length
        number = text[start:end].upper()
    if form.fullmatch(number) is None or int((number[4:] + number[:4]).translate(_AS_DIGITS)) % 97 != 1:
        return 0
    is_alone = stands_alone(text, (start, end), joining="." if text[start - 1 : start] == "_" else "._")
    return end if is_alone and iban.is_valid(number) else 0


# Country codes of ITU-T E.164 with one, two and three digits.
_COUNTRIES = frozenset(
    map(
        str,
        (
            1,
            7,
            20,
            27,
            *range(30, 35),
            36,
            39,
            40,
            41,
            *range(43, 50),
            *range(51, 59),
            *range(60, 67),
            81,
            82,
            84,
            86,
            *range(90, 96),
            98,
        ),
    )
)
_REGIONS = frozenset(map(str, (*range(21, 27), 29, 35, 37, 38, 42, 50, 59, *range(67, 70), 80, 85, 87, 88, 96, 97, 99)))
_CODES = _COUNTRIES | _REGIONS
_GROUP = compiled(r"(?:^|[^0-9])[0-9]{4} 00[0-9]{2}(?: |$)")
# Six digits that begin with 00 are a time of day, 001034, before they are a telephone.
_TIME = compiled(r"00[0-9]{4}(?:[^0-9]|$)")
_AFTER_A_TIME = 10
_MIN_DIGITS, _MAX_DIGITS = 8, 17  # 15, and the (0) that many write although it is not dialled


_COUNTRY_CHARS = 10
_NO_MARKS = str.maketrans("", "", "+ ()./-e")
_EXTENSION = r"(?: ?(?:x|ext\.? ?)[0-9]{1,6})?"
_INTERNATIONAL = compiled(
    r"(?:\+[1-9][0-9]{0,2}[ .-]?(?:\([0-9]{1,5}\))?"
    r"|\b00[1-9][0-9]{0,2}(?:[ ./-]|[ ]?\([0-9]{1,5}\))|\b00[1-9][0-9]{3,10})"
    r"(?:[ ./-]{0,2}[0-9]){1,24}" + _EXTENSION
)
_DIGITS_END = compiled(r"[0-9](?:[^0-9]|$)")


def _dialled(written: str) -> str:
    """The digits of a telephone's number, without those of an extension."""
    return written.lower().partition("x")[0].translate(_NO_MARKS)


def _international(text: str) -> Iterator[Span]:
    """Numbers with + or 00 and a country code; what follows them after a blank may be digits too."""
    for match in _INTERNATIONAL.finditer(text):
        start, end = match.span()
        written = match.group()
        if _GROUP.search(text[max(0, start - 6) : start + 5]):
            continue  # part of a longer number that is written in groups of four
        country = _dialled(written[:_COUNTRY_CHARS]).removeprefix("00")
        if country[:1] not in _COUNTRIES and country[:2] not in _CODES:
            continue
        ends = [end, *(start + last.start() + 1 for last in reversed(list(_DIGITS_END.finditer(written))))]
        for at in ends:
            digits = _dialled(text[start:at]).removeprefix("00")
            if len(digits) < (_AFTER_A_TIME if _TIME.match(written) else _MIN_DIGITS):
                break
            if len(digits) <= _MAX_DIGITS and _is_phone(text, (start, at)):
                yield start, at
                break


def _is_phone(text: str, span: Span) -> bool:
    return stands_alone(text, span) and (text[span[0]] == "+" or not is_machine_id(text, span))


_american = finder(
    r"(?:\b1[ -])?(?:\([2-9][0-9]{2}\) ?|\b[2-9][0-9]{2}-)[2-9][0-9]{2}-[0-9]{4}" + _EXTENSION, _is_phone
)
# "hotel" and "cancel" end like words for telephones.
_WORD = r"(?i)(?:phone|mobile|msisdn|fax|cell|whatsapp|(?:\b|_)tel|(?-i:Tel|TEL))(?:[ _-]?(?:numbers?|num|no|nr))?"
_DIGITS = r"[0-9](?:[ ()./-]{0,3}[0-9]){5,40}"
_AFTER_A_WORD = (
    compiled(rf"{_WORD}[\\\"']{{0,3}} ?[:=#.]{{1,2}}[ \[\\\"']{{0,3}}(?P<secret>[+(]{{0,2}}{_DIGITS}{_EXTENSION})"),
    # With nothing but a blank between them it may be a count of cells.
    compiled(
        r"(?i)(?:\b|_)(?:(?:tele|cell|mobile )?phone|tel|mobile|msisdn|fax|whatsapp)(?: ?(?:number|no|nr))?[ ]{1,3}"
        rf"(?P<secret>(?:[+(]{{1,2}}{_DIGITS}|0{_DIGITS}|[1-9][0-9]{{6,14}}|[1-9][0-9]{{2}}-[0-9]{{4}}){_EXTENSION})"
    ),
)
# What may follow a telephone, and is none.
_NO_PHONE = compiled(
    r"(?:^|[^0-9])(?:[0-9]{4}[-/.][0-9]{2}[-/.][0-9]{2}|[0-9]{2}[-/.][0-9]{2}[-/.][0-9]{4}|[0-9]{1,3}(?:\.[0-9]{1,3}){3})"
    r"(?:[^0-9]|$)"
)
_LEAST_DIGITS = 6


def _named(text: str) -> Iterator[Span]:
    """Numbers after a word that says that they are telephones."""
    for match in sorted(
        (match.span(1) for expression in _AFTER_A_WORD for match in expression.finditer(text)),
    ):
        start, end = match
        written = text[start:end]
        if other := _NO_PHONE.search(written):
            written = written[: other.start()]
        for at in (
            start + len(written),
            *(start + last.start() + 1 for last in reversed(list(_DIGITS_END.finditer(written)))),
        ):
            digits = len(_dialled(text[start:at]))
            if digits < _LEAST_DIGITS:
                break
            if digits <= _MAX_DIGITS and text[at - 1].isdigit() and stands_alone(text, (start, at)):
                yield start, at
                break


find_phones: tuple[Finder, ...] = (_international, _american, _named)
