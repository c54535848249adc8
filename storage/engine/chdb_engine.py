"""ClickHouse inside this process (chDB): the only module that knows it.

Traps it shields from: chdb must be imported after the fork; a connection serves one call at a time; an error text may
hold bytes that are no UTF-8 and then arrives as UnicodeDecodeError; a bound string is unescaped as TSV by the engine;
`async_insert` is on by default; streaming inserts swallow errors; the engine ends with its last connection; a query has
no name but what its connection's `log_comment` says, by which another connection can kill it.
"""

from __future__ import annotations

import os
import queue
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import structlog

from logmill.errors import ConfigError, LogmillError, Refused, StorageUnavailable
from logmill.settings import Settings
from storage.engine.parts import Parts
from storage.engine.protocol import MAX_BLOCK_ROWS, Value
from storage.errors import QueryCancelled, QueryTimeout
from storage.reading import Reading, current
from storage.statements import statement

log = structlog.get_logger()

_CODE = re.compile(r"Code: (\d+)")
_TIMEOUT = {159, 209}
_CANCELLED = 394
_TOO_LARGE = {158, 307, 396}
# Values that cannot be read. Errors about tables and types are not among them: those are ours, so the sender holds on.
_INPUT = frozenset({6, 26, 27, 33, 41, 69, 72, 117, 131, 349})
_MAX_RESULT_BYTES = 256 * 1024 * 1024
_MESSAGE = {
    33: "a part of the store cannot be read",
    40: "a part of the store is not what its checksums say",
    246: "a part of the store is damaged",
    241: "the engine is out of memory",
    243: "the disk is full",
    252: "the engine has too many parts to merge",
}
_DAMAGED = "the disk did not take what was written; storage starts anew"
_ESCAPES = str.maketrans(
    {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\b": "\\b", "\f": "\\f", "'": "\\'"}
)


class ChdbEngine:
    """An engine on a folder of this machine.

    Args:
        folder: where it keeps its files; made where it is missing.
        settings: those in force.

    Raises:
        ConfigError: the folder cannot be opened.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        folder = folder.resolve()
        if "?" in str(folder):
            raise ConfigError(f"the data folder's name must not hold a question mark: {folder}")
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        options = {
            "max_threads": settings.engine_threads,
            "max_memory_usage": settings.engine_memory_bytes,
            "max_execution_time": settings.query_timeout_s,
            "max_result_rows": MAX_BLOCK_ROWS,
            "max_result_bytes": _MAX_RESULT_BYTES,
            "result_overflow_mode": "throw",
            "use_query_condition_cache": 0,
            # Else conditions are put in an order guessed from the columns' sizes, the dearest first (metadata: tried).
            "use_statistics": 0,
            # Looked at before reading, not beside it: half the time where nothing is found.
            "use_skip_indexes_on_data_read": 0,
            # Searches are held to so many terms; of metadata, each is some kilobytes of SQL.
            "max_query_size": 16_000_000,
            "max_ast_elements": 1_000_000,
            "max_expanded_ast_elements": 5_000_000,
        }
        self._address = f"{folder}?{urlencode(options)}"
        self._insert_settings = statement("engine", "insert_settings")
        self._active_parts = statement("engine", "active_parts")
        self._parts = Parts()
        self.damage: list[str] = []
        from chdb.state import connect

        self._connect: Callable[[str], Any] = connect
        self._numbers = count()
        self._idle: queue.LifoQueue[tuple[str, Any]] = queue.LifoQueue()
        try:
            self._anchor = connect(self._address)  # keeps the engine alive while no other connection is
        except Exception as error:  # noqa: BLE001
            raise ConfigError(f"the store in {folder} cannot be opened: {_words(error)}") from None

    def insert(self, sql: str, stream: bytes | memoryview) -> None:
        """As `Engine.insert`."""
        if self.damage:
            raise StorageUnavailable(_DAMAGED, retry_after_s=2)
        # Not chdb's send_insert: its finish() reports rows as written where the insert failed (a full disk: tried).
        with _as_file(stream) as path, self._connection(_INPUT) as (_, connection):
            connection.query(f"{sql} FROM INFILE '{path}' {self._insert_settings} FORMAT ArrowStream")
        self.check()

    def check(self) -> None:
        """As `Engine.check`."""
        if not self.damage:
            self.damage = self._parts.damaged(self.select(self._active_parts).to_pylist())
        if self.damage:
            raise StorageUnavailable(_DAMAGED, retry_after_s=2)

    def select(self, sql: str, params: Mapping[str, Value] | None = None) -> pa.Table:
        """As `Engine.select`."""
        bound = {name: _bind(value) for name, value in (params or {}).items()}
        reading = current()
        if reading is not None:
            sql = f"{sql}\n{_limits(reading)}"
        with self._connection() as (name, connection):
            kill = partial(self._kill, name)
            with nullcontext() if reading is None else reading.querying(kill):
                result = connection.query(sql, "ArrowStream", params=bound)
            data = result.bytes()
        with pa.ipc.open_stream(data) as reader:
            return reader.read_all()

    def run(self, sql: str) -> None:
        """As `Engine.run`."""
        with self._connection() as (_, connection):
            connection.query(sql)

    def free_bytes(self) -> int | None:
        """As `Engine.free_bytes`."""
        try:
            return shutil.disk_usage(self._folder).free
        except OSError:
            return None

    def close(self) -> None:
        """As `Engine.close`."""
        with suppress(queue.Empty):
            while True:
                self._idle.get_nowait()[1].close()
        self._anchor.close()

    @contextmanager
    def _connection(self, input_codes: frozenset[int] = frozenset()) -> Iterator[tuple[str, Any]]:
        """A connection of one's own, and its name; one that saw an error is not used again.

        Args:
            input_codes: errors that are the sender's. None where nothing is sent: a part that cannot be read must not
                pass for a block that cannot be taken.
        """
        try:
            try:
                name, connection = self._idle.get_nowait()
            except queue.Empty:
                name = f"connection-{next(self._numbers)}"
                connection = self._connect(f"{self._address}&log_comment={name}")
        except Exception as error:  # noqa: BLE001  chdb raises what it likes
            raise _translated(error, input_codes) from None
        try:
            yield name, connection
        except LogmillError:
            self._idle.put((name, connection))
            raise
        except Exception as error:  # noqa: BLE001
            with suppress(Exception):
                connection.close()
            raise _translated(error, input_codes) from None
        self._idle.put((name, connection))

    def _kill(self, name: str) -> None:
        """End what runs on this connection, if anything does."""
        self.run(statement("engine", "kill", connection=name))


@contextmanager
def _as_file(stream: bytes | memoryview) -> Iterator[str]:
    """A path under which the engine reads these bytes; in memory where the system can (Linux).

    Raises:
        StorageUnavailable: there is no room for them.
    """
    with ExitStack() as stack:
        try:
            if hasattr(os, "memfd_create"):
                opened = open(os.memfd_create("logmill-block"), "wb", buffering=0)  # noqa: PTH123, SIM115
            else:
                opened = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
            file = stack.enter_context(opened)
            view = memoryview(stream)
            while view:
                view = view[file.write(view) :]
            file.seek(0)
        except OSError as error:
            raise StorageUnavailable(f"there is no room for the block: {error.strerror}", retry_after_s=2) from None
        yield f"/dev/fd/{file.fileno()}"


def _bind(value: Value) -> str:
    """A value as the engine reads it: strings TSV-escaped, arrays as a literal of quoted strings."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if isinstance(value, int | float):
        return str(value)
    return "[" + ",".join(f"'{item.translate(_ESCAPES)}'" for item in value) + "]"


def _limits(reading: Reading) -> str:
    """The settings that hold a query to what its reading allows."""
    max_bytes = _MAX_RESULT_BYTES if reading.max_bytes is None else reading.max_bytes
    return statement("engine", "limits", timeout_s=f"{reading.remaining_s:.3f}", max_bytes=str(max_bytes))


def _words(error: Exception) -> str:
    """What the engine said, also where its text is no UTF-8; at most a few lines of it."""
    if isinstance(error, UnicodeDecodeError):
        return error.object.decode("utf-8", "replace")[:500]
    return str(error)[:500]


def _translated(error: Exception, input_codes: frozenset[int]) -> LogmillError:
    words = _words(error)
    match = _CODE.search(words)
    code = int(match[1]) if match else 0
    if code in _TIMEOUT:
        return QueryTimeout("the query took longer than it may; narrow its time range")
    # Only reads are cancelled by us; a sender must not take the engine's own end for a refusal of its block.
    if code == _CANCELLED and current() is not None:
        return QueryCancelled("the query was cancelled")
    log.warning("engine error", engine_code=code, words=words)
    if code in input_codes:
        return Refused(f"the engine cannot take this: {words}", code="not_storable")
    if code in _TOO_LARGE:
        return Refused("the answer is too large; narrow the query", code="too_large", status=413)
    return StorageUnavailable(_MESSAGE.get(code, f"the engine failed (code {code})"), retry_after_s=2)
