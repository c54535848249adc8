"""Says how it is going: a line on standard error, a file for health checks, and a summary."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TextIO

import msgspec

from generator.outputs.protocol import Counts
from logmill.errors import LogmillError
from logmill.terminal import printable

_TERMINAL_EVERY_S, _ELSE_EVERY_S = 1.0, 10.0
_FILE_EVERY_S = 1.0
# What is on its way for less than this is not behind.
_GRACE_S = 1.0
# A rate that is asked for is taken over so much time at least.
_LEAST_ASKED_S = 0.5
_TROUBLE_CHARS = 80
# The summary compares rates of runs that took so long.
_LEAST_S = 1.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How it is going.

    Attributes:
        asked: logs a second that were due since the last look; None where as many as can be made.
        kept: logs a second that were done since then.
        total: logs done in all.
        behind: logs that were due for more than a second and are not done.
        missed: logs that were given up: due too long ago and never made, or not taken when it ended.
        refused: logs that were not taken and never will be.
        retries: batches that were sent again.
        trouble: the last failure, in words.
        time: Unix time.
        state: running, ended, or failed where it ended with an exit code that is not 0.
        reason: why it failed, in words.
    """

    asked: float | None
    kept: float
    total: int
    behind: int
    missed: int
    refused: int
    retries: int
    trouble: str
    time: float
    state: str = "running"
    reason: str = ""


