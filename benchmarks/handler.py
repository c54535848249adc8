"""`make bench-handler`: what a call of the logging handler takes, and what an outage of the producer costs."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from benchmarks.handler_app import STEP_NS, STEPS
from benchmarks.report import fill_document, heading
from benchmarks.scenarios import BenchmarkError
from tests.support.pipeline_parts import PipelineParts

SERVICE = "shop"
FIND_TIMEOUT_S = 600.0
# Calls are timed so long where nothing happens to the producer, and logged so long before and after an outage.
CALLS_S = 15.0
BEFORE_S, AFTER_S = 15.0, 15.0
SAMPLE_S = 1.0
SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
console = Console()


class Application:
    """The application as a process of its own, and what it takes while it runs."""

    def __init__(self, parts: PipelineParts, spill: Path, **options: object) -> None:
        arguments = {"url": parts.producer_url, "service": SERVICE, "spill-dir": spill, **options}
        words = [f"--{name}={value}" for name, value in arguments.items() if not isinstance(value, bool)]
        words += [f"--{name}" for name, value in arguments.items() if value is True]
        self._spill = spill
        # Not a pipe, which nobody empties while the application runs.
        self._output = spill.with_suffix(".json")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.handler_app", f"--output={self._output}", *words]
        )

    def watch(self, seconds: float) -> list[dict[str, float]]:
        """Resident memory of the process and the size of its files, MiB, once a second for so long or to its end."""
        end_s = time.monotonic() + seconds
        samples = []
        while time.monotonic() < end_s and self._process.poll() is None:
            files = sum(path.stat().st_size for path in self._spill.glob("*/*.spill"))
            samples.append({"rss": self._rss_mib(), "files": files / 1024**2})
            time.sleep(SAMPLE_S)
        return samples

    def result(self, timeout_s: float) -> dict[str, Any]:
        """What it saw, once it has ended."""
        if code := self._process.wait(timeout_s):
            raise BenchmarkError(f"the application ended with {code}")
        found: dict[str, Any] = json.loads(self._output.read_text())
        return found

    def kill(self) -> None:
        """End it, where it still runs."""
        self._process.kill()
        self._process.wait(10)

    def _rss_mib(self) -> float:
        try:
            text = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return 0.0
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Rss:")) / 1024


def calls(parts: PipelineParts, folder: Path, rate: int, *, without: bool) -> dict[str, Any]:
    """Times of calls with the handler at work, or `without` one; nothing happens to the producer."""
    application = Application(parts, folder, rate=rate, seconds=CALLS_S, service="calls", without=without)
    try:
        found = application.result(CALLS_S + FIND_TIMEOUT_S)
    finally:
        application.kill()
    return {"call_us": _percentiles(found), "cpu_us_per_log": round(found["cpu_us_per_log"], 1)}


def outage(parts: PipelineParts, folder: Path, rate: int, seconds: float, *, hangs: bool) -> dict[str, Any]:
    """The producer killed, or frozen, for so long while the application logs; and what is in storage in the end."""
    application = Application(parts, folder, rate=rate, seconds=BEFORE_S + seconds + AFTER_S)
    try:
        before = application.watch(BEFORE_S)
        (parts.freeze_producer if hangs else parts.kill_producer)()
        during = application.watch(seconds)
        (parts.thaw_producer if hangs else parts.start_producer)()
        back_s = time.monotonic()
        after = application.watch(FIND_TIMEOUT_S)
        found = application.result(60.0)
        over_s = time.monotonic()
    finally:
        application.kill()
    parts.wait_drained(FIND_TIMEOUT_S)
    return {
        "rate": rate,
        "seconds": seconds,
        "hangs": hangs,
        "logged": found["logged"],
        "status": found["status"],
        "call_us": _percentiles(found),
        "cpu_us_per_log": round(found["cpu_us_per_log"], 1),
        "rss_mib": {
            name: round(max(one["rss"] for one in some)) for name, some in _phases(before, during, after).items()
        },
        "files_mib": round(max(one["files"] for one in (*during, *after)), 1),
        "all_sent_s": round(over_s - back_s, 1),
    }


def _phases(*phases: list[dict[str, float]]) -> dict[str, list[dict[str, float]]]:
    return dict(zip(("before", "during", "after"), phases, strict=True))


def _percentiles(found: Mapping[str, Any]) -> dict[str, float]:
    times = sorted((int(step), count) for step, count in found["times"].items())
    total, seen, result = sum(count for _step, count in times), 0, {}
    shares = iter(SHARES.items())
    name, share = next(shares)
    for step, count in times:
        seen += count
        while seen >= share * total:
            # The end of the step; the last one has all that took longer.
            result[name] = round((step + (step < STEPS)) * STEP_NS / 1000, 1)
            name, share = next(shares, ("", 2.0))
    return result


def counted(store: Path, logged: int) -> dict[str, int]:
    """How many numbers are in a store that nobody has open, how many are not, and how many logs are doubles."""
    arguments = [sys.executable, "-m", "benchmarks.order_counts", str(store), SERVICE]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=FIND_TIMEOUT_S, check=True)
    found = json.loads(done.stdout)
    if found["last"] >= logged:
        raise BenchmarkError("there is a number in storage that was never logged")
    return {
        "stored": found["numbers"],
        "lost": logged - found["numbers"],
        "doubled": found["stored"] - found["numbers"],
    }


def table(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Measurement and value."""
    rate = f"{result['rate']:,}"
    rows = [
        (f"a call at {rate}/s without a handler, µs", _shown(result["without"]["call_us"])),
        (f"a call at {rate}/s with it, µs", _shown(result["with"]["call_us"])),
        ("CPU of the application per log without, and with all that the handler does, µs",
         f"{result['without']['cpu_us_per_log']} and {result['with']['cpu_us_per_log']}"),
    ]  # fmt: skip
    for one in result["outages"]:
        what = "frozen" if one["hangs"] else "killed"
        counts = ", ".join(f"{one[name]:,} {name}" for name in ("stored", "lost", "doubled"))
        memory = ", ".join(f"{value} {name}" for name, value in one["rss_mib"].items())
        rows += [
            (f"producer {what} for {one['seconds']:.0f} s at {rate}/s", f"{one['logged']:,} logged: {counts}"),
            ("a call over the whole time, µs", _shown(one["call_us"])),
            ("most resident memory of the application, MiB", memory),
            ("its files at most, MiB", f"{one['files_mib']}"),
            (f"from its return until all is sent ({AFTER_S:.0f} s of logging in it), s", f"{one['all_sent_s']}"),
        ]
    return rows


