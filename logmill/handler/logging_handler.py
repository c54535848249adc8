"""The handler itself: takes what is logged, at once and without ever disturbing the application."""

from __future__ import annotations

import contextlib
import logging
import os
import weakref
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from threading import get_ident
from typing import Any

from logmill.handler.engine import Engine
from logmill.handler.losses import Loss, to_stderr
from logmill.handler.options import MIB, Options
from logmill.handler.own_threads import IDENTS
from logmill.handler.places import DEFAULT
from logmill.handler.status import HandlerStatus
from logmill.handler.taking import take

_HANDLERS: weakref.WeakSet[LogmillHandler] = weakref.WeakSet()


class LogmillHandler(logging.Handler):
    """Sends logs to Logmill's producer in batches, from threads of its own.

        logging.getLogger().addHandler(LogmillHandler("http://localhost:5000", service="shop"))

    A call takes microseconds, waits for nothing and raises nothing. Logs are kept in memory while the producer takes
    them, in files while it does not, and are sent again under a key by which Logmill stores them once. Beyond the
    bounds below the newest are dropped and counted, those below ERROR (in the queue: below WARNING) first.

    A formatter that is a plain `logging.Formatter` is not used: time, level and name, which it would write into the
    message, are fields here. One of another class makes the message.

    Args:
        url: of the producer.
        service: who logs.
        level: the least level that is sent, a name or a number.
        api_key: the producer's, "" where it asks for none.
        host: where, "" for the name of this machine.
        batch_records: most logs in a request.
        batch_bytes: a request is full with so many bytes before compression.
        interval_s: how long a log waits for others to share a request with; errors a fifth of it.
        queue_records: most logs in memory that are not in a batch yet.
        queue_bytes: memory for logs, about: three quarters for those, one for batches.
        spill_dir: the folder of the files; None for memory alone.
        spill_max_bytes: most bytes of the files in it, those of other processes too.
        spill_after_s: a batch that could not be sent for so long goes to a file.
        durable: every batch goes to a file, and to the disk, before it is sent.
        timeout_s: how long the producer may be silent; a request may take a few times as long.
        exit_timeout_s: how long the end of the process may be held up.
        context: context variables whose values join each log, by name; `trace_id` and `span_id` as its trace.
        on_error: given each line about what is in the way or lost, instead of standard error.

    Raises:
        ValueError: an option cannot be what it is; names it.
    """

    def __init__(
        self,
        url: str,
        service: str,
        *,
        level: int | str = logging.NOTSET,
        api_key: str = "",
        host: str = "",
        batch_records: int = 2000,
        batch_bytes: int = MIB,
        interval_s: float = 1.0,
        queue_records: int = 100_000,
        queue_bytes: int = 64 * MIB,
        spill_dir: str | os.PathLike[str] | None = DEFAULT,
        spill_max_bytes: int = 256 * MIB,
        spill_after_s: float = 5.0,
        durable: bool = False,
        timeout_s: float = 10.0,
        exit_timeout_s: float = 5.0,
        context: Mapping[str, ContextVar[Any]] | None = None,
        on_error: Callable[[str], object] | None = None,
    ) -> None:
        self._options = Options(
            url=url,
            service=service,
            api_key=api_key,
            host=host,
            batch_records=batch_records,
            batch_bytes=batch_bytes,
            interval_s=interval_s,
            queue_records=queue_records,
            queue_bytes=queue_bytes,
            spill_dir=spill_dir,
            spill_max_bytes=spill_max_bytes,
            spill_after_s=spill_after_s,
            durable=durable,
            timeout_s=timeout_s,
            exit_timeout_s=exit_timeout_s,
            context=context,
        )
        self._variables = tuple((context or {}).items())
        self._tell = on_error or to_stderr
        self._engine = Engine(self._options, self._tell)
        super().__init__(level.upper() if isinstance(level, str) else level)
        self._engine.prepare()
        _HANDLERS.add(self)

    def handle(self, record: logging.LogRecord) -> Any:
        """Take a record that passes the filters; as the original, but without its lock.

        Nobody waits then for another thread, whose record may take long to become text.
        """
        try:
            passed: Any = self.filter(record) if self.filters else True
            if passed:
                self.emit(passed if isinstance(passed, logging.LogRecord) else record)
        except Exception:  # noqa: BLE001 - a filter of the application's
            self._fail(record)
            return False
        return passed

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record, to be sent later; never raises, and waits for nothing."""
        if get_ident() in IDENTS:
            return
        engine = self._engine
        try:
            if not engine.is_started:
                engine.start()
            formatter = self.formatter
            taken = take(record, None if type(formatter) is logging.Formatter else formatter, self._variables)
            if engine.queue.is_crowded:
                taken = engine.encoded(taken)
            if not engine.queue.put(taken, is_common=record.levelno < logging.WARNING):
                self._drop(engine)
        except Exception:  # noqa: BLE001 - whatever the application logs
            engine.losses.count(Loss.DROPPED, 1, "it could not be taken")
            self._fail(record)

    def flush(self, timeout_s: float | None = None) -> bool:  # type: ignore[override]  # says more than the original
        """Wait until all that was logged before is with the producer; whether it is.

        What is not is put into files.

        Args:
            timeout_s: how long at most; None for `exit_timeout_s`, but no longer than until a try fails where there
                are files to keep it in.
        """
        limit_s = self._options.exit_timeout_s if timeout_s is None else timeout_s
        return self._engine.flush(limit_s, persistent=timeout_s is not None)

    def close(self) -> None:
        """Send what there is, within `exit_timeout_s`, put the rest into files, and take nothing more."""
        self._engine.close()
        _HANDLERS.discard(self)
        super().close()

    def status(self) -> HandlerStatus:
        """What became of the logs of this process so far."""
        return self._engine.status()

    def _drop(self, engine: Engine) -> None:
        if not engine.is_closed:
            engine.losses.count(Loss.DROPPED, 1, "the queue is full")
            return
        engine.losses.count(Loss.DROPPED, 1, "the handler is closed")
        engine.losses.tell_counts()  # no thread does it any more

    def _fail(self, record: logging.LogRecord) -> None:
        """What `logging` does with errors of handlers: they are shown on standard error, unless somebody said no."""
        with contextlib.suppress(Exception):  # a stream that was closed
            self.handleError(record)

    def _begin_in_child(self) -> None:
        """After a fork: the threads are the parent's, and so is all that it has not sent yet."""
        self._engine.abandon()
        self._engine = Engine(self._options, self._tell)


def _after_fork_in_child() -> None:
    IDENTS.clear()
    for handler in list(_HANDLERS):
        handler._begin_in_child()  # noqa: SLF001 - of this module


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork_in_child)
