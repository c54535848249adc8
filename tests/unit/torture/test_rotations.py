"""Whatever the writers do, all that they wrote is on the disk: in one file, or in a copy and nowhere else."""

from __future__ import annotations

import gzip
import itertools
import multiprocessing
import os
import random
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.torture.events import BEGINS, EventMaker, read
from tests.torture.rotations import NEED_COLLECTOR, WAYS, Rotator
from tests.torture.safety import Way
from tests.torture.streams import Steps, Stream
from tests.torture.tally import Tally
from tests.torture.watch import Stored, Watch

EVENTS = 600


class FakeStorage(Stored):
    """What the rotations ask of storage: it holds all that is written, or nothing."""

    holds = False

    def counts(self) -> dict[str, int]:
        return {"app-000": EVENTS} if self.holds else {}


class Scene:
    """A stream with its rotations, and no collector."""

    def __init__(self, folder: Path, *, is_stored: bool = False, patience_s: float = 0.05) -> None:
        self.live, self.archive, self.scratch = (folder / name for name in ("live", "archive", "scratch"))
        for made in (self.live, self.archive, self.scratch):
            made.mkdir()
        rng = random.Random(1)
        maker = EventMaker(1, 0, has_traces=True)
        self.stream = Stream(0, self.live / "app-000.log", EVENTS, maker, rng)
        self.watch = Watch(multiprocessing.get_context("spawn"))
        self.tally = Tally()
        self.storage = FakeStorage("http://127.0.0.1:1")
        self.storage.holds = is_stored
        folders = (self.archive, self.scratch)
        self.rotator = Rotator(self.stream, *folders, self.watch, self.storage, self.tally, rng, patience_s)
        self.stream.open()

    def events(self) -> Counter[int]:
        """How often each event is in the files."""
        found: Counter[int] = Counter()
        for path in [*self.live.iterdir(), *self.archive.rglob("*.log*")]:
            content = path.read_bytes()
            found += numbers((gzip.decompress(content) if path.suffix == ".gz" else content).decode())
        return found


def numbers(text: str) -> Counter[int]:
    """The numbers of the events of a file, which are all whole."""
    found: Counter[int] = Counter()
    starts = [match.start() for match in re.finditer(BEGINS, text, re.MULTILINE)]
    for start, end in itertools.pairwise([*starts, len(text)]):
        event = read(text[start:end].removesuffix("\n"))
        assert event is not None, text[start:end]
        assert event.is_whole, text[start:end]
        found[event.number] += 1
    return found


def run(steps: Steps | Way) -> None:
    for pause_s in steps:
        assert 0.0 <= pause_s < 1.0


DESTROYING = [name for name in WAYS if name in NEED_COLLECTOR]
SAVING = [name for name in WAYS if name not in NEED_COLLECTOR]


@pytest.mark.parametrize("name", SAVING)
def test_a_rotation_that_needs_no_collector_leaves_every_event_on_the_disk_once(name: str, tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    for _ in range(6):
        scene.stream.write(40)
        run(scene.stream.write_in_halves())
        run(scene.rotator.rotate(name))
    scene.stream.write(EVENTS)
    assert scene.stream.is_over
    assert scene.tally.done == {name: 6}
    assert scene.events() == Counter(range(EVENTS))
    assert len(list(tmp_path.rglob("*.log*"))) == 7


def test_all_of_them_in_turn_leave_every_event_on_the_disk_once(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    for name in SAVING:
        scene.stream.write(30)
        run(scene.rotator.rotate(name))
    scene.stream.write(EVENTS)
    assert scene.events() == Counter(range(EVENTS))


def test_nothing_is_destroyed_before_it_is_stored_or_the_collector_has_it_open(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    for _ in range(3):
        for name in [*DESTROYING, *SAVING]:
            scene.stream.write(10)
            run(scene.rotator.rotate(name))
    scene.stream.write(EVENTS)
    assert scene.tally.given_up == dict.fromkeys(DESTROYING, 3)
    assert scene.events() == Counter(range(EVENTS))
    # A collector that runs, and has it not open.
    scene.watch.collector_pid = os.getppid()
    run(scene.rotator.rotate("delete"))
    assert scene.tally.given_up["delete"] == 4
    assert scene.events() == Counter(range(EVENTS))


def test_what_is_stored_is_truncated_and_what_is_deleted_leaves_its_inode_to_the_next(tmp_path: Path) -> None:
    scene = Scene(tmp_path, is_stored=True)
    scene.stream.write(10)
    run(scene.rotator.rotate("truncate"))
    assert scene.events() == {}
    scene.stream.write(10)
    before = scene.stream.inode
    run(scene.rotator.rotate("same inode"))
    assert scene.events() == {}
    assert scene.tally.reused == (scene.stream.inode == before)
    scene.stream.write(1)
    assert scene.events().total() == 1
    assert list(scene.scratch.iterdir()) == []


@pytest.mark.parametrize("name", ["delete", "delete, write on"])
def test_what_is_deleted_unread_can_be_read_by_who_has_it_open_and_holds_the_collector_until_then(
    name: str, tmp_path: Path
) -> None:
    scene = Scene(tmp_path, patience_s=5.0)
    scene.stream.write(10)
    with scene.stream.path.open("rb") as opened, subprocess.Popen(["sleep", "60"], stdin=opened) as collector:
        scene.watch.collector_pid = collector.pid
        steps = scene.rotator.rotate(name)
        while not scene.tally.deleted_unread:
            next(steps)
        with scene.watch.unheld(0.05) as is_free:
            assert not is_free
        scene.storage.holds = True
        run(steps)
        with scene.watch.unheld(0.05) as is_free:
            assert is_free
        held = numbers(opened.read().decode())
        collector.kill()
    assert held + scene.events() == Counter(range(scene.stream.next))
    assert held.total() > 10


def test_a_hold_is_refused_while_the_collector_is_down_or_wanted(tmp_path: Path) -> None:
    watch = Scene(tmp_path).watch
    assert not watch.try_hold()
    watch.collector_pid = os.getpid()
    with watch.unheld(1.0) as is_free:
        assert is_free
        assert not watch.try_hold()
    assert watch.try_hold()
