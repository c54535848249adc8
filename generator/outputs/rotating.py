"""Writes logs to a file that rotates: FILE, then FILE.1 to FILE.N, the newest first."""

from __future__ import annotations

import os
from pathlib import Path

from generator.formats import Format
from generator.log import Made
from generator.outputs.protocol import Counts
from logmill.errors import LogmillError


class FileOutput:
    """See `Output`. No line is cut: a file that the next one does not fit in is closed before it.

    Args:
        form: how logs are written; its header begins each file.
        path: the file; it is appended to where it is there.
        max_bytes: how large it may become; 0: as large as it likes.
        backups: how many files are kept beside it.

    Raises:
        LogmillError: it cannot be opened.
    """

    def __init__(self, form: Format, path: Path, *, max_bytes: int, backups: int) -> None:
        self._form = form
        self._path = path
        self._max_bytes = max_bytes
        self._backups = backups
        self.counts = Counts()
        self._descriptor = -1
        self._size_bytes = 0
        try:
            self._open()
        except OSError as error:
            raise self._failed(error) from None

    def wait_for_room(self, timeout_s: float) -> bool:  # noqa: ARG002 - a file always has some
        """See `Output`."""
        return True

    def write(self, made: Made) -> None:
        """See `Output`."""
        body = self._form.encode(made)
        try:
            begin = 0
            while begin < len(body):
                end = self._fitting(body, begin)
                if end == begin:
                    self._rotate()
                    continue
                self._write(body[begin:end])
                begin = end
        except OSError as error:
            raise self._failed(error) from None
        self.counts.done += len(made.logs)

    def push(self) -> None:
        """See `Output`."""

    def flush(self, timeout_s: float) -> bool:  # noqa: ARG002 - nothing waits
        """See `Output`."""
        return True

    def close(self) -> None:
        """See `Output`."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _fitting(self, body: bytes, begin: int) -> int:
        """Up to where the lines that fit the file go; a line that fits no file has one for itself."""
        room = self._max_bytes - self._size_bytes
        if not self._max_bytes or len(body) - begin <= room:
            return len(body)
        end = body.rfind(b"\n", begin, begin + max(0, room)) + 1
        if end > begin:
            return end
        is_new = self._size_bytes == len(self._form.header)
        return body.index(b"\n", begin) + 1 if is_new else begin

    def _write(self, piece: bytes) -> None:
        view = memoryview(piece)
        while view:
            written = os.write(self._descriptor, view)
            self._size_bytes += written
            view = view[written:]

    def _rotate(self) -> None:
        self.close()
        names = [self._path, *(Path(f"{self._path}.{number}") for number in range(1, self._backups + 1))]
        for older, newer in zip(reversed(names[1:]), reversed(names[:-1]), strict=True):
            if newer.exists():
                newer.replace(older)
        if not self._backups:
            self._path.unlink(missing_ok=True)
        self._open()

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        self._size_bytes = os.fstat(self._descriptor).st_size
        if self._size_bytes == 0:
            self._write(self._form.header)

    def _failed(self, error: OSError) -> LogmillError:
        return LogmillError(f"{self._path} cannot be written: {error.strerror}")
