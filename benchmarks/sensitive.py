"""Logs with sensitive values whose kind is known: values of many locales, in messages and metadata of real logs."""

from __future__ import annotations

import base64
import csv
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import phonenumbers
from faker import Faker
from stdnum import iban

LOCALES = (
    "ar_AE", "bg_BG", "cs_CZ", "da_DK", "de_AT", "de_CH", "de_DE", "el_GR", "en_AU", "en_CA", "en_GB", "en_IN", "en_US",
    "es_ES", "es_MX", "fi_FI", "fr_FR", "hi_IN", "hu_HU", "it_IT", "nl_NL", "no_NO", "pl_PL", "pt_BR", "pt_PT", "ru_RU",
    "sk_SK", "sv_SE", "tr_TR", "uk_UA",
)  # fmt: skip
# Where Faker makes national ids, what checks them, and what people write before them.
_IDS = (
    ("pt_BR", "cpf", "br.cpf", "CPF"), ("pl_PL", "ssn", "pl.pesel", "PESEL"), ("it_IT", "ssn", "it.codicefiscale", ""),
    ("es_ES", "nie", "es.nie", ""), ("fi_FI", "ssn", "fi.hetu", ""), ("sv_SE", "ssn", "se.personnummer", ""),
    ("no_NO", "ssn", "no.fodselsnummer", ""), ("nl_NL", "ssn", "nl.bsn", "BSN"), ("en_CA", "ssn", "ca.sin", "SIN"),
    ("fr_FR", "ssn", "fr.nir", ""), ("ro_RO", "ssn", "ro.cnp", "CNP"), ("hr_HR", "ssn", "hr.oib", "OIB"),
    ("et_EE", "ssn", "ee.ik", ""), ("tr_TR", "ssn", "tr.tckimlik", "TCKN"), ("zh_CN", "ssn", "cn.ric", ""),
    ("ko_KR", "ssn", "kr.rrn", ""), ("nl_BE", "ssn", "be.nn", ""), ("cs_CZ", "birth_number", "cz.rc", ""),
    ("es_CL", "person_rut", "cl.rut", ""), ("es_MX", "curp", "mx.curp", ""), ("el_GR", "ssn", "gr.amka", ""),
    ("he_IL", "ssn", "il.idnr", "national id"), ("uk_UA", "ssn", "ua.rntrc", "taxpayer id"),
)  # fmt: skip
_CARDS = (
    "amex",
    "diners",
    "discover",
    "jcb",
    "jcb15",
    "jcb16",
    "maestro",
    "mastercard",
    "visa",
    "visa13",
    "visa16",
    "visa19",
)
# Czech numbers from before 1954 have no check digit.
_UNCHECKED = re.compile(r"\d{6}/\d{3}")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_BEFORE_AND_AFTER = (
    ("", ""), ("value ", ""), ("sent to ", " at once"), ("(", ")"), ("'", "'"), ("<", ">"), ("contact=", ", done"),
    ("got ", "; retrying"),
    ("[", "]"), ('"', '"'), ("from ", ". Next"), ("", ","),
)  # fmt: skip
_MEMBERS = ("contact", "note", "value", "to", "details", "owner", "text")


@dataclass(frozen=True, slots=True)
class Labelled:
    """One log, and what is sensitive in it.

    Attributes:
        message: its text.
        metadata: its metadata.
        kind: of what is sensitive; "" where nothing is.
        value: that, as it is written there.
    """

    message: str
    metadata: dict[str, Any]
    kind: str = ""
    value: str = ""


def _is_possible(number: str) -> bool:
    """Whether its country exists and has numbers as long; Faker also writes others."""
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False