class Progress:
    """Looks at a run now and again; times are seconds since its start.

    Args:
        counts: what became of logs so far.
        due: how many should have been made by a time; None where as many as can be made.
        stream: where lines go.
        file: where the standing is kept for health checks; None: nowhere.
        end_s: when the last log is due.

    Attributes:
        end_s: as above.
        missed: logs that were given up.
        most_behind: the largest number of logs that were behind.
    """

    def __init__(
        self,
        counts: Callable[[], Counts],
        due: Callable[[float], int | None],
        stream: TextIO,
        file: Path | None = None,
        end_s: float = math.inf,
    ) -> None:
        self._counts = counts
        self._due = due
        self._stream = stream
        self._file = file
        self._is_terminal = stream.isatty()
        self._every_s = _TERMINAL_EVERY_S if self._is_terminal else _ELSE_EVERY_S
        self._next_line_s, self._next_file_s = self._every_s, 0.0
        self._line_at: tuple[float, int, int] = (0.0, 0, 0)
        self._shown_chars = 0
        self._retried_at_line = 0
        self.end_s = end_s
        self.missed = 0
        self.most_behind = 0

    def look(self, now_s: float) -> None:
        """Say how it is going, where it is time to.

        Raises:
            LogmillError: the file cannot be written.
        """
        if now_s < min(self._next_line_s, self._next_file_s):
            return
        standing = self._standing(now_s)
        self.most_behind = max(self.most_behind, standing.behind)
        if now_s >= self._next_file_s:
            self._next_file_s = now_s + _FILE_EVERY_S
            self._write_file(standing)
        if now_s >= self._next_line_s:
            self._next_line_s = now_s + self._every_s
            is_new = standing.retries + standing.refused > self._retried_at_line
            is_stuck = bool(standing.behind) and not standing.kept
            self._line_at = (now_s, self._due_by(now_s), standing.total)
            self._retried_at_line = standing.retries + standing.refused
            trouble = printable(standing.trouble, keep="")[:_TROUBLE_CHARS] if is_new or is_stuck else ""
            # First, where no narrow terminal cuts it off.
            self._say(f"{trouble}; {_line(standing)}" if trouble else _line(standing))

    def close(self, now_s: float, reason: str) -> None:
        """Leave in the file how it ended.

        Args:
            now_s: when.
            reason: why it failed; "" where it did not.

        Raises:
            LogmillError: the file cannot be written, and nothing else is wrong.
        """
        standing = replace(self._standing(now_s), state="failed" if reason else "ended", reason=reason)
        try:
            self._write_file(standing)
        except LogmillError:
            if not reason:
                raise

    def end(self, now_s: float, made_s: float) -> str:
        """The summary: what was done in all, how fast while logs were made, what was not.

        Args:
            now_s: when all was out.
            made_s: when the last log was due.
        """
        counts = self._counts()
        is_late = now_s - made_s >= _GRACE_S
        took_s = now_s if is_late else made_s
        if self._is_terminal and self._shown_chars:
            self._stream.write("\n")
        due = self._due(made_s)
        # Of a few logs in a moment nobody asked for thousands a second.
        asked = "" if due is None or made_s < _LEAST_S else f" of {due / made_s:,.1f}/s asked"
        rate = counts.done / took_s if took_s else 0.0
        facts = [f"{counts.done:,} logs in {took_s:,.1f} s: {rate:,.1f}/s{asked}"]
        if is_late and counts.done:
            facts.append(f"the last were out {took_s - made_s:,.1f} s late")
        if self.most_behind:
            facts.append(f"up to {self.most_behind:,} behind")
        facts += [
            f"{number:,} {words}"
            for number, words in ((self.missed, "missed"), (counts.refused, "refused"), (counts.retries, "sent again"))
            if number
        ]
        trouble = f" (last trouble: {printable(counts.trouble, keep='')})" if counts.trouble else ""
        return "; ".join(facts) + trouble

    def _standing(self, now_s: float) -> Standing:
        counts = self._counts()
        since_s, _, done_then = self._line_at
        span_s = max(now_s - since_s, 1e-9)
        due = self._due(now_s)
        due_before = self._due_by(now_s - _GRACE_S) if now_s > _GRACE_S else 0
        return Standing(
            asked=None if due is None else self._asked(now_s, due),
            kept=(counts.done - done_then) / span_s,
            total=counts.done,
            behind=max(0, due_before - self.missed - counts.done - counts.refused),
            missed=self.missed,
            refused=counts.refused,
            retries=counts.retries,
            trouble=counts.trouble,
            time=time.time(),
        )

    def _asked(self, now_s: float, due: int) -> float:
        """Logs a second that were due since the last line; of the whole run where it has just begun or is over."""
        since_s, due_then, _ = self._line_at
        until_s = min(now_s, self.end_s)
        if until_s - since_s < _LEAST_ASKED_S:
            since_s, due_then = 0.0, 0
        return (due - due_then) / max(until_s - since_s, 1e-9)

    def _due_by(self, now_s: float) -> int:
        return self._due(now_s) or 0

    def _say(self, line: str) -> None:
        if self._is_terminal:
            # Over the line before, whose end may stand out.
            self._stream.write(f"\r{line:<{self._shown_chars}}")
            self._shown_chars = len(line)
        else:
            self._stream.write(f"logmill generate: {line}\n")
        self._stream.flush()

    def _write_file(self, standing: Standing) -> None:
        if self._file is None:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._file.with_name(f"{self._file.name}.new")
            fresh.write_bytes(msgspec.json.encode(asdict(standing)))
            fresh.replace(self._file)
        except OSError as error:
            raise LogmillError(f"--status-file: {self._file} cannot be written: {error.strerror}") from None


def _line(standing: Standing) -> str:
    asked = "as fast as it goes" if standing.asked is None else f"asked {_rate(standing.asked)}"
    line = f"{asked}, kept {_rate(standing.kept)}, total {standing.total:,}, behind {standing.behind:,}"
    line += f", errors {standing.refused:,}"
    if standing.missed:
        line += f", missed {standing.missed:,}"
    if standing.retries:
        line += f", sent again {standing.retries:,}"
    return line


def _rate(rate: float) -> str:
    digits = 0 if rate >= 1000 else 1 if rate >= 10 or rate == 0 else 2  # noqa: PLR2004 - as people read numbers
    return f"{rate:,.{digits}f}/s" if math.isfinite(rate) else "?"
