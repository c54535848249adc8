"""The errors Logmill raises, graded by what the caller should do about them.

`Retry`: the same call may succeed later; hold what you have and back off.
`Refused`: the input is at fault; answer 4xx or dead-letter, never retry.
`Stop`: the process cannot do its work; say why and end with the error's exit code.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType


class ExitCode(IntEnum):
    """What a process of Logmill answers when it ends; a second signal n makes it 128 + n."""

    STOPPED = 0
    ERROR = 1
    USAGE = 2
    IN_USE = 3
    DRAIN_LIMIT = 4

    @property
    def meaning(self) -> str:
        """In words, for `logmill --help` and the documentation."""
        return _MEANINGS[self]

    @staticmethod
    def second_signal(number: int) -> int:
        """The code of a process that a second signal ended."""
        return _SIGNAL_BASE + number


_SIGNAL_BASE = 128
_MEANINGS = {
    ExitCode.STOPPED: "stopped in order",
    ExitCode.ERROR: "error",
    ExitCode.USAGE: "wrong setting or usage",
    ExitCode.IN_USE: "port or data folder in use",
    ExitCode.DRAIN_LIMIT: "the drain limit passed before the work was done",
}


class LogmillError(Exception):
    """Anything Logmill raises on purpose."""

    exit_code = ExitCode.ERROR


class Retry(LogmillError):
    """The same call may succeed later.

    Args:
        message: what is missing, in words for the caller.
        retry_after_s: when to try again, in seconds.
    """

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class BrokerUnavailable(Retry):
    """The broker is away, or did not confirm in time."""


class BrokerFull(Retry):
    """The broker, or the buffer in front of it, takes nothing more for now."""


class StorageUnavailable(Retry):
    """Storage is away, full, or did not answer in time."""


class Refused(LogmillError):
    """The input is at fault.

    Args:
        message: what is wrong, in words for the sender.
        code: a short stable name for programs.
        field: the field at fault, if it is one.
        status: the HTTP status that says it best.
        more: what else programs may want to know, such as a position; part of the answer.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        field: str | None = None,
        status: int = 400,
        more: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.field = field
        self.status = status
        self.more = more


class InvalidField(Refused):
    """One field of a record or a request has a value that cannot be taken."""

    def __init__(
        self,
        field: str,
        message: str,
        *,
        code: str = "invalid_field",
        status: int = 400,
        more: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        super().__init__(message, code=code, field=field, status=status, more=more)


class Undecodable(Refused):
    """Bytes that are not what they were said to be."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "malformed",
        status: int = 400,
        more: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        super().__init__(message, code=code, status=status, more=more)


class Stop(LogmillError):
    """The process cannot do its work."""


class ConfigError(Stop):
    """A setting is missing or wrong."""

    exit_code = ExitCode.USAGE


class AlreadyRunning(Stop):
    """A port or a data folder is in use by another process."""

    exit_code = ExitCode.IN_USE


class DrainLimitPassed(Stop):
    """The process was asked to stop and did not finish its work in time; what was accepted comes again."""

    exit_code = ExitCode.DRAIN_LIMIT
