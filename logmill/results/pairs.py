"""Reads files of pairs: the file's name on the first line, then `Test: NAME …` and `Result: PASS` or `FAIL` in turn."""

from __future__ import annotations

import re

from logmill.results.model import (
    FAILURES,
    MAX_DETAILS_CHARS,
    MAX_MESSAGE_CHARS,
    FileResults,
    Findings,
    Outcome,
    Result,
    lines_of,
    quoted,
    short_name,
    shortened,
)

FORMAT = "pairs"
_HEAD_CHARS = 40
_LOOK_CHARS = 4096
_RESULTS = {
    **dict.fromkeys(("PASS", "PASSED", "OK", "SUCCESS"), Result.PASSED),
    **dict.fromkeys(("FAIL", "FAILED", "FAILURE"), Result.FAILED),
    **dict.fromkeys(("ERROR", "ERRORED"), Result.ERROR),
    **dict.fromkeys(("SKIP", "SKIPPED"), Result.SKIPPED),
}
_WORD = re.compile(r"[A-Za-z]+")
_DURATION = re.compile(r"^[(\[]?(?P<number>[0-9]{1,9}(?:\.[0-9]{1,9})?) ?(?P<unit>ms|s|sec|secs|seconds)[)\]]?$")
_UNITS_S = {"ms": 0.001}

# A word as names are written in code, which are one word: login_works, suite::case, com.acme.Case, case[a b], TC-017.
_CODE_NAME = re.compile(
    r"(?=[^\s\[]*(?:_|::)|[A-Za-z]\w*(?:\.[A-Za-z]\w*){2}|[A-Z]{1,8}-[0-9]+(?:\s|$)|[^\s\[]+\[)"
    r"(?:[^\s\[]+\[[^\]]*\]\S*|\S+)"
)
_QUOTED_NAME = re.compile(r"\"(?P<double>[^\"]+)\"|'(?P<single>[^']+)'")
# What ends a name that is words: a gap, a dash, or a value that differs from run to run.
_NAME_END = re.compile(
    r"\t|  | [-–—|#] "  # noqa: RUF001 - people write all of these
    r"| [(\[]?[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T )\]]|$)"
    r"| [(\[]?[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?:[.,][0-9]+)?[)\]]?(?: |$)"
    r"| [(\[]?[0-9]+(?:\.[0-9]+)? ?(?:ms|s|sec|secs|seconds)[)\]]?(?: |$)| [A-Za-z_][A-Za-z0-9_.]*="
)


def looks_like_pairs(text: str) -> bool:
    """Whether the beginning of a text is that of such a file: its second line with anything on it begins a pair.

    A result alone is none: many a plain log says `Result: 42` on its second line.
    """
    lines = [line for line in text[:_LOOK_CHARS].split("\n", 8) if line.strip()]
    heads = [_head_of(line)[0] for line in lines]
    return len(heads) > 1 and heads[1] in {"test", "result"} and "test" in heads


def read(text: str, findings: Findings, *, name: str = "", hint: str = "") -> FileResults:
    """What is in such a file. What breaks the order is a problem; pairs around it count.

    Lines that are neither belong to the test before them, and become its details.

    Args:
        text: the file.
        findings: where it is gathered.
        name: of the file, whatever its first line says; that may then be the first pair's.
        hint: the name where neither says one.
    """
    reader = _Reader(findings)
    found_name = ""
    for number, line in enumerate(lines_of(text, "\n"), 1):
        if not line.strip():
            continue
        if not found_name:
            head, _ = _head_of(line)
            if head not in {"test", "result"}:
                found_name = short_name(line)
                continue
            found_name = name or hint or "unnamed"
            if not name:
                findings.problem(number, "the first line must be the file's name, and begins a pair")
        reader.take(number, line)
    reader.end()
    if not found_name:
        findings.problem(1, "the file is empty")
    elif not findings.outcomes and not reader.has_pairs:
        findings.problem(1, "there is no `Test:` line in it")
    return findings.results(name or found_name or hint or "unnamed", FORMAT, is_whole=False)


