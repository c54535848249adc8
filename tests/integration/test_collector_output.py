"""The local copy of `logmill collect`, killed and started again before a real producer: each record is in it once."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from logmill.settings import child_environment, load
from logmill.supervisor import python_command
from tests.support.copying import messages, parts
from tests.support.pipeline import Pipeline
from tests.support.ports import free_port
from tests.support.waiting import wait_until

LINES = 4000


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    with Pipeline(tmp_path_factory.mktemp("copying"), "embedded", processors=1) as running:
        yield running


def collector(pipeline: Pipeline, folder: Path, *arguments: str, **settings) -> subprocess.Popen:
    """One that reads everything in the folder to its end, its own copy in the same folder but for that."""
    usual = {
        "data_dir": str(folder / "data"),
        "producer_url": pipeline.producer_url,
        "collect_port": 0,
        "collect_batch_lines": 50,
        "collect_batch_interval_s": 0.05,
    }
    mine = load({}, **{**usual, **settings})
    return subprocess.Popen(
        [*python_command("collect"), str(folder / "logs" / "*"), *arguments],
        env=child_environment(mine),
        stdout=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(("kind", "max_bytes"), [("jsonl", 300_000), ("sqlite", 0)])
def test_a_copy_has_each_record_once_and_in_order_whenever_the_collector_is_killed(pipeline, tmp_path, kind, max_bytes):
    rng = random.Random(7)
    (tmp_path / "logs").mkdir()
    lines = [f"{kind} {number} {'x' * 40}" for number in range(LINES)]
    (tmp_path / "logs" / "app.log").write_text("".join(f"{line}\n" for line in lines))
    path = tmp_path / "logs" / "copy"
    options = {"collect_output": str(path), "collect_output_type": kind, "collect_output_max_bytes": max_bytes}
    kills = 0
    for _ in range(4):
        running = collector(pipeline, tmp_path, "--once", **options)
        deadline = time.monotonic() + 30
        grown = sum(part.stat().st_size for part in parts(path))
        # Killed while it writes, as far as that can be aimed at: soon after the copy began to grow.
        while running.poll() is None and time.monotonic() < deadline:
            if sum(part.stat().st_size for part in parts(path)) > grown:
                time.sleep(rng.random() * 0.3)
                break
            time.sleep(0.005)
        kills += running.poll() is None
        running.kill()
        running.wait(10)
    assert collector(pipeline, tmp_path, "--once", **options).wait(60) == 0
    assert messages(path, kind) == lines
    assert kills >= 2
    assert len(parts(path)) == (4 if max_bytes else 1)


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_copy_whose_first_block_a_power_cut_left_as_zeros_is_begun_again(pipeline, tmp_path, kind):
    (tmp_path / "logs").mkdir()
    lines = [f"{kind} {number}" for number in range(120)]
    (tmp_path / "logs" / "app.log").write_text("".join(f"{line}\n" for line in lines))
    path = tmp_path / "copy"
    options = {"collect_output": str(path), "collect_output_type": kind}
    running = collector(pipeline, tmp_path, producer_url=f"http://127.0.0.1:{free_port()}", **options)
    try:
        checkpoint = tmp_path / "data" / "collector" / "checkpoint.sqlite3"
        wait_until(lambda: kept_batches(checkpoint) > 0, 30, "a batch that is not accepted")
    finally:
        running.kill()
        running.wait(10)
    assert path.read_bytes() == b""
    path.write_bytes(bytes(4096))
    assert collector(pipeline, tmp_path, "--once", **options).wait(60) == 0
    assert messages(path, kind) == lines


def kept_batches(checkpoint: Path) -> int:
    """How many batches lie in a checkpoint."""
    if not checkpoint.exists():
        return 0
    with closing(sqlite3.connect(f"file:{checkpoint}?mode=ro", uri=True)) as db:
        try:
            return int(db.execute("SELECT count(*) FROM batches").fetchone()[0])
        except sqlite3.OperationalError:  # it is being made
            return 0
