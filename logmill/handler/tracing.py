"""Which trace and span a log belongs to: what its record says, else what OpenTelemetry has as the current span."""

from __future__ import annotations

import sys
from typing import Any

# Names that instrumentation libraries give; the first that is set wins. Outside of spans OpenTelemetry's say "0".
_TRACE_NAMES = ("otelTraceID", "trace_id", "dd.trace_id")
_SPAN_NAMES = ("otelSpanID", "span_id", "dd.span_id")
NAMES = frozenset((*_TRACE_NAMES, *_SPAN_NAMES))
_NONE = frozenset({"", "0", "None"})
_MAX_ID_CHARS = 64

Trace = tuple[int | str, int | str]
NO_TRACE: Trace = ("", "")


def taken_from(members: dict[str, Any]) -> Trace:
    """The ids that members name; takes those members out."""
    trace_id = _first(members, _TRACE_NAMES)
    span_id = _first(members, _SPAN_NAMES)
    return (trace_id, span_id) if trace_id or span_id else NO_TRACE


def _first(members: dict[str, Any], names: tuple[str, ...]) -> str:
    found = [str(members.pop(name)) for name in names if name in members]
    return next((text[:_MAX_ID_CHARS] for text in found if text not in _NONE), "")


def current() -> Trace:
    """The ids of OpenTelemetry's current span, as numbers; none where it is not loaded, or there is no span."""
    module = sys.modules.get("opentelemetry.trace")
    if module is None:
        return NO_TRACE
    try:
        context = module.get_current_span().get_span_context()
        trace = (context.trace_id, context.span_id) if context.is_valid else NO_TRACE
    except Exception:  # noqa: BLE001 - it is being imported just now, or a span of another library's fails
        return NO_TRACE
    return trace


def hexadecimal(trace: Trace) -> tuple[str, str]:
    """Both ids as W3C Trace Context writes them."""
    trace_id, span_id = trace
    return (
        f"{trace_id:032x}" if isinstance(trace_id, int) else trace_id,
        f"{span_id:016x}" if isinstance(span_id, int) else span_id,
    )
