"""Turns the conditions of rules into expressions over the columns of a block."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import and_
from typing import Any

import polars as pl

from logmill.rules.ruleset import Placed
from logmill.rules.sections import Condition

# The column of the text that a condition on `text` looks into, where a frame has it.
TEXT = "rule_text"


def with_text(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with a column TEXT: message, service and path of each log."""
    return frame.with_columns(pl.concat_str("message", "service", "path", separator=" ").alias(TEXT))


def expression(condition: Condition, slow_response_ms: float) -> pl.Expr:
    """Whether a log meets the condition: true or false, never null.

    Args:
        condition: one of which at least one thing is given.
        slow_response_ms: from which response time on a log is slow.
    """
    holds: list[pl.Expr] = []
    for column, values in (("level", condition.level), ("service", condition.service), ("method", condition.method)):
        if values is not None:
            holds.append(pl.col(column).is_in(values))
    for column, pattern in _patterns(condition).items():
        # What any text has needs no looking at each letter.
        holds.append(pl.col(column) != "" if pattern == "." else pl.col(column).str.contains(pattern))
    if condition.status_from is not None:
        holds.append(pl.col("status_code") >= condition.status_from)
    if condition.status_to is not None:
        holds.append(pl.col("status_code") <= condition.status_to)
    if condition.response_ms_from is not None:
        holds.append((pl.col("response_time_ms") >= condition.response_ms_from).fill_null(value=False))
    if condition.slow:
        holds.append((pl.col("response_time_ms") >= slow_response_ms).fill_null(value=False))
    return reduce(and_, holds)


def by_label(rules: Iterable[tuple[Placed[Any], str, Condition]], slow_response_ms: float) -> dict[str, pl.Expr]:
    """Whether a log has a label, by label: where one of its rules holds.

    Raises:
        ConfigError: as `checked`.
    """
    found: dict[str, pl.Expr] = {}
    for rule, label, condition in rules:
        holds = checked(rule, condition, slow_response_ms)
        found[label] = found[label] | holds if label in found else holds
    return found


def checked(rule: Placed[Any], condition: Condition, slow_response_ms: float) -> pl.Expr:
    """The condition as an expression.

    Raises:
        ConfigError: it is empty, or one of its expressions is wrong; with the rule's place.
    """
    _check(condition, rule)
    return expression(condition, slow_response_ms)


def _check(condition: Condition, rule: Placed[Any]) -> None:
    if condition == Condition():
        raise rule.error("when: give at least one condition")
    for name, pattern in _patterns(condition).items():
        check_pattern(pattern, rule, "text" if name == TEXT else name)


def check_pattern(pattern: str, rule: Placed[Any], name: str) -> None:
    """See that polars takes an expression, which it matches in linear time.

    Raises:
        ConfigError: it does not; with the rule's place.
    """
    error = wrong_pattern(pattern)
    if error:
        raise rule.error(f"{name}: {error}")


def wrong_pattern(pattern: str) -> str:
    """What polars says is wrong with an expression, or ""."""
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip().startswith("error:")]
        return lines[0].removeprefix("error:").strip() if lines else str(error).splitlines()[0]
    return ""


def _patterns(condition: Condition) -> dict[str, str]:
    found = {
        TEXT: condition.text,
        "message": condition.message,
        "path": condition.path,
        "metadata": condition.metadata,
        "error_code": condition.error_code,
    }
    return {column: pattern for column, pattern in found.items() if pattern is not None}
