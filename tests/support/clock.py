"""A wall clock for child processes that can be set while they run, by libfaketime; their monotonic clock goes on."""

from __future__ import annotations

from pathlib import Path

_SITE = Path(__file__).parent / "faketime"
_PLACES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib*/faketime/libfaketimeMT.so.1")


def library() -> Path | None:
    """Where libfaketime is, or None where it is not installed."""
    return next((found for place in _PLACES for found in sorted(Path("/").glob(place[1:]))), None)


class SettableClock:
    """The clock of the processes that run with `environment`.

    Args:
        file: where its offset is kept.

    Raises:
        FileNotFoundError: libfaketime is not installed.
    """

    def __init__(self, file: Path) -> None:
        found = library()
        if found is None:
            raise FileNotFoundError("libfaketime is not installed; on Debian: apt-get install libfaketime")
        self._file = file
        self.set(0)
        self.environment = {
            "LD_PRELOAD": str(found),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            # Seconds for which the file is not read again.
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            "PYTHONPATH": str(_SITE),
        }

    def set(self, offset_s: int) -> None:
        """Have it go wrong by so many seconds."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset_s:+d}\n")
        new.replace(self._file)
