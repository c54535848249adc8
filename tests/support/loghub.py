"""Samples of Loghub with their truth, and the measure by which its papers compare parsers."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Hashable, Sequence
from pathlib import Path

import pytest

from logmill.settings import in_ci

# Research data with a licence of its own, so it lies beside the repository and not in it.
DATA = Path(__file__).parents[3] / "shared" / "data" / "loghub"
NAMES = ("Android", "Apache", "HDFS", "Linux", "OpenSSH", "OpenStack")
LINES = 2000


def require() -> None:
    """Skip the test where the samples are missing; in CI that is a failure."""
    if not DATA.exists():
        message = f"the Loghub samples are not in {DATA.name}/ beside the repository; see docs/testing.md"
        (pytest.fail if in_ci() else pytest.skip)(message)


def rows(name: str, folder: Path = DATA) -> list[dict[str, str]]:
    """A data set's lines by the columns of its truth: Content, EventId, EventTemplate, often Level, …"""
    with (folder / f"{name}_2k.log_structured.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def truth(name: str, folder: Path = DATA) -> tuple[list[str], list[str]]:
    """The messages of a data set without what stands before them, and the id of each one's true template."""
    found = rows(name, folder)
    return [row["Content"] for row in found], [row["EventId"] for row in found]


def grouping_accuracy(found: Sequence[Hashable], true: Sequence[Hashable]) -> float:
    """The share of messages that are grouped with exactly those that they belong with (Zhu et al., ICSE-SEIP 2019).

    Args:
        found: the group that each message was put into.
        true: the one it belongs to.
    """
    members: defaultdict[Hashable, set[int]] = defaultdict(set)
    belonging: defaultdict[Hashable, set[int]] = defaultdict(set)
    for at, (one, other) in enumerate(zip(found, true, strict=True)):
        members[one].add(at)
        belonging[other].add(at)
    right = sum(len(group) for group in members.values() if belonging[true[min(group)]] == group)
    return right / len(true)
