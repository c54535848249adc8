"""The application of `make bench-handler`: logs at a steady rate, and times each call."""

from __future__ import annotations

import json
import logging
import resource
import time
from pathlib import Path

import click

from logmill.handler import LogmillHandler

# Times of calls are counted in steps of this, up to 20 ms.
STEP_NS = 100
STEPS = 200_000
TICK_S = 0.001
PAYMENTS = ("card", "invoice", "transfer")


@click.command()
@click.option("--url", required=True)
@click.option("--service", default="shop")
@click.option("--rate", default=20_000)
@click.option("--seconds", default=10.0)
@click.option("--spill-dir", type=click.Path(path_type=Path), required=True)
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Where the result is written.")
@click.option("--without", is_flag=True, help="A handler that does nothing instead, to see what logging itself takes.")
@click.option("--flush-s", default=300.0)
def main(
    url: str, service: str, rate: int, seconds: float, spill_dir: Path, flush_s: float, output: Path, *, without: bool
) -> None:
    """Log, flush, and write what was seen as JSON."""
    logger = logging.getLogger("shop.checkout")
    logger.setLevel(logging.INFO)
    handler = None if without else LogmillHandler(url, service, spill_dir=spill_dir)
    logger.addHandler(handler or logging.NullHandler())
    times = [0] * (STEPS + 1)
    began_cpu_s = time.process_time()
    logged = _log(logger, rate, seconds, times)
    took_cpu_s = time.process_time() - began_cpu_s
    status, flush_took_s = None, 0.0
    if handler is not None:
        began_s = time.monotonic()
        handler.flush(flush_s)
        flush_took_s = time.monotonic() - began_s
        handler.close()
        status = handler.status()
    result = {
        "logged": logged,
        "times": {str(step): count for step, count in enumerate(times) if count},
        "cpu_us_per_log": 1e6 * took_cpu_s / logged,
        "flush_s": round(flush_took_s, 1),
        "status": None if status is None else {name: getattr(status, name) for name in status.__slots__},
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    output.write_text(json.dumps(result) + "\n")


def _log(logger: logging.Logger, rate: int, seconds: float, times: list[int]) -> int:
    """Log at this rate for so long, and count how long calls took; how many there were."""
    clock = time.perf_counter_ns
    began_s = time.monotonic()
    number = 0
    while (gone_s := time.monotonic() - began_s) < seconds:
        due = int(gone_s * rate)
        for each in range(number, due):
            method = logger.error if each % 1000 == 0 else logger.info
            extra = {"order": each, "payment": PAYMENTS[each % 3]}
            started_ns = clock()
            method("order %d placed", each, extra=extra)
            times[min((clock() - started_ns) // STEP_NS, STEPS)] += 1
        number = due
        time.sleep(TICK_S)
    return number


if __name__ == "__main__":
    main()
