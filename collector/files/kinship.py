"""Whether a file that turned up is a copy of one that is known, or holds the rest of one that was lost."""

from __future__ import annotations

import time
from collections.abc import Iterable
from enum import Enum, auto

from collector.files.content import Content, Damaged, Moved, Unfinished, is_of, open_content
from collector.files.discovery import Found
from collector.files.fingerprints import HEAD_BYTES, Key, Print, key_of
from collector.files.followed import Followed
from collector.files.names import COMPRESSED

# How long what may become a copy may stand still before it counts as a file of its own.
COPY_WAIT_S = 5.0
COMPRESS_WAIT_S = 60.0


class Kin(Enum):
    """What a file is to those that are known.

    NONE: nothing; it is a new one.
    UNSURE: it may become a copy; look again.
    COPY: a copy of one that is followed where it lies; there is nothing to read in it.
    REST: the content of one whose own file is gone or was truncated.
    """

    NONE = auto()
    UNSURE = auto()
    COPY = auto()
    REST = auto()


class Kinship:
    """Compares files, and remembers what came of it until they change."""

    def __init__(self) -> None:
        self._known: dict[Key, tuple[object, Kin, Followed | None]] = {}
        self._still_since: dict[Key, tuple[tuple[int, int], float]] = {}

    def of(self, found: Found, relatives: Iterable[Followed]) -> tuple[Kin, Followed | None]:
        """What a file is to these, and to which of them.

        Args:
            found: the file; its name is one that rotation gives.
            relatives: the files whose rotation it may be, by their names.

        Raises:
            OSError: it cannot be read.
        """
        relatives = [each for each in relatives if each.offset > 0 and each.key != found.key]
        if not relatives:
            return Kin.NONE, None
        state = (found.written, tuple((each.id, each.key is None) for each in relatives))
        known = self._known.get(found.key)
        if known is not None and known[0] == state and known[1] is not Kin.UNSURE:
            return known[1:]
        kin, relative = _compare(found, relatives)
        if kin is Kin.UNSURE:
            kin = self.unsure(found)
        self._known[found.key] = (state, kin, relative)
        return kin, relative

    def unsure(self, found: Found) -> Kin:
        """What a file is that cannot be compared: that is waited for until it has stood still for long enough."""
        still = self._still_since.get(found.key)
        if still is None or still[0] != found.written:
            still = self._still_since[found.key] = (found.written, time.monotonic())
        wait_s = COMPRESS_WAIT_S if found.path.endswith(COMPRESSED) else COPY_WAIT_S
        # Nothing is lost by waiting for the first byte of one that has none.
        is_over = found.stat.st_size > 0 and time.monotonic() - still[1] >= wait_s
        return Kin.NONE if is_over else Kin.UNSURE

    def forget(self, others_than: Iterable[Key]) -> None:
        """Forget all files but these."""
        keep = set(others_than)
        self._known = {key: known for key, known in self._known.items() if key in keep}
        self._still_since = {key: still for key, still in self._still_since.items() if key in keep}


class Beginnings:
    """Tells at little cost which of many files begin as another one does; for one scan, in which each is read once."""

    def __init__(self) -> None:
        self._unread: dict[int, bytes] = {}

    def like(self, found: Found, relatives: Iterable[Followed]) -> list[Followed]:
        """Those of which a file may be a copy, as far as their first bytes tell.

        Args:
            found: the file.
            relatives: what it may be a copy of.

        Raises:
            OSError: it cannot be read.
            Unfinished: it is compressed, and not whole yet.
            Damaged: it is compressed, and cannot be read; also where only its first byte is there.
        """
        content = open_content(found.path)
        try:
            start = content.read(0, HEAD_BYTES)
        finally:
            content.close()
        digests: dict[int, bytes] = {}
        alike = []
        for each in relatives:
            head = each.head_print
            if 0 < head.size <= len(start):
                digest = digests.get(head.size)
                if digest is None:
                    digest = digests[head.size] = Print.of(start[: head.size]).digest
                if digest == head.digest:
                    alike.append(each)
            elif head.size or each.offset:
                alike.append(each)
            else:
                begins = self._unread.get(each.id)
                if begins is None:
                    begins = self._unread[each.id] = _beginning(each)
                if begins.startswith(start) or start.startswith(begins):
                    alike.append(each)
        return alike


def _beginning(file: Followed) -> bytes:
    """The first bytes of a file; none where it cannot be read, so that it is looked at more closely."""
    try:
        return file.beginning()
    except (OSError, Moved, Unfinished, Damaged):
        return b""


def _compare(found: Found, relatives: Iterable[Followed]) -> tuple[Kin, Followed | None]:
    if found.stat.st_size == 0:
        return Kin.UNSURE, None
    content = open_content(found.path)
    is_unsure = False
    try:
        if key_of(content.stat()) != found.key:
            # It was renamed since it was found, and this is another file.
            return Kin.UNSURE, None
        for relative in relatives:
            try:
                kin = _kin(content, relative)
            except (Unfinished, Damaged):
                kin = Kin.UNSURE
            if kin in {Kin.COPY, Kin.REST}:
                return kin, relative
            is_unsure = is_unsure or kin is Kin.UNSURE
    finally:
        content.close()
    return (Kin.UNSURE if is_unsure else Kin.NONE), None


def _kin(content: Content, relative: Followed) -> Kin:
    if is_of(content, relative.head_print, relative.offset, relative.read_anchor):
        if relative.key is None:
            return Kin.REST
        # A copy is never longer than what it is made of; what was compressed is no shorter than what came of it.
        is_plain = not (content.is_compressed or relative.is_compressed)
        is_longer = is_plain and content.stat().st_size > relative.current_size()
        if not is_longer:
            return Kin.COPY
        # It may have been truncated a moment ago.
        return Kin.NONE if relative.is_intact() else Kin.UNSURE
    return Kin.UNSURE if _may_become(content, relative) else Kin.NONE


def _may_become(content: Content, relative: Followed) -> bool:
    """Whether it has too little for a comparison, and nothing that speaks against it."""
    size = content.stat().st_size
    if content.is_compressed or size >= relative.offset:
        return False
    return relative.may_begin_with(content.read(0, min(size, relative.head_print.size)))
