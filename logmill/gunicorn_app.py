"""What a gunicorn worker serves, and how it tells its master the way it ended, which decides the exit code."""

from __future__ import annotations

import contextlib
import os
import struct
import sys
import traceback
from importlib import import_module

from logmill.errors import ExitCode, Stop

_NOTE = struct.Struct("=iB")
_NOTES_A_READ = 1024


class Endings:
    """How the workers of one gunicorn ended, by process id; made before they are forked.

    gunicorn's own exit codes have other meanings than ours, and it tells its hooks nothing about those of its workers.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._known: dict[int, ExitCode] = {}
        # In a worker that could not make its app, why.
        self.failure: ExitCode | None = None

    def tell(self, code: ExitCode) -> None:
        """Tell the master how this worker ended."""
        with contextlib.suppress(BlockingIOError):  # thousands of notes unread: the master is beyond caring
            os.write(self._writer, _NOTE.pack(os.getpid(), code))

    def known(self) -> dict[int, ExitCode]:
        """What was told so far."""
        with contextlib.suppress(BlockingIOError):
            while notes := os.read(self._reader, _NOTE.size * _NOTES_A_READ):
                self._known.update((pid, ExitCode(code)) for pid, code in _NOTE.iter_unpack(notes))
        return self._known


ENDINGS = Endings()


def load_app(module: str) -> object:
    """The WSGI app that `create_app` of this module makes; gunicorn calls it in each worker.

    Raises:
        SystemExit: it cannot be made; the reason was printed, and the master will end instead of trying again.
    """
    try:
        return import_module(module).create_app()
    except Stop as error:
        print(f"logmill: {error}", file=sys.stderr, flush=True)  # noqa: T201 - for people, before there are logs
        ENDINGS.failure = error.exit_code
    except Exception:  # noqa: BLE001 - whatever it is, this worker cannot serve
        traceback.print_exc()
        ENDINGS.failure = ExitCode.ERROR
    raise SystemExit(0)
