"""Several outputs at once, as a heartbeat has: the console and a file."""

from __future__ import annotations

import time
from collections.abc import Sequence

from generator.log import Made
from generator.outputs.protocol import Counts, Output


class Several:
    """See `Output`. All take the same logs; what counts is the one that has the fewest."""

    def __init__(self, outputs: Sequence[Output]) -> None:
        self._outputs = outputs

    @property
    def counts(self) -> Counts:
        """See `Output`."""
        return min((output.counts for output in self._outputs), key=lambda counts: counts.done)

    def wait_for_room(self, timeout_s: float) -> bool:
        """See `Output`."""
        until_s = time.monotonic() + timeout_s
        return all(output.wait_for_room(max(0.0, until_s - time.monotonic())) for output in self._outputs)

    def write(self, made: Made) -> None:
        """See `Output`."""
        for output in self._outputs:
            output.write(made)

    def push(self) -> None:
        """See `Output`."""
        for output in self._outputs:
            output.push()

    def flush(self, timeout_s: float) -> bool:
        """See `Output`."""
        until_s = time.monotonic() + timeout_s
        are_out = [output.flush(max(0.0, until_s - time.monotonic())) for output in self._outputs]
        return all(are_out)

    def close(self) -> None:
        """See `Output`."""
        for output in self._outputs:
            output.close()
