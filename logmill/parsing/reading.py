"""Reads messages by formats: which of them any format may be for, and what is in each and within what it wraps."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from logmill.parsing.found import Format, Found


def is_candidate(text: pl.Expr, formats: Sequence[Format]) -> pl.Expr:
    """Whether any format may be for a text. Most texts fail at their first letters, all formats in one pass."""
    anchored = [each.gate for each in formats if each.is_anchored]
    gates = [text.str.contains(rf"\A(?:{'|'.join(anchored)})")] if anchored else []
    if any(each.has_lines for each in formats):
        gates.append(text.str.contains("\n", literal=True))
    gates += [text.str.contains(each.gate) for each in formats if not (each.is_anchored or each.has_lines)]
    return pl.any_horizontal(gates) if gates else text.is_null()


def candidates(messages: pl.Series, formats: Sequence[Format]) -> pl.Series:
    """The places of messages that any format may be for."""
    frame = messages.to_frame("message")
    return frame.select(is_candidate(pl.col("message"), formats)).to_series().arg_true()


def read_all(messages: pl.Series, received: pl.Series, formats: Sequence[Format]) -> dict[int, tuple[str, Found]]:
    """What is in these messages and within what they wrap, and the name of the outer format, by place, in order.

    Args:
        messages: texts, `candidates` best.
        received: when each arrived, microseconds since 1970-01-01 UTC.
        formats: in the order in which they are tried.
    """
    found = read_each(messages, received, formats)
    # What is wrapped is opened once, and after that the stack trace in what it was.
    for is_quoted in (False, True):
        opened = [
            place for place, (_name, one) in found.items() if one.inner is not None and one.is_quoted == is_quoted
        ]
        if not opened:
            continue
        others = [each for each in formats if (each.has_lines if is_quoted else not each.is_envelope)]
        inner = pl.Series([found[place][1].inner for place in opened], dtype=pl.String)
        for index, (_name, one) in read_each(inner, received.gather(opened), others).items():
            name, envelope = found[opened[index]]
            found[opened[index]] = (name, one.within(envelope))
    return dict(sorted(found.items()))


def read_each(messages: pl.Series, received: pl.Series, formats: Sequence[Format]) -> dict[int, tuple[str, Found]]:
    """What is in these messages themselves; arguments as in `read_all`."""
    found: dict[int, tuple[str, Found]] = {}
    left = pl.int_range(len(messages), dtype=pl.UInt32, eager=True)
    for each in formats:
        if left.is_empty():
            break
        gate = rf"\A(?:{each.gate})" if each.is_anchored else each.gate
        hits = left.filter(messages.gather(left).str.contains(gate))
        if hits.is_empty():
            continue
        read = each.read(messages.gather(hits), received.gather(hits))
        new = {place: (each.name, one) for place, one in zip(hits, read, strict=True) if one}
        found |= new
        left = left.filter(~left.is_in(list(new)))
    return found
