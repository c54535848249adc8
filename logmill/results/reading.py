"""Reads a file of test results, whichever of the formats it has; the formats have a module each."""

from __future__ import annotations

import codecs

from logmill.results import pairs, reportlog
from logmill.results.model import FileResults, Findings, short_name

# What a message or a request may carry by default.
MAX_OUTCOMES = 49_999
_LOOK_BYTES = 4096
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read(body: bytes, *, name: str = "", hint: str = "", max_outcomes: int = MAX_OUTCOMES) -> FileResults:
    """What is in a file, of which nothing is taken for granted: what cannot be read is a problem, never an error.

    The format follows from its beginning: XML is JUnit's, JSON is pytest's report log, all else is pairs.

    Args:
        body: the file.
        name: what it is called, whatever it says itself; "" leaves it to the file.
        hint: what it is called where it does not say so itself, such as its path.
        max_outcomes: how many are kept; `left_out` counts the others.
    """
    findings = Findings(max_outcomes)
    name, hint = short_name(name), short_name(hint)
    start = body[:_LOOK_BYTES]
    if start.startswith(_UTF16):
        # Only XML says its encoding, and its parser knows this one too.
        text = body.decode("utf-16", "replace")
        if text[:_LOOK_BYTES].lstrip().startswith("<"):
            return _xml(body, findings, name, hint)
        return pairs.read(_lines(text), findings, name=name, hint=hint)
    start = start.removeprefix(codecs.BOM_UTF8).lstrip()
    if start.startswith(b"<"):
        return _xml(body, findings, name, hint)
    if start.startswith(b"{"):
        return reportlog.read(body.removeprefix(codecs.BOM_UTF8), findings, name=name, hint=hint)
    return pairs.read(_text(body, findings), findings, name=name, hint=hint)


def _xml(body: bytes, findings: Findings, name: str, hint: str) -> FileResults:
    """XML, before which people leave blank lines, though nothing may stand there."""
    # Late: commands and services that see no such file need no parser for it.
    from logmill.results import junit

    stripped = body.removeprefix(codecs.BOM_UTF8).lstrip()
    blank_lines = body.count(b"\n", 0, len(body) - len(stripped))
    return junit.read(stripped, findings, name=name, hint=hint, first_line=1 + blank_lines)


def looks_like_results(body: bytes) -> bool:
    """Whether a message without a word of what it is begins as one of these files does."""
    start = body[:_LOOK_BYTES].removeprefix(codecs.BOM_UTF8)
    if start.lstrip().startswith(b"<"):
        return b"<testsuite" in start
    if start.lstrip().startswith(b"{"):
        return reportlog.looks_like_report_log(start)
    return pairs.looks_like_pairs(_lines(start.decode("utf-8", "replace")))


def _text(body: bytes, findings: Findings) -> str:
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        return _lines(body.decode())
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        findings.problem(line, f"this is not UTF-8 (byte {error.start}); what cannot be read is shown as \ufffd")
        return _lines(body.decode("utf-8", "replace"))


def _lines(text: str) -> str:
    """The text with the line ends of Unix."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
