"""The files that are followed: finds them, knows them again after a rotation, and says which are to be read."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping

import structlog

from collector.files.catalogue import Catalogue
from collector.files.content import Damaged, Moved, Replaced, Unfinished
from collector.files.discovery import Discovery, Found
from collector.files.fingerprints import HEAD_BYTES, Key
from collector.files.followed import Followed
from collector.files.kinship import Beginnings, Kin, Kinship
from collector.files.names import is_rotated
from collector.files.opened import OpenFiles
from collector.files.shifts import Shifts
from collector.files.starting import last_line_end, prints_at
from collector.files.strangers import Strangers
from collector.files.whereabouts import Whereabouts

log = structlog.get_logger()

# A file that is rotated, or has no name any more, is closed when it has been silent for so long.
CLOSE_ROTATED_S = 30.0


class Follower:
    """Says of files which is which; used by the reading thread.

    Args:
        discovery: which there are.
        catalogue: which are known.
        from_end: whether files that are there at the very first start are read from their end on.
        max_open: files that are open at a time.

    Attributes:
        is_unsure: whether there are files of which it is not known yet whether they are new.
        wants_scan: whether it is known that there are files that nobody has looked at.
    """

    def __init__(self, discovery: Discovery, catalogue: Catalogue, *, from_end: bool, max_open: int) -> None:
        self._discovery = discovery
        self._catalogue = catalogue
        self._from_end = from_end and catalogue.is_first_start
        self._kinship = Kinship()
        self._beginnings = Beginnings()
        self._shifts = Shifts()
        self._strangers = Strangers()
        self._open_files = OpenFiles(catalogue, max_open)
        self._is_first_scan = True
        self.is_unsure = False
        self.wants_scan = False

    def scan(self) -> None:
        """Look which files there are, and which of them are which."""
        self.wants_scan = False
        found = self._discovery.find()
        whereabouts = Whereabouts(self._discovery, found)
        now = time.time()
        self._strangers.look_again(whereabouts)
        for file in list(self._catalogue):
            self._locate(file, found, whereabouts, now)
        self._catalogue.forget_some()
        if self._is_first_scan:
            for path, seen_at in self._catalogue.rotated_before():
                self._shifts.note(path, seen_at)
        unknown = [one for key, one in found.items() if key not in self._catalogue]
        beside = self._shifts.beside(self._discovery, self._catalogue, found)
        self.is_unsure = False
        self._beginnings = Beginnings()
        strangers = self._strangers.gather([*beside, *unknown])
        for one in strangers:
            is_wanted = one.key in found or self._strangers.is_wanted(one.key)
            if self._meet(one, now, is_wanted=is_wanted) and self._strangers.settle(one.key):
                self._hold(one.key)
        self._kinship.forget([one.key for one in strangers])
        self._catalogue.write()
        if self._is_first_scan:
            self._catalogue.note_start()
        self._is_first_scan = self._from_end = False

    def due(self, *, everything: bool = False) -> list[Followed]:
        """The files to look at now, first those that were not for longest; all not closed for good where `everything`.

        When the producer is slower than what one writes, the others have their turns all the same.
        """
        now = math.inf if everything else time.monotonic()
        due = [file for file in self._catalogue if file.due_at <= now and file.due_at < math.inf]
        due.sort(key=lambda file: file.looked_at)
        return due

    def left_s(self) -> float:
        """How long until the next one is to be looked at."""
        return min((file.due_at for file in self._catalogue), default=math.inf) - time.monotonic()

    def open(self, file: Followed) -> bool:
        """Open a file that is closed; says whether it can be read. Where another is in its place, both part."""
        if file.is_open:
            return True
        try:
            file.open()
        except Replaced:
            self.part(file)
            return False
        except (Moved, FileNotFoundError):
            self.wants_scan = True  # which finds out where it is
            return False
        except OSError as error:
            self.complain(file, error)
            return False
        file.problem = ""
        if file.due_at == math.inf:
            # Whatever it was opened for, it is closed again where nothing comes of it.
            file.due_at = 0.0
        self._open_files.add(file)
        return True

    def part(self, file: Followed) -> None:
        """Its file holds other content now: that is another file, and what was in it before is looked for elsewhere."""
        content = file.release()
        self._lose(file)
        if content is None or is_rotated(os.path.basename(file.path)):
            # It may be a copy, or the rest of a third one.
            if content is not None:
                content.close()
            self.wants_scan = True
        else:
            # Where the name is a link, it is what records are named by.
            name = file.source.path if os.path.realpath(file.source.path) == file.path else file.path
            self._catalogue.add(Found(name, file.path, content.stat()), 0).adopt(content)
        self._catalogue.write()

    def finish(self, file: Followed) -> None:
        """Close a file that has been silent since it was rotated; forget where one is that has no name any more."""
        file.close()
        if file.is_gone:
            self._shifts.note(file.path, file.seen_at)
            self._catalogue.let_go(file)
        self._catalogue.write()

    def _hold(self, key: Key) -> None:
        """Open a file before it is gone: its name has changed once already."""
        file = self._catalogue.get(key)
        if file is not None:
            self.open(file)

    def _locate(self, file: Followed, found: Mapping[Key, Found], whereabouts: Whereabouts, now: float) -> None:
        """Find out where a file is now."""
        try:
            one = whereabouts.of(file)
        except OSError:
            return  # its folder cannot be looked at for now, so nothing is known of it
        is_matched = file.key in found
        if one is None:
            self._shifts.note(file.path, file.seen_at)
            # What is open and has no name is read to its end, and then parted with.
            file.is_gone = file.is_open
            if not file.is_open:
                self._lose(file)
            return
        if not file.is_open and file.may_have_news(one.stat):
            file.is_ended, file.due_at = False, 0.0
        if one.path != file.path and not self._is_known(file, one) and (is_matched or one.is_rotated):
            # Nothing tells whether it was renamed, or is another one that was given its inode.
            self._lose(file)
            self._strangers.renamed_unread(file, one)
            return
        if one.path != file.path:
            before = file.path
            if not self._is_at(file, one):
                self._lose(file)
                return
            self._shifts.note(before, file.seen_at)
            self._catalogue.rename(file, one.path)
        if file.is_ended or file.is_unchanged(one.stat):
            # Else something else may have its place since it was read.
            file.seen_at = now
        file.is_gone, file.sighted = False, one.written

    @staticmethod
    def _is_known(file: Followed, one: Found) -> bool:
        """Whether anything tells this file from another one that was given its inode since."""
        return file.offset > 0 or file.is_open or file.sighted == one.written

    def _is_at(self, file: Followed, one: Found) -> bool:
        """Whether what has its inode under another name is this file, and not one that was given the inode since."""
        if file.is_unchanged(one.stat):
            return True
        try:
            if file.is_open:
                return self._is_intact(file)
            file.open(one.path)
        except Replaced:
            return False
        except (Moved, OSError):
            # Nothing speaks against it, and it is looked at again before it is read.
            self.wants_scan = True
        return True

    @staticmethod
    def _is_intact(file: Followed) -> bool:
        """Whether an open file holds what was read of it; where it was truncated, it is closed, and its rest kept.

        Raises:
            OSError: it cannot be read.
        """
        if file.is_intact():
            return True
        content = file.release()
        if content is not None:
            content.close()
        return False

    def _lose(self, file: Followed) -> None:
        """Nobody knows where its content is."""
        self._shifts.note(file.path, file.seen_at)
        self._catalogue.lose(file)

    def _meet(self, one: Found, now: float, *, is_wanted: bool) -> bool:
        """Find out what a file is that is not known by its inode; says whether that is known now.

        Args:
            one: the file.
            now: seconds since 1970.
            is_wanted: whether a pattern matches it, or matched it before it was renamed.
        """
        if one.key in self._catalogue:
            return True
        try:
            kin, relative = self._kin_of(one)
            start = last_line_end(one.path, one.stat.st_size) if self._from_end else 0
            prints = prints_at(one.path, start)
        except OSError as error:
            self._discovery.problems[one.path] = error.strerror or str(error)
            return False
        if kin is Kin.REST and relative is not None:
            log.info(
                "the rest of a file was found", file=relative.source.path, where=one.path, position=relative.position
            )
            self._catalogue.attach(relative, one, now)
        elif kin is Kin.NONE:
            if not (is_wanted or self._shifts.came_since(one)):
                return True
            if not self._from_end and self._strangers.has_to_wait(one):
                self.is_unsure = self.wants_scan = True
                return False
            self._catalogue.add(one, start, *prints)
        elif kin is Kin.UNSURE and one.stat.st_size:
            self.is_unsure = True
        return kin is not Kin.UNSURE

    def _kin_of(self, one: Found) -> tuple[Kin, Followed | None]:
        """What a file is to those that are known.

        Raises:
            OSError: it cannot be read.
        """
        moved = self._catalogue.moved(one.key)
        if moved is not None:
            kin, relative = self._kinship.of(one, [moved])
            if kin is Kin.REST:
                return kin, relative
        relatives = self._catalogue.relatives(one.path)
        if one.is_rotated:
            # Where each hour has a file of its own, there are thousands.
            try:
                relatives = self._beginnings.like(one, relatives) if relatives else []
            except (Unfinished, Damaged):
                return self._kinship.unsure(one), None
            for file in relatives:
                # Before it is taken for a copy of what lies there, or for longer than that.
                if file.key is not None and not self._is_up_to_date(file):
                    # It may be a copy of what has its place, which nobody has read yet.
                    self.wants_scan = True
                    return Kin.UNSURE, None
        elif self._is_first_scan:
            # A disk that was restored, or is mounted elsewhere, has other inodes.
            relatives = [file for file in relatives if file.key is None and file.position >= HEAD_BYTES]
        else:
            return Kin.NONE, None
        return self._kinship.of(one, relatives)

    def _is_up_to_date(self, file: Followed) -> bool:
        """Whether a file is what is known of it, of which some is read now; also where it cannot be read."""
        if not self.open(file):
            return bool(file.problem)
        try:
            is_intact = file.is_intact()
            if is_intact and not file.offset:
                file.read()
        except Replaced:
            is_intact = False
        except (Unfinished, Damaged) as error:
            self.complain(file, error)
            return True
        if not is_intact:
            self.part(file)
        return is_intact

    def complain(self, file: Followed, error: Exception) -> None:
        """A file cannot be read; it is tried again."""
        if not file.problem:
            file.problem = str(getattr(error, "strerror", None) or error)
            log.warning("a file cannot be read", file=file.path, reason=file.problem)
