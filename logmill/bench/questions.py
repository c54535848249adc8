"""What is asked of storage: six kinds of questions that fit what it holds, or those of a file."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from logmill.bench.plan import Question
from logmill.bench.records import PHRASES, SERVICES
from logmill.errors import ConfigError

MAX_QUESTIONS = 1000
MAX_FILE_BYTES = 1024 * 1024
_MAX_NAME_CHARS = 40
_LEVELS = ("error", "warning", "critical")
_LIMIT = 100
_WORD = re.compile(r"[A-Za-z]{3,20}")
_PHRASES = 5
# These answer without an end.
_ENDLESS = frozenset({"/logs/tail"})


def built_in(services: Sequence[str], messages: Sequence[str]) -> tuple[Question, ...]:
    """Newest, by level, by service, phrase, stats and histogram; each as often as the others.

    Args:
        services: of the store; those of the load test where it has none.
        messages: of its newest logs, for phrases that are there.
    """
    kinds = {
        "newest": [_logs()],
        "by level": [_logs(level=level) for level in _LEVELS],
        "by service": [_logs(service=service) for service in services or SERVICES],
        "phrase": [_logs(q=f'"{phrase}"') for phrase in _phrases(messages) or PHRASES],
        "stats": ["/logs/stats"],
        "histogram": ["/logs/histogram?buckets=60"],
    }
    turns = max(len(paths) for paths in kinds.values())
    # Each kind has as many entries, those with fewer questions some of them more than once.
    return tuple(
        Question(name, path)
        for name, paths in kinds.items()
        for path in itertools.islice(itertools.cycle(paths), turns)
    )


def of_file(path: Path) -> tuple[Question, ...]:
    """The questions of a file: a line each, `NAME: /path?parameters`; empty lines and those with # do not count.

    Raises:
        ConfigError: it cannot be read; names the line.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        text = data.decode()
    except OSError as error:
        raise ConfigError(f"--queries: {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"--queries: {path} is no text in UTF-8") from None
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    found = [_question(number, line) for number, line in lines if line and not line.startswith("#")]
    if len(data) > MAX_FILE_BYTES or not 0 < len(found) <= MAX_QUESTIONS:
        raise ConfigError(f"--queries: {path} must have 1 to {MAX_QUESTIONS} questions, a line each")
    return tuple(found)


def _question(number: int, line: str) -> Question:
    name, _, path = (part.strip() for part in line.partition(":"))
    where = f"--queries, line {number}"
    if not 0 < len(name) <= _MAX_NAME_CHARS or not name.isprintable():
        raise ConfigError(f"{where}: `NAME: /path?parameters`, with a name of up to {_MAX_NAME_CHARS} characters")
    if not path.startswith("/") or not path.isascii() or not path.isprintable() or " " in path:
        raise ConfigError(f"{where}: a path begins with / and is encoded as in an address (%20 for a space)")
    if urlsplit(path).path.rstrip("/") in _ENDLESS:
        raise ConfigError(f"{where}: {urlsplit(path).path} answers without an end")
    return Question(name, path)


def _logs(**parameters: str) -> str:
    return "/logs?" + urlencode({"limit": _LIMIT, **parameters})


def _phrases(messages: Sequence[str]) -> list[str]:
    """Two words that stand one after the other in some messages, no two the same."""
    found: dict[str, None] = {}
    for message in messages:
        words = message.split()
        pairs = (f"{a} {b}" for a, b in itertools.pairwise(words) if _WORD.fullmatch(a) and _WORD.fullmatch(b))
        for pair in itertools.islice(pairs, 1):
            found[pair] = None
        if len(found) >= _PHRASES:
            break
    return list(found)
