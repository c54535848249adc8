"""Numbers of persons that have a check digit, of several countries; the checks are those of python-stdnum.

Where the form and the checks leave little to chance, such a number is found anywhere. Where they do not, as with nine
digits of which one checks the others, it is found after a word that says what it is: else one number in ten would be
taken for one. After such a word it may also be written in groups.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from stdnum import luhn
from stdnum.be import nn as belgium
from stdnum.bg import egn as bulgaria
from stdnum.br import cpf as brazil
from stdnum.cl import rut as chile
from stdnum.cn import ric as china
from stdnum.cz import rc as czechia
from stdnum.de import idnr as germany
from stdnum.ee import ik as estonia
from stdnum.es import dni as spain
from stdnum.es import nie as spain_foreigners
from stdnum.fi import hetu as finland
from stdnum.fr import nir as france
from stdnum.gb import nhs as britain
from stdnum.gr import amka as greece
from stdnum.hr import oib as croatia
from stdnum.in_ import aadhaar as india
from stdnum.it import codicefiscale as italy
from stdnum.kr import rrn as korea
from stdnum.lt import asmens as lithuania
from stdnum.mx import curp as mexico
from stdnum.nl import bsn as netherlands
from stdnum.no import fodselsnummer as norway
from stdnum.pl import pesel as poland
from stdnum.ro import cnp as romania
from stdnum.se import personnummer as sweden
from stdnum.si import emso as slovenia
from stdnum.tr import tckimlik as turkey
from stdnum.ua import rntrc as ukraine
from stdnum.us import ssn as united_states
from stdnum.za import idnr as south_africa

from processor.redaction.kinds import Finder, Span, compiled, is_machine_id, stands_alone

Check = Callable[[str], bool]


def _is_chinese(number: str) -> bool:
    try:
        return china.is_valid(number)
    except KeyError:
        # Date and check digit are right, and the province is; the library's list of counties is behind.
        return True


# Two digits of a year: a higher one is of the last century. Who was born in the next decades is in no log.
_THIS_CENTURY = 39
_MONTHS = 12


def _is_estonian(number: str) -> bool:
    """Also Lithuanian, whose numbers are made in the same way."""
    if number[0] not in "3456" or (number[0] in "56" and int(number[1:3]) > _THIS_CENTURY):
        return False
    return int(number[3:5]) <= _MONTHS and estonia.is_valid(number)


def _is_belgian(number: str) -> bool:
    """Also who has no number of the register yet has one, which is found after a word: its month is another."""
    check = 97 - int(number[9:])
    return (
        1 <= int(number[2:4]) <= _MONTHS
        and check in {int(number[:9]) % 97, int(f"2{number[:9]}") % 97}
        and belgium.is_valid(number)
    )


def _is_norwegian(number: str) -> bool:
    """Of persons: those of the health service and of tests have other months."""
    return 1 <= int(number[2:4]) <= _MONTHS and norway.is_valid(number)


def _is_greek(number: str) -> bool:
    return 1 <= int(number[2:4]) <= _MONTHS and greece.is_valid(number)


def _is_czech(number: str) -> bool:
    """Whether it is valid, and of somebody who was born: months have 20 added since 2004 only."""
    year, month = int(number[:2]), int(number[2:4]) % 50
    is_added = month > _MONTHS
    is_born = 4 <= year <= _THIS_CENTURY if is_added else year <= _THIS_CENTURY or year > 53  # noqa: PLR2004
    return is_born and czechia.is_valid(number)


# By their form; `anywhere` where chance makes less than one of 200 such texts valid.
_NINE: tuple[Check, ...] = (netherlands.is_valid, luhn.is_valid)  # Canada and Israel have Luhn's
_TEN: tuple[Check, ...] = (britain.is_valid, bulgaria.is_valid, ukraine.is_valid)
_ELEVEN: tuple[Check, ...] = (
    lithuania.is_valid, poland.is_valid, brazil.is_valid, turkey.is_valid, croatia.is_valid, germany.is_valid,
)  # fmt: skip
_ELEVEN_ANYWHERE: tuple[Check, ...] = (_is_norwegian, _is_belgian, _is_estonian, _is_greek)
_TWELVE: tuple[Check, ...] = (india.is_valid,)
_THIRTEEN: tuple[Check, ...] = (romania.is_valid, slovenia.is_valid, south_africa.is_valid)
_FORMS: tuple[tuple[str, tuple[Check, ...], tuple[Check, ...]], ...] = (
    # form, checks that count anywhere, checks that count after a word
    (r"[0-9]{9}", (), _NINE),
    (r"[0-9]{10}", (), _TEN),
    (r"[0-9]{11}", _ELEVEN_ANYWHERE, (*_ELEVEN, norway.is_valid, belgium.is_valid)),
    (r"[0-9]{12}", (), _TWELVE),
    (r"[0-9]{13}", (), _THIRTEEN),
    (r"[12][0-9]{5}[0-9AB][0-9]{8}", (france.is_valid,), ()),
    (r"[12] [0-9]{2} [0-9]{2} [0-9][0-9AB] [0-9]{3} [0-9]{3} ?[0-9]{2}", (france.is_valid,), ()),
    (r"[0-9]{17}[0-9X]", (_is_chinese,), ()),
    (r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", (brazil.is_valid,), ()),
    (r"[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}-[0-9kK]", (chile.is_valid,), ()),
    (r"[0-9]{7,8}-[0-9kK]", (), (chile.is_valid,)),
    (r"[0-9]{2}\.[0-9]{2}\.[0-9]{2}-[0-9]{3}\.[0-9]{2}", (belgium.is_valid,), ()),
    (r"[0-9]{8}-?[A-Z]", (), (spain.is_valid,)),
    (r"[XYZ]-?[0-9]{7}-?[A-Z]", (spain_foreigners.is_valid,), ()),
    (r"[A-Z]{6}[0-9]{2}[A-Z][0-9]{2}[A-Z][0-9]{3}[A-Z]", (italy.is_valid,), ()),
    (r"[A-Z]{4}[0-9]{6}[HM][A-Z]{5}[A-Z0-9][0-9]", (mexico.is_valid,), ()),
    (r"[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-Y]", (finland.is_valid, sweden.is_valid), ()),
    (r"[0-9]{8}[-+][0-9]{4}", (sweden.is_valid,), ()),
    (r"[0-9]{6}-[0-9]{7}", (korea.is_valid,), ()),
    (r"[0-9]{6}/[0-9]{4}", (_is_czech,), (czechia.is_valid,)),
    # Whatever its digits, hardly anything else is written so.
    (r"[0-9]{3}-[0-9]{2}-[0-9]{4}", (united_states.is_valid,), ()),
)
_BY_DIGITS = {9: _NINE, 10: _TEN, 11: (*_ELEVEN, *_ELEVEN_ANYWHERE, belgium.is_valid), 12: _TWELVE, 13: _THIRTEEN}
_SSN = r"ssn|social[ _-]?security"
_SURE_WORDS = (
    r"aadhaar|amka|bsn|burgerservicenummer|cnp|cpf|dni|egn|emso|idnr|jmbg|kimlik|tckn|tc kimlik|nhs|nie|nif|nir|"
    r"oib|pesel|rntrc|rut|sin|sozialversicherungsnummer|steuer-?id(?:nr)?|teudat zehut|social insurance|" + _SSN
)
_SOME_WORDS = r"(?:national|personal|citizen|identity|tax(?:payer)?|person)[ _-]?"
_ID_WORDS = r"(?:id|identity|identification|insurance|card|code|number|no)"
_UNTIL_THE_NUMBER = r"(?:[ _-]?(?:id|number|no|nr|code|card))*\.?[\\\"']{0,3}[ :=#]{0,3}(?:is |of )?[\\\"']{0,3}"
_WORDS = compiled(rf"(?i)(?:\b|_)(?:{_SURE_WORDS}|{_SOME_WORDS}{_ID_WORDS}?){_UNTIL_THE_NUMBER}$")
_WORDS_BEFORE = 48
_AFTER_A_WORD = rf"(?i:(?:\b|_)(?:{_SURE_WORDS}|{_SOME_WORDS}{_ID_WORDS}){_UNTIL_THE_NUMBER})"
_GROUPED = compiled(_AFTER_A_WORD + r"([0-9]{1,6}(?:[ ./-][0-9]{1,6}){1,5})")
_AMERICAN = compiled(rf"(?i:(?:\b|_)(?:{_SSN}){_UNTIL_THE_NUMBER})([0-9]{{3}}[ -]?[0-9]{{2}}[ -]?[0-9]{{4}})")
_GROUP_END = re.compile(r"[0-9](?![0-9])")
# The day and the time of a run or a file's name, 20260114-1852 or 260114-1852, and a zone behind a day.
_TIME = re.compile(
    r"(?:(?:19|20)[0-9]{2}|[0-3][0-9])(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[-+/](?:[01][0-9]|2[0-3])[0-5][0-9]"
)
_COUNTRY_CODE = compiled(r"\+[0-9]{1,3} ?$")
HINT = (
    r"(?:\b|_)(?:[0-9]{9,13}\b|[12][0-9]{5}[0-9AB][0-9]{8}\b|[0-9]{17}[0-9X]\b|[0-9]{7,8}-[0-9kK]\b|[0-9]{8}-?[A-Z]\b"
    r"|[XYZ]-?[0-9]{7}|[A-Z]{4,6}[0-9]{2}[A-Z0-9][0-9]|(?:[0-9]{2})?[0-9]{6}[-+A-FU-Y/][0-9]{3})"
    r"|[12](?: [0-9]{2}){2} [0-9][0-9AB] [0-9]{3} |[0-9]{1,3}\.[0-9]{3}\.[0-9]{3}-|[0-9]{2}\.[0-9]{2}\.[0-9]{2}-"
    r"|[0-9]{3}-[0-9]{2}-[0-9]{4}|" + _AFTER_A_WORD + r"[0-9]{1,6}[ ./-][0-9]"
)


def _finder(form: str, anywhere: tuple[Check, ...], after_a_word: tuple[Check, ...]) -> Finder:
    found = re.compile(rf"(?<![A-Za-z0-9]){form}(?![A-Za-z0-9_])").finditer

    def find(text: str) -> Iterator[Span]:
        for match in found(text):
            span, number = match.span(), match.group()
            is_known = any(check(number) for check in anywhere) and not _TIME.fullmatch(number)
            if not is_known and not (
                _is_named(text, span[0]) and any(map(_passes(number), (*anywhere, *after_a_word)))
            ):
                continue
            if _is_whole(text, span) and not (is_known and is_machine_id(text, span)):
                yield span

    return find


def _passes(number: str) -> Callable[[Check], bool]:
    return lambda check: check(number)


def _is_named(text: str, start: int) -> bool:
    return _WORDS.search(text[max(0, start - _WORDS_BEFORE) : start]) is not None


def _is_whole(text: str, span: Span) -> bool:
    """Whether it is no part of a longer number, of a telephone's or of a path, and more than one digit repeated."""
    start, end = span
    joining = ".+/" if "/" in text[start:end] else ".+"
    if not stands_alone(text, span, joining) or _COUNTRY_CODE.search(text[max(0, start - 6) : start]):
        return False
    return len(set(filter(str.isdigit, text[start:end]))) > 1


def _grouped(text: str) -> Iterator[Span]:
    """Numbers after a word that says what they are, in whatever groups; the longest that is right."""
    for match in _GROUPED.finditer(text):
        start = match.start(1)
        for last in reversed(list(_GROUP_END.finditer(match.group(1)))):
            span = start, start + last.end()
            digits = "".join(filter(str.isdigit, text[start : span[1]]))
            if any(check(digits) for check in _BY_DIGITS.get(len(digits), ())) and _is_whole(text, span):
                yield span
                break


def _american(text: str) -> Iterator[Span]:
    """Social security numbers, which have no check digit, after a word."""
    for match in _AMERICAN.finditer(text):
        span = match.span(1)
        if united_states.is_valid(re.sub("[ -]", "", match.group(1))) and _is_whole(text, span):
            yield span


find_national_ids: tuple[Finder, ...] = (*(_finder(*form) for form in _FORMS), _grouped, _american)
