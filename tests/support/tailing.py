"""Follows files as the collector does, without records, batches and a producer: for tests of rotations."""

import gzip
import os
import shutil
import time

from collector.checkpoint import Checkpoint
from collector.files.catalogue import Catalogue
from collector.files.content import Damaged, Replaced, Unfinished
from collector.files.discovery import Discovery
from collector.files.follower import Follower
from collector.framing.framer import Coming, Framer
from collector.records.made import Source

MAX_ROUNDS = 1000


class Tailing:
    """A collector's files, looked at when the test says so.

    Attributes:
        lines: what was read so far, over all restarts.
    """

    def __init__(self, folder, *patterns, from_end=False, max_open=1000, exclude=()):
        self.folder = folder
        self.patterns = patterns or ("*.log",)
        self.from_end, self.max_open, self.exclude = from_end, max_open, exclude
        self.lines = []
        self.framer = Framer("none", 1 << 20)
        self.checkpoint = None
        self.start()

    def start(self):
        """A new process on the same checkpoint; what the one before had in its buffers is gone."""
        if self.checkpoint is not None:
            self.close()
        self.checkpoint = Checkpoint(self.folder / "checkpoint.sqlite3")
        patterns = [str(self.folder / "logs" / pattern) for pattern in self.patterns]
        self.discovery = Discovery(patterns, self.exclude)
        self.catalogue = Catalogue(self.checkpoint, lambda path: Source(path, "service", "host"))
        self.follower = Follower(self.discovery, self.catalogue, from_end=self.from_end, max_open=self.max_open)
        self.catalogue.load({}, float(self.checkpoint.fact("alive_at") or 0))

    def close(self):
        """As when the process ends."""
        self.catalogue.close()
        self.checkpoint.close()

    def look(self, *, scan=True, coming=Coming.LINES):
        """One scan, then read until nothing comes; returns the new lines."""
        before = len(self.lines)
        if scan:
            self.follower.scan()
        for _round in range(MAX_ROUNDS):
            if not any(self.advance(file, coming) for file in self.follower.due(everything=True)):
                break
        self.checkpoint.note("alive_at", str(self.catalogue.seen_until()))
        return self.lines[before:]

    def settle(self, **options):
        """Look until nobody waits whether a file is a copy."""
        found = self.look(**options)
        deadline = time.monotonic() + 20
        while (self.follower.is_unsure or self.follower.wants_scan) and time.monotonic() < deadline:
            time.sleep(0.05)
            found += self.look(**options)
        return found

    def advance(self, file, coming):
        if not self.follower.open(file):
            return file.key is None
        try:
            more = file.read() if file.has_news() else False
        except Replaced:
            self.follower.part(file)
            return True
        except (Unfinished, Damaged):
            return False
        framed = self.framer.frame(file.buffer, 5000, Coming.NOTHING if file.is_ended else coming)
        self.lines += [event.decode() for event in framed.events]
        if framed.used_bytes:
            file.use(framed.used_bytes)
            self.checkpoint.move([file.end()])
            self.catalogue.settled([file.end()])
            self.checkpoint.keep([file.row()])
        return bool(framed.used_bytes or more)


class Log:
    """A log file that is written, and rotated in the ways that there are; its lines are numbered."""

    def __init__(self, path, name=""):
        self.path = path
        self.name = name or path.name
        self.number = 0
        self.written = []
        self.fd = self.open()

    def open(self):
        # A plain descriptor: a rotated log is left to its reader as its writer left it.
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def write(self, count=1, length=40):
        for _ in range(count):
            self.number += 1
            line = f"{self.name} line {self.number} {'x' * length}"
            self.written.append(line)
            os.write(self.fd, line.encode() + b"\n")

    def shift(self):
        """Move app.log.1 to app.log.2 and so on, compressed ones too."""
        for number in range(9, 0, -1):
            for suffix in ("", ".gz"):
                old = self.path.with_name(f"{self.path.name}.{number}{suffix}")
                if old.exists():
                    old.rename(self.path.with_name(f"{self.path.name}.{number + 1}{suffix}"))

    def rename(self, to=""):
        self.shift()
        self.path.rename(self.path.with_name(to or f"{self.path.name}.1"))
        os.close(self.fd)
        self.fd = self.open()

    def copy_truncate(self):
        self.shift()
        shutil.copyfile(self.path, self.path.with_name(f"{self.path.name}.1"))
        os.ftruncate(self.fd, 0)

    def compress(self, name):
        source = self.path.with_name(name)
        with source.open("rb") as plain, gzip.open(f"{source}.gz", "wb") as packed:
            shutil.copyfileobj(plain, packed)
        source.unlink()

    def recreate(self):
        self.path.unlink()
        os.close(self.fd)
        self.fd = self.open()
