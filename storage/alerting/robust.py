"""How unusual a number is beside others: pure functions after Iglewicz and Hoaglin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

# Makes the median absolute deviation of normally distributed numbers their standard deviation.
_MAD_TO_SD = 0.6745
# No service is steadier than this part of what it usually does: what looks so is a short history.
_LEAST_SPREAD = 0.1


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual: the middle of a history, and how far from it numbers lie by themselves."""

    middle: float
    spread: float

    def score(self, number: float) -> float:
        """The modified z-score, 0.6745 (x - median) / MAD.

        Iglewicz and Hoaglin, "How to Detect and Handle Outliers" (1993), call a number an outlier from 3.5 on.
        """
        return _MAD_TO_SD * (number - self.middle) / self.spread


def usual_count(history: Sequence[float]) -> Usual:
    """What is usual of counts.

    Median and median absolute deviation, which up to half of the history may be wrong without moving them far. The
    spread is at least that of a Poisson process of this middle: counts of few logs scatter by themselves.
    """
    middle = median(history)
    deviation = median(abs(number - middle) for number in history)
    poisson = _MAD_TO_SD * math.sqrt(max(middle, 1.0))
    return Usual(middle, max(deviation, poisson, _MAD_TO_SD * _LEAST_SPREAD * middle))


def usual_share(history: Sequence[tuple[int, int]], total: int) -> Usual:
    """What is usual of the share of errors, for a piece of time with `total` logs.

    Args:
        history: errors and logs of each piece of time.
        total: how many logs the piece has that is to be compared; a share of few logs scatters more (binomial).
    """
    shares = [errors / logs for errors, logs in history if logs]
    if not shares:
        return Usual(0.0, 1.0)
    middle = median(shares)
    deviation = median(abs(share - middle) for share in shares)
    # As if one more log had been half an error, so that a service without any errors has some spread too.
    likely = (middle * total + 0.5) / (total + 1)
    binomial = _MAD_TO_SD * math.sqrt(likely * (1 - likely) / max(total, 1))
    return Usual(middle, max(deviation, binomial))
