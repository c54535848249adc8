"""Kinds that are numbers: payment cards, bank accounts and telephones. Check digits tell them from other numbers."""

from __future__ import annotations

from collections.abc import Iterator

from stdnum import iban, luhn

from processor.redaction.kinds import Finder, Span, compiled, finder, stands_alone

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
# How people write them in groups.
_GROUPS = frozenset({(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 1), (4, 4, 4, 4, 3), (4, 4, 4)})
_RUN = compiled(r"[0-9](?:[ -]?[0-9]){11,}")
CARD_HINT = r"(?:\b|_)[0-9](?:[ -]?[0-9]){11,18}\b"
IBAN_HINT = r"\b[A-Z]{2}[0-9]{2} ?[A-Z0-9]{4} ?[A-Z0-9]{4}"
PHONE_HINT = (
    r"\+[0-9][0-9 ()./-]{6}|\b00[1-9][0-9 ()./-]{6}|\([2-9][0-9]{2}\) ?[2-9][0-9]{2}-[0-9]"
    r"|\b[2-9][0-9]{2}-[2-9][0-9]{2}-[0-9]{4}\b"
    r"|(?i:phone|tel|mobile|msisdn|fax|cell|whatsapp)[\"\\':= #.]{1,6}[+(]?[0-9]"
)


def find_cards(text: str) -> Iterator[Span]:
    """Runs of digits that an issuer's cards have, whole or in the usual groups, whose last digit is right (Luhn)."""
    for match in _RUN.finditer(text):
        start = match.start()
        groups: list[Span] = []
        at = start
        for part in match.group().replace("-", " ").split(" "):
            groups.append((at, at + len(part)))
            at += len(part) + 1
        first = 0
        while first < len(groups):
            count = next(
                (n for n in range(min(5, len(groups) - first), 0, -1) if _is_card(text, groups[first : first + n])), 0
            )
            if count:
                yield groups[first][0], groups[first + count - 1][1]
            first += count or 1


def _is_card(text: str, groups: list[Span]) -> bool:
    if len(groups) > 1 and tuple(end - start for start, end in groups) not in _GROUPS:
        return False
    digits = "".join(text[start:end] for start, end in groups)
    lengths = next((_LENGTHS[digits[:n]] for n in _PREFIX_DIGITS if digits[:n] in _LENGTHS), ())
    return len(digits) in lengths and bool(luhn.is_valid(digits)) and stands_alone(text, (groups[0][0], groups[-1][1]))


_IBAN_HEAD = compiled(r"\b[A-Z]{2}[0-9]{2}")
_IBAN_CHARS = compiled(r"^[A-Z]{2}[0-9]{2}(?:[A-Z0-9]{11,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,4})?)")
_LONGEST_IBAN, _SHORTEST_IBAN = 42, 15


def find_ibans(text: str) -> Iterator[Span]:
    """Account numbers of a known country's length whose check digits are right (ISO 7064, mod 97-10)."""
    done = 0
    for head in _IBAN_HEAD.finditer(text):
        start = head.start()
        match = _IBAN_CHARS.match(text[start : start + _LONGEST_IBAN]) if start >= done else None
        if match is None:
            continue
        # The word that follows looks like more of it.
        for end in (start + match.end(), start + match.group().rfind(" ")):
            if end - start >= _SHORTEST_IBAN and iban.is_valid(text[start:end]) and stands_alone(text, (start, end)):
                yield start, end
                done = end
                break


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
_GROUP = compiled(r"(?:^|[^0-9])[0-9]{4} 00[0-9]{2}(?: |$)")
# Six digits that begin with 00 are a time of day, 001034, before they are a telephone.
_TIME = compiled(r"00[0-9]{4}(?:[^0-9]|$)")
_AFTER_A_TIME = 10
_MIN_DIGITS, _MAX_DIGITS = 8, 17  # 15, and the (0) that many write although it is not dialled


_EXTENSION = r"(?: ?(?:x|ext\.? ?)[0-9]{1,6})?"
_INTERNATIONAL = compiled(
    r"(?:\+[1-9][0-9]{0,2}[ .-]?(?:\([0-9]{1,5}\))?"
    r"|\b00[1-9][0-9]{0,2}(?:[ ./-]|[ ]?\([0-9]{1,5}\))|\b00[1-9][0-9]{3,10})"
    r"(?:[ ./-]{0,2}[0-9]){1,24}" + _EXTENSION
)
_DIGITS_END = compiled(r"[0-9](?:[^0-9]|$)")


def _international(text: str) -> Iterator[Span]:
    """Numbers with + or 00 and a country code; what follows them after a blank may be digits too."""
    for match in _INTERNATIONAL.finditer(text):
        start, end = match.span()
        written = match.group()
        if _GROUP.search(text[max(0, start - 6) : start + 5]):
            continue  # part of a longer number that is written in groups of four
        ends = [end, *(start + last.start() + 1 for last in reversed(list(_DIGITS_END.finditer(written))))]
        for at in ends:
            digits = "".join(filter(str.isdigit, text[start:at].lower().partition("x")[0])).removeprefix("00")
            if len(digits) < (_AFTER_A_TIME if _TIME.match(written) else _MIN_DIGITS):
                break
            if len(digits) <= _MAX_DIGITS:
                known = digits[0] in _COUNTRIES or digits[:2] in _COUNTRIES or digits[:2] in _REGIONS
                if known and stands_alone(text, (start, at)):
                    yield start, at
                    break


_american = finder(
    r"(?:\b1[ -])?(?:\([2-9][0-9]{2}\) ?|\b[2-9][0-9]{2}-)[2-9][0-9]{2}-[0-9]{4}" + _EXTENSION, stands_alone
)
_named = finder(
    r"(?i)(?:phone|telephone|tel|mobile|msisdn|fax|cell|whatsapp)(?:[ _-]?(?:number|no))?"
    r"[\\\"']{0,3}[:=#.]{1,2}[ \\\"']{0,3}"
    r"(?P<secret>[+(]{0,2}[0-9](?:[ ()./-]{0,3}[0-9]){5,16}" + _EXTENSION + ")",
    stands_alone,
    group="secret",
)
find_phones: tuple[Finder, ...] = (_international, _american, _named)
