"""The local copy of `logmill collect`, killed and started again before a real producer: each record is in it once."""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path

import pytest

from logmill.settings import child_environment, load
from logmill.supervisor import python_command
from tests.support.copying import messages, parts
from tests.support.pipeline import Pipeline

LINES = 4000


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    with Pipeline(tmp_path_factory.mktemp("copying"), "embedded", processors=1) as running:
        yield running


def collector(pipeline: Pipeline, folder: Path, *arguments: str, **settings) -> subprocess.Popen:
    """One that reads everything in the folder to its end, its own copy in the same folder but for that."""
    mine = load(
        {},
        data_dir=str(folder / "data"),
        producer_url=pipeline.producer_url,
        collect_port=0,
        collect_batch_lines=50,
        collect_batch_interval_s=0.05,
        **settings,
    )
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