def _shown(times: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value}" for name, value in times.items())


@click.command()
@click.option("--rate", default=20_000, show_default=True, help="Log calls a second.")
@click.option("--seconds", default=60.0, show_default=True, help="How long the producer is away.")
@click.option("--hang", is_flag=True, help="Also with a producer that takes connections and answers nothing.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("benchmarks/results/handler.json"))
@click.option("--write-docs", is_flag=True, help="Fill docs/handler.md from the result.")
def main(rate: int, seconds: float, output: Path, *, hang: bool, write_docs: bool) -> None:
    """Measure the logging handler: an application, producer, two processors and storage on this machine."""
    result: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "rate": rate,
        "outages": [],
    }
    with tempfile.TemporaryDirectory(prefix="logmill-bench-") as name:
        folder = Path(name)
        (folder / "calls").mkdir()
        with PipelineParts(folder / "calls", processors=2) as parts:
            for kind in ("without", "with"):
                console.print(f"calls {kind} the handler …")
                result[kind] = calls(parts, folder / "spill", rate, without=kind == "without")
        for hangs in (False, True) if hang else (False,):
            console.print(f"the producer {'frozen' if hangs else 'killed'} for {seconds:g} s …")
            place = folder / f"outage-{hangs}"
            place.mkdir()
            with PipelineParts(place, processors=2) as parts:
                found = outage(parts, place / "spill", rate, seconds, hangs=hangs)
            result["outages"].append({**found, **counted(place / "data" / "store", found["logged"])})
    shown = Table("measurement", "value", title=f"Logmill's logging handler, {result['cores']} cores")
    for row in table(result):
        shown.add_row(*row)
    console.print(shown)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=2) + "\n")
    console.print(f"written to {output}")
    if write_docs:
        fill_document(Path("docs/handler.md"), "handler", heading(result), table(result), ("measurement", "value"))
        console.print("docs/handler.md is filled")


if __name__ == "__main__":
    main()