class Values:
    """Sensitive values of each kind, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._fakers = {name: Faker(name) for name in {*LOCALES, *(row[0] for row in _IDS)}}
        for number, name in enumerate(sorted(self._fakers)):
            self._fakers[name].seed_instance(seed * 1000 + number)
        self._ids = tuple(
            (locale, method, import_module(f"stdnum.{check}").is_valid, word) for locale, method, check, word in _IDS
        )
        self.kinds: dict[str, Callable[[], tuple[str, str, str]]] = {
            "email": self._email, "phone": self._phone, "card": self._card, "iban": self._iban, "national_id": self._id,
            "jwt": self._jwt, "token": self._token, "password": self._password, "private_key": self._key,
        }  # fmt: skip

    def _faker(self) -> Faker:
        return self._fakers[self._rng.choice(LOCALES)]

    def _plain(self, value: str) -> tuple[str, str, str]:
        before, after = self._rng.choice(_BEFORE_AND_AFTER)
        return before, value, after

    def _text(self, count: int, letters: str = _LETTERS) -> str:
        return "".join(self._rng.choices(letters, k=count))

    def _email(self) -> tuple[str, str, str]:
        faker = self._faker()
        address = self._rng.choice((faker.email, faker.company_email, faker.free_email, faker.ascii_safe_email))()
        if self._rng.random() < 0.2:
            address = address.replace("@", f"+{self._text(4)}@", 1)
        return self._plain(address.upper() if self._rng.random() < 0.1 else address)

    def _phone(self) -> tuple[str, str, str]:
        """In international form, as Faker writes it or bare."""
        while True:
            number = self._faker().phone_number().strip()
            if number.startswith("+") and _is_possible(number):
                return self._plain(number.replace("+", "00", 1) if self._rng.random() < 0.1 else number)

    def _card(self) -> tuple[str, str, str]:
        number = self._fakers["en_US"].credit_card_number(self._rng.choice(_CARDS))
        separator = self._rng.choice(("", "", " ", "-"))
        if separator and len(number) == 16:
            number = separator.join(number[at : at + 4] for at in range(0, 16, 4))
        elif separator and len(number) == 15:
            number = separator.join((number[:4], number[4:10], number[10:]))
        return self._plain(number)

    def _iban(self) -> tuple[str, str, str]:
        number = self._faker().iban()
        while not iban.is_valid(number):  # some locales' have a digit too few
            number = self._faker().iban()
        if self._rng.random() < 0.4:
            number = " ".join(number[at : at + 4] for at in range(0, len(number), 4))
        return self._plain(number)

    def _id(self) -> tuple[str, str, str]:
        while True:
            locale, method, is_valid, word = self._rng.choice(self._ids)
            number = getattr(self._fakers[locale], method)()
            if is_valid(number) and not _UNCHECKED.fullmatch(number):
                break
        if not word:
            return self._plain(number)
        before = self._rng.choice(
            (f"{word} ", f"{word}: ", f"{word.lower()}=", f"{word} number ", f'"{word.lower()}":"')
        )
        return before, number, '"' if before.endswith('"') else ""

    def _jwt(self) -> tuple[str, str, str]:
        def part(value: object) -> str:
            return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

        header, claims = (
            {"alg": "HS256", "typ": "JWT"},
            {"sub": self._text(8), "iat": self._rng.randrange(10**9, 2 * 10**9)},
        )
        return self._plain(f"{part(header)}.{part(claims)}.{self._text(43)}")

    def _token(self) -> tuple[str, str, str]:
        upper, hexadecimal = _LETTERS[:26] + _LETTERS[52:], "0123456789abcdef"
        forms = (
            lambda: "ghp_" + self._text(36), lambda: "github_pat_" + self._text(22) + "_" + self._text(59),
            lambda: "glpat-" + self._text(20), lambda: "AKIA" + self._text(16, upper),
            lambda: "xoxb-" + self._text(12, "0123456789") + "-" + self._text(24),
            lambda: "sk_live_" + self._text(24), lambda: "AIza" + self._text(35), lambda: "npm_" + self._text(36),
            lambda: "SG." + self._text(22) + "." + self._text(43), lambda: "hf_" + self._text(34),
            lambda: "dop_v1_" + self._text(64, hexadecimal), lambda: "sk-proj-" + self._text(48),
            lambda: "pypi-" + self._text(80), lambda: "shpat_" + self._text(32, hexadecimal),
        )  # fmt: skip
        if self._rng.random() < 0.25:
            return self._rng.choice(("Bearer ", "Authorization: Bearer ", "bearer ")), "7" + self._text(31), ""
        return self._plain(self._rng.choice(forms)())

    def _password(self) -> tuple[str, str, str]:
        secret = self._faker().password(length=self._rng.randrange(8, 20), special_chars=self._rng.random() < 0.5)
        forms = (
            ("password=", " user=bob"), ("pwd=", ""), ("passwd: ", ""), ('"password":"', '","user":"bob"'),
            ("--password ", " --verbose"),
            ("db_password='", "'"), ("client_secret=", ", scope=all"), ("X-Api-Key: ", ""), ("(secret=", ")"),
            ('{"api_key": "', '"}'),
        )  # fmt: skip
        if self._rng.random() < 0.15:
            return "https://bob:", self._text(12), "@db.example.com:5432/main"
        before, after = self._rng.choice(forms)
        return before, secret, after

    def _key(self) -> tuple[str, str, str]:
        name = self._rng.choice(("RSA ", "EC ", "", "OPENSSH ", "ENCRYPTED "))
        lines = [self._text(64) for _ in range(self._rng.randrange(3, 12))]
        return (
            "key\n",
            "\n".join((f"-----BEGIN {name}PRIVATE KEY-----", *lines, f"-----END {name}PRIVATE KEY-----")),
            "\nend",
        )


def real_messages(folder: Path) -> list[str]:
    """The lines of the Loghub samples in a folder, whole and without what stands before the message."""
    messages = []
    for path in sorted(folder.glob("*_2k.log")):
        messages += [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
    for path in sorted(folder.glob("*_structured.csv")):
        with path.open(newline="") as file:
            messages += [row["Content"] for row in csv.DictReader(file)]
    return messages


def corpus(messages: list[str], seed: int, count: int) -> Iterator[Labelled]:
    """Logs of real messages: one third as they are, the others with a sensitive value in message or metadata.

    Args:
        messages: the real ones.
        seed: for everything that is random.
        count: how many logs.
    """
    rng = random.Random(seed)
    values = Values(seed)
    kinds = tuple(values.kinds)
    for number in range(count):
        message = rng.choice(messages)
        if number % 3 == 0:
            yield Labelled(message, {"request": f"{rng.getrandbits(64):016x}", "bytes": rng.randrange(10**12)})
            continue
        kind = kinds[rng.randrange(len(kinds))]
        before, value, after = values.kinds[kind]()
        if number % 3 == 1:
            words = message.split(" ")
            at = rng.randrange(len(words) + 1)
            text = " ".join((*words[:at], f"{before}{value}{after}", *words[at:]))
            yield Labelled(text, {"took_ms": rng.randrange(1000)}, kind, value)
        else:
            yield Labelled(message, _nested(rng, f"{before}{value}{after}"), kind, value)


def _nested(rng: random.Random, text: str) -> dict[str, Any]:
    name = rng.choice(_MEMBERS)
    shape = rng.randrange(4)
    if shape == 0:
        return {name: text, "n": rng.randrange(1000)}
    if shape == 1:
        return {"request": {"id": rng.randrange(10**6), name: [1, {"x": text}]}}
    if shape == 2:
        return {text: rng.randrange(1000)}
    return {"items": [text, "other"], name: None}
