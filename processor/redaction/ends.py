"""Where a value ends that begins somewhere in a text: a word, a quoted text, a line, a list or object."""

from __future__ import annotations

import re

from processor.redaction.kinds import Span
from processor.redaction.names import is_state

# Each is a class of letters, or cannot go back: Python's own expressions begin anywhere without copying.
_BLANK = re.compile(r"[\s\"']")
_LINE_END = re.compile(r"[\r\n]")
# What ends a value in a list or a query, where another member follows.
_NEXT_MEMBER = re.compile(r"[,&;|] ?[A-Za-z_][A-Za-z0-9_.-]*[:=]")
_PIECE = re.compile(r"[\[{(]|[\]})]|\\*[\"']|[\s,;]+|[^\s,;\[\]{}()\"'\\]+|\\+")
_COLON = re.compile(r"\s*(?::|=>)")
_ENDS = ".,;:"
_CLOSING = {")": "(", "]": "[", "}": "{", ">": "<"}
_OPENING = "[{("
_NO_STRING = frozenset(["true", "false", "null", "none", "nil", ":", "=", "=>", "NaN"])
_LOOK_BACK, _MOST_ENDS = 500, 16
_MAX_LIST = 16 * 1024


class Ends:
    """Finds ends in one text; what was looked through is not looked through again, so all of it is linear in time.

    Args:
        text: any; ends are asked for from its begin to its end.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._word_from = self._word_to = self._member = self._line_from = self._line_to = -1

    def of_word(self, start: int) -> int:
        """Where the word ends that begins here: at a blank, a quote, or before the next member."""
        text = self._text
        if not self._word_from <= start < self._word_to:
            blank = _BLANK.search(text, start)
            self._word_from, self._word_to, self._member = start, blank.start() if blank else len(text), -1
        if self._member < start:
            following = _NEXT_MEMBER.search(text, start, self._word_to)
            self._member = following.start() if following else self._word_to
        stop, least = self._member, self._member - _MOST_ENDS
        while stop > max(start, least) and (text[stop - 1] in _ENDS or self._closes_what_is_before(start, stop - 1)):
            stop -= 1
        return stop

    def of_line(self, start: int) -> int:
        """Where the line ends that this is in."""
        if not self._line_from <= start <= self._line_to:
            found = _LINE_END.search(self._text, start)
            self._line_from, self._line_to = start, found.start() if found else len(self._text)
        return self._line_to

    def of_quoted(self, start: int, quote: str) -> int:
        """Where the text ends that began with this quote: at the next one that is written the same way."""
        text, at = self._text, start
        while (found := text.find(quote, at)) >= 0:
            slashes = 0
            while found - slashes > start and text[found - slashes - 1] == "\\":
                slashes += 1
            if slashes % 2 == 0:
                return found
            at = found + 1
        return len(text)

    def of_header(self, name: int, start: int) -> int:
        """Where the value of a header ends: with its line, or with the quoted text that name and value are in.

        Args:
            name: where the name begins, or a part of it.
            start: where the value begins.
        """
        text, least = self._text, max(0, name - _LOOK_BACK)
        while name > least and (text[name - 1].isalnum() or text[name - 1] in "-_"):
            name -= 1
        quote = text[name - 1 : name] if name else ""
        if quote and quote in "\"'":
            at = name - 1
            while at > least and text[at - 1] == "\\":
                at -= 1
            quote = text[at:name]
        else:
            line = max(least, text.rfind("\n", least, name) + 1)
            quote = '"' if (text.count('"', line, name) - text.count('\\"', line, name)) % 2 else ""
        end = self.of_line(start)
        return min(end, self.of_quoted(start, quote)) if quote else end

    def in_brackets(self, start: int) -> tuple[list[Span], int]:
        """What stands in the list or object that begins here: its texts and words but names, and where it ends.

        One that is not closed ends with its line. A bracket that is part of a word begins none: then there is nothing
        in it and it ends where it begins.
        """
        text = self._text
        limit = min(len(text), start + _MAX_LIST)
        if text[start] == "(" and text[start + 1 : start + 2] not in {'"', "'"}:
            limit = min(limit, self.of_word(start) + 1)
        spans, end = self._pieces(start, limit)
        if end > start:
            following = text[end : end + 1]
            return (
                (spans, end) if not following or not (following.isalnum() or following in "_#$%^&*!@+") else ([], start)
            )
        if text[start] == "(":
            return [], start
        end = min(self.of_line(start), start + _MAX_LIST)
        return self._pieces(start, end)[0], end

    def _pieces(self, start: int, limit: int) -> tuple[list[Span], int]:
        """The texts and words up to the bracket that closes the one here, and the end; `start` where none does."""
        text, at, depth = self._text, start, 0
        spans: list[Span] = []
        while at < limit and (piece := _PIECE.match(text, at, limit)) is not None:
            begin, at = piece.span()
            first, last = text[begin], text[at - 1]
            if first in _OPENING:
                depth += 1
            elif first in "]})":
                depth -= 1
                if not depth and _CLOSING[first] == text[start]:
                    return spans, at
                depth = max(depth, 1)
            elif last in "\"'":
                end = self.of_quoted(at, piece.group())
                if end >= limit:
                    continue
                if not _COLON.match(text, end + at - begin) and end > at and not is_state(text[at:end]):
                    spans.append((at, end))
                at = end + len(piece.group())
            elif not (first.isspace() or first in ",;\\" or last == ":" or _is_no_string(text[begin:at])):
                spans.append((begin, at))
        return spans, start

    def _closes_what_is_before(self, start: int, at: int) -> bool:
        """Whether the bracket here belongs to one that was opened before the word; in long words none is sought."""
        opening = _CLOSING.get(self._text[at])
        if opening is None or at - start > _LOOK_BACK or self._text.find(opening, start, at) >= 0:
            return False
        before = self._text[max(0, start - _LOOK_BACK) : start]
        return before.count(opening) > before.count(self._text[at])


def _is_no_string(word: str) -> bool:
    return word in _NO_STRING or is_state(word)
