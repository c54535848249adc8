"""Numbers of persons that have a check digit, of several countries; the checks are those of python-stdnum.

Where the form and the checks leave little to chance, such a number is found anywhere. Where they do not, as with nine
digits of which one checks the others, it is found after a word that says what it is: else one number in ten would be
taken for one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from stdnum.be import nn as belgium
from stdnum.bg import egn as bulgaria
from stdnum.br import cpf as brazil
from stdnum.ca import sin as canada
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
from stdnum.il import idnr as israel
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
from stdnum.za import idnr as south_africa

from processor.redaction.kinds import Finder, Span, compiled, stands_alone

Check = Callable[[str], bool]


def _is_chinese(number: str) -> bool:
    try:
        return china.is_valid(number)
    except KeyError:
        # Date and check digit are right, and the province is; the library's list of counties is behind.
        return True


# By their form; `anywhere` where chance makes less than one of 200 such texts valid.
_FORMS: tuple[tuple[str, tuple[Check, ...], tuple[Check, ...]], ...] = (
    # form, checks that count anywhere, checks that count after a word
    (r"[0-9]{9}", (), (netherlands.is_valid, canada.is_valid, israel.is_valid)),
    (r"[0-9]{10}", (), (britain.is_valid, bulgaria.is_valid, ukraine.is_valid)),
    (
        r"[0-9]{11}",
        (norway.is_valid, belgium.is_valid, estonia.is_valid, lithuania.is_valid, greece.is_valid),
        (poland.is_valid, brazil.is_valid, turkey.is_valid, croatia.is_valid, germany.is_valid),
    ),
    (r"[0-9]{12}", (), (india.is_valid,)),
    (r"[0-9]{13}", (), (romania.is_valid, slovenia.is_valid, south_africa.is_valid)),
    (r"[12][0-9]{5}[0-9AB][0-9]{8}", (france.is_valid,), ()),
    (r"[12] [0-9]{2} [0-9]{2} [0-9][0-9AB] [0-9]{3} [0-9]{3} ?[0-9]{2}", (france.is_valid,), ()),
    (r"[0-9]{17}[0-9X]", (_is_chinese,), ()),
    (r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", (brazil.is_valid,), ()),
    (r"[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}-[0-9kK]", (chile.is_valid,), ()),
    (r"[0-9]{7,8}-[0-9kK]", (), (chile.is_valid,)),
    (r"[0-9]{2}\.[0-9]{2}\.[0-9]{2}-[0-9]{3}\.[0-9]{2}", (belgium.is_valid,), ()),
    (r"[0-9]{8}-?[A-Z]", (spain.is_valid,), ()),
    (r"[XYZ]-?[0-9]{7}-?[A-Z]", (spain_foreigners.is_valid,), ()),
    (r"[A-Z]{6}[0-9]{2}[A-Z][0-9]{2}[A-Z][0-9]{3}[A-Z]", (italy.is_valid,), ()),
    (r"[A-Z]{4}[0-9]{6}[HM][A-Z]{5}[A-Z0-9][0-9]", (mexico.is_valid,), ()),
    (r"[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-Y]", (finland.is_valid, sweden.is_valid), ()),
    (r"[0-9]{8}[-+][0-9]{4}", (sweden.is_valid,), ()),
    (r"[0-9]{6}-[0-9]{7}", (korea.is_valid,), ()),
    (r"[0-9]{6}/[0-9]{4}", (czechia.is_valid,), ()),
    (r"[0-9]{3}[ -][0-9]{3}[ -][0-9]{3}", (), (canada.is_valid,)),
    (r"[0-9]{3} [0-9]{3} [0-9]{4}", (), (britain.is_valid,)),
    (r"[0-9]{4}[ -][0-9]{4}[ -][0-9]{4}", (), (india.is_valid,)),
)
_WORDS = compiled(
    r"(?i)(?:\b|_)(?:aadhaar|amka|bsn|burgerservicenummer|cnp|cpf|egn|emso|idnr|jmbg|kimlik|tckn|tc kimlik|nhs|nif|nir|"
    r"oib|pesel|rntrc|rut|sin|sozialversicherungsnummer|steuer-?id(?:nr)?|ssn|teudat zehut|"
    r"social (?:security|insurance)|"
    r"(?:national|personal|citizen|identity|tax(?:payer)?|person)[ _-]?"
    r"(?:id|identity|identification|insurance|card|code|number|no)?)"
    r"(?:[ _-]?(?:id|number|no|nr|code|card))*\.?[\\\"']{0,3}[ :=#]{0,3}(?:is |of )?[\\\"']{0,3}$"
)
_WORDS_BEFORE = 48
_COUNTRY_CODE = compiled(r"\+[0-9]{1,3} ?$")
HINT = (
    r"(?:\b|_)[0-9]{9,13}\b|\b[12][0-9]{5}[0-9AB][0-9]{8}\b|\b[0-9]{17}[0-9X]\b"
    r"|[12](?: [0-9]{2}){2} [0-9][0-9AB] [0-9]{3} |[0-9]{1,3}\.[0-9]{3}\.[0-9]{3}-|\b[0-9]{7,8}-[0-9kK]\b"
    r"|[0-9]{2}\.[0-9]{2}\.[0-9]{2}-|\b[0-9]{8}-?[A-Z]\b"
    r"|\b[XYZ]-?[0-9]{7}|\b[A-Z]{4,6}[0-9]{2}[A-Z0-9][0-9]|\b(?:[0-9]{2})?[0-9]{6}[-+A-FU-Y/][0-9]{3}"
    r"|\b[0-9]{3,4}[ -][0-9]{3,4}[ -][0-9]{3,4}\b"
)


def _finder(form: str, anywhere: tuple[Check, ...], after_a_word: tuple[Check, ...]) -> Finder:
    found = compiled(rf"(?:\b|_){form}").finditer

    def find(text: str) -> Iterator[Span]:
        for match in found(text):
            start, end = match.span()
            start += text[start] == "_"
            number = text[start:end]
            is_part = not stands_alone(text, (start, end), joining=".+") or _COUNTRY_CODE.search(
                text[max(0, start - 6) : start]
            )
            if is_part or len(set(number)) == 1:
                continue
            if any(check(number) for check in anywhere) or (
                any(check(number) for check in after_a_word)
                and _WORDS.search(text[max(0, start - _WORDS_BEFORE) : start])
            ):
                yield start, end

    return find


find_national_ids: tuple[Finder, ...] = tuple(_finder(*form) for form in _FORMS)
