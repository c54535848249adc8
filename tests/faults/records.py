"""What the laboratory sends: records whose every part is random, and that say which one they are."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_PIECES = (
    "Ünïcödé", "日本語のログ", "\U0001f525\U0001f9ea", "العربية", '"double"', "'single'", "back\\slash", "a\nnew line",
    "\r\n", "\ttab", "\x00", "\x1b[31mred", "{x:String}", "%s %d", "<b>&amp;", "\\N", "\u2028", "'; DROP TABLE logs --",
)  # fmt: skip
_WORDS = ("timeout", "user", "payment", "cache", "retry", "query", "10.0.0.7", "GET /api", "42", "order-7", "disk")


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it is sent; `number` is part of its message, and with `service` says which one it is."""

    service: str
    number: int
    level: str
    message: str
    metadata: dict[str, Any]

    def body(self) -> dict[str, Any]:
        """What is sent of it."""
        return {"level": self.level, "service": self.service, "message": self.message, "metadata": self.metadata}


class RecordMaker:
    """Makes records; the same seed makes the same ones."""

    def __init__(self, seed: str) -> None:
        self._rng = random.Random(seed)

    def make(self, service: str, number: int) -> Record:
        """The next record."""
        rng = self._rng
        return Record(service, number, rng.choice(LEVELS), f"#{number} {self._text()}", self._metadata(number))

    def make_line(self, service: str, number: int, level: str) -> Record:
        """The next record of a text body, where all have the same level and nothing but a line each."""
        line = " ".join(self._text().split())
        return Record(service, number, level, f"#{number} {line}", {})

    def _text(self) -> str:
        rng = self._rng
        parts = rng.choices(_WORDS, k=rng.randrange(1, 8)) + rng.choices(_PIECES, k=rng.randrange(4))
        rng.shuffle(parts)
        parts.append(f"{rng.getrandbits(64):016x}")
        if rng.random() < 0.01:
            parts.append("x" * rng.randrange(20_000))
        return " ".join(parts)

    def _metadata(self, number: int) -> dict[str, Any]:
        rng = self._rng
        metadata: dict[str, Any] = {"n": number, "payload": rng.choice(_PIECES) + f"{rng.getrandbits(48):x}"}
        if rng.random() < 0.5:
            metadata["request"] = {
                "ids": [rng.randrange(1000) for _ in range(rng.randrange(4))],
                "share": rng.randrange(1000) / 8,
                "deep": {"none": None, "yes": True, rng.choice(_PIECES): [[], {}, rng.choice(_PIECES)]},
            }
        if rng.random() < 0.3:
            metadata |= {"status_code": rng.choice((200, 404, 503)), "user_id": f"user-{rng.randrange(100)}"}
        return metadata


def number_of(message: str) -> int | None:
    """The number that a message of ours begins with; None where it is none of ours."""
    head = message.partition(" ")[0]
    digits = head.removeprefix("#")
    return int(digits) if head.startswith("#") and digits.isascii() and digits.isdigit() else None


def as_json(records: list[Record]) -> bytes:
    """A JSON array of them."""
    return json.dumps([record.body() for record in records], ensure_ascii=False).encode()


def as_lines(records: list[Record]) -> bytes:
    """The message of each on a line of its own."""
    return "".join(f"{record.message}\n" for record in records).encode()


def as_ndjson(records: list[Record]) -> bytes:
    """A line each."""
    return b"".join(json.dumps(record.body()).encode() + b"\n" for record in records)
