"""What people see in a terminal: text of strangers made harmless, colours, and pipes that close."""

from __future__ import annotations

import os
import re
import select
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from logmill.settings import no_color

_NOT_ASCII = re.compile(r"[^\x20-\x7e]")


class OutputClosed(Exception):
    """Nobody reads standard output any more."""


def printable(text: str, keep: str = "\n\t") -> str:
    """Text of strangers without what a terminal would obey, except for the characters of `keep`."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in keep else ascii(char)[1:-1] for char in text)


def ascii_json(text: str) -> str:
    r"""JSON in ASCII and on one line: a terminal may obey some characters beyond, which JSON lets through."""

    def escaped(found: re.Match[str]) -> str:
        char = found[0]
        if char in "\r\n\t":  # only white space between values has these unescaped
            return " "
        units = char.encode("utf-16-be", "surrogatepass").hex()
        return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))

    return _NOT_ASCII.sub(escaped, text)


def columns(text: str) -> int:
    """How many columns of a terminal a printable text takes."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def wants_color() -> bool:
    """Whether standard output is a terminal and nobody asked for no colours."""
    return sys.stdout.isatty() and not no_color()


def write(text: str) -> None:
    """Write to standard output, at once.

    Raises:
        OutputClosed: nobody reads it.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise OutputClosed from None


def check_output() -> None:
    """See whether somebody still reads standard output, without writing to it.

    Raises:
        OutputClosed: nobody does.
    """
    poller = select.poll()
    poller.register(sys.stdout.fileno(), 0)  # errors are told whatever is asked for
    if any(happened & select.POLLERR for _, happened in poller.poll(0)):
        raise OutputClosed


@contextmanager
def quiet_end() -> Iterator[None]:
    """Make output that nobody reads the end of the work, and no error; what cannot be encoded is escaped."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    try:
        yield
    except OutputClosed:
        # Python flushes at its end, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
