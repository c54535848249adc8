"""The short form of the torture: a collector follows files that are rotated in every way, and is killed meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.report import rows
from tests.torture.rotations import WAYS
from tests.torture.run import Torture, run

SHORT = Torture(seed=1, events=45_000, files=12, rate=3500.0, ways=tuple(WAYS), between_s=(0.3, 2.0))


@pytest.mark.timeout(300)
def test_every_event_is_stored_once_whatever_becomes_of_its_file_and_whoever_is_killed(tmp_path: Path) -> None:
    result = run(SHORT, tmp_path)
    for what, how_many in rows(result):
        print(f"{what}: {how_many}")
    assert result.troubles == []
    assert result.verdict.stored == SHORT.events