class _Reader:
    """Takes lines in their order, and makes outcomes of them."""

    def __init__(self, findings: Findings) -> None:
        self.has_pairs = False
        self._findings = findings
        self._test: tuple[int, str, str] | None = None
        self._done: Outcome | None = None
        self._details: list[str] = []
        self._details_chars = 0
        self._is_lost = False

    def take(self, number: int, line: str) -> None:
        """Take a line that is not blank."""
        head, rest = _head_of(line)
        if head == "test":
            self._begin(number, rest)
        elif head == "result":
            self._finish(number, rest)
        elif self._is_lost:  # it belongs to what was told of already
            return
        elif self._test is None and self._done is None:
            self._findings.problem(number, f"{quoted(line.strip())} is neither `Test:` nor `Result:`")
        elif self._details_chars <= MAX_DETAILS_CHARS:
            self._details.append(line.rstrip())
            self._details_chars += len(line)

    def end(self) -> None:
        """The file is over."""
        self._flush()
        if self._test is not None:
            self._unfinished()

    def _begin(self, number: int, rest: str) -> None:
        self.has_pairs = True
        if self._test is not None:
            self._unfinished()
        self._flush()
        name, more = _name_of(rest)
        if not name:
            self._findings.problem(number, "`Test:` without a name")
            # Its result is not one too many, and belongs to no other test.
            name = ""
        self._test = (number, name, more)
        self._is_lost = False

    def _finish(self, number: int, rest: str) -> None:
        self.has_pairs = True
        if self._test is None:
            self._flush()
            self._is_lost = True
            self._findings.problem(number, f"`Result: {rest[:_HEAD_CHARS]}` without a `Test:` before it")
            return
        _, name, more = self._test
        self._test = None
        if not name:
            self._is_lost = True
            self._forget_details()
            return
        word = _WORD.match(rest)
        result = _RESULTS.get(word[0].upper()) if word else None
        if result is None:
            self._is_lost = True
            self._forget_details()
            self._findings.problem(
                number, f"the result of {quoted(name)} is {quoted(rest)}, none of PASS, FAIL, SKIP, ERROR"
            )
            return
        said = rest[word.end() :].strip(" \t:-–—,;") if word else ""  # noqa: RUF001
        duration = _DURATION.match(said)
        if duration is not None:
            said = ""
        self._done = Outcome(
            test=name,
            result=result,
            line=number,
            duration_s=None if duration is None else float(duration["number"]) * _UNITS_S.get(duration["unit"], 1.0),
            message=shortened(said, MAX_MESSAGE_CHARS),
            details=more,
        )

    def _flush(self) -> None:
        """What came after a result is known now: it is the test's as well."""
        if self._done is None:
            return
        outcome, self._done = self._done, None
        details = "\n".join(([outcome.details] if outcome.details else []) + self._details)
        message = outcome.message
        if not message and outcome.result in FAILURES:
            message = self._details[0].strip() if self._details else ""
        self._forget_details()
        self._findings.add(
            Outcome(
                test=outcome.test,
                result=outcome.result,
                line=outcome.line,
                duration_s=outcome.duration_s,
                message=shortened(message, MAX_MESSAGE_CHARS),
                details=shortened(details, MAX_DETAILS_CHARS),
            )
        )

    def _unfinished(self) -> None:
        if self._test is not None:
            number, name, _ = self._test
            self._test = None
            self._forget_details()
            if name:
                self._findings.problem(number, f"test {quoted(name)} has no `Result:`")

    def _forget_details(self) -> None:
        self._details, self._details_chars = [], 0


def _head_of(line: str) -> tuple[str, str]:
    """What stands before the first colon of a line, in lower case, and what behind it."""
    colon = line.find(":", 0, _HEAD_CHARS)
    if colon < 0:
        return "", ""
    return line[:colon].strip().lower(), line[colon + 1 :].strip()


def _name_of(rest: str) -> tuple[str, str]:
    """The name of a test, and what stands behind it."""
    quoted_name = _QUOTED_NAME.match(rest)
    if quoted_name is not None:
        name, end = quoted_name["double"] or quoted_name["single"], quoted_name.end()
    elif (code := _CODE_NAME.match(rest)) is not None:
        name, end = code[0], code.end()
    else:
        stop = _NAME_END.search(rest)
        end = stop.start() if stop else len(rest)
        name = rest[:end]
    return short_name(name), rest[end:].strip(" \t-–—|#")[:MAX_MESSAGE_CHARS]  # noqa: RUF001
