"""The shipped kinds, in the order in which they are looked for: what is more special comes first."""

from __future__ import annotations

from collections.abc import Iterator

from processor.redaction import addresses, national_ids, numbers, passwords, tokens
from processor.redaction.kinds import Finder, Kind, Span


def _any_of(finders: tuple[Finder, ...]) -> Finder:
    """What any of them finds, in order and apart."""

    def find(text: str) -> Iterator[Span]:
        done = 0
        for start, end in sorted({span for one in finders for span in one(text)}, key=lambda span: (span[0], -span[1])):
            if start >= done:
                yield start, end
                done = end

    return find


KINDS = (
    Kind("private_key", tokens.PRIVATE_KEY_HINT, tokens.find_private_keys),
    Kind("jwt", tokens.JWT_HINT, tokens.find_jwts),
    Kind("token", tokens.HINT, _any_of(tokens.find_tokens)),
    Kind("password", passwords.HINT, passwords.find_passwords),
    Kind("email", addresses.EMAIL_HINT, addresses.find_emails),
    Kind("iban", numbers.IBAN_HINT, numbers.find_ibans),
    Kind("national_id", national_ids.HINT, _any_of(national_ids.find_national_ids)),
    Kind("card", numbers.CARD_HINT, numbers.find_cards),
    Kind("phone", numbers.PHONE_HINT, _any_of(numbers.find_phones)),
    Kind("ip", addresses.IP_HINT, _any_of(addresses.find_ips)),
)
