"""What making logs costs, by format: the table of docs/generator.md.

.venv/bin/python -m benchmarks.generating
"""

from __future__ import annotations

import gc
import time
from random import Random

from generator.flows.journey import Journey
from generator.formats import NAMES, format_of
from generator.maker import Maker
from generator.mix import DEFAULT_LEVELS, mix_of

RATE = 100_000
CHUNK_LOGS = 1000
CHUNKS = 300
# Until as many flows go on as always do at this rate.
WARM_UP_CHUNKS = 100
USERS = 50_000


def cost_us(name: str) -> float:
    """CPU microseconds a log, made and written, in the quickest tenth of chunks: neighbours only make it slower."""
    form = format_of(name)
    mix = mix_of(DEFAULT_LEVELS, only_requests=form.only_requests)
    maker = Maker(mix, Journey(Random(1), users=USERS, only_requests=form.only_requests), Random(2))
    step_us = 1_000_000 // RATE
    span_us = CHUNK_LOGS * step_us
    costs = []
    for chunk in range(WARM_UP_CHUNKS + CHUNKS):
        began_s = time.process_time()
        form.encode(maker.make(range(chunk * span_us, (chunk + 1) * span_us, step_us)))
        costs.append((time.process_time() - began_s) / CHUNK_LOGS * 1e6)
    return sorted(costs[WARM_UP_CHUNKS:])[CHUNKS // 10]


def main() -> None:
    """Print the table."""
    # As the command does.
    gc.set_threshold(200_000, 10, 10)
    print("| format | µs a log |\n| --- | --- |")
    for name in NAMES:
        print(f"| {name} | {cost_us(name):.1f} |", flush=True)


if __name__ == "__main__":
    main()
