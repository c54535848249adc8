"""Times as a histogram of high dynamic range: small, exact to a thousandth, and the same however it is put together."""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections.abc import Sequence

from hdrh.codec import HdrCookieException, HdrLengthException
from hdrh.histogram import HdrHistogram

from logmill.errors import Undecodable

PERCENTILES = (50.0, 90.0, 99.0, 99.9, 100.0)
LONGEST_S = 3600.0
_LOWEST_US, _HIGHEST_US, _DIGITS = 1, int(LONGEST_S * 1e6), 3
# Of a histogram as bytes: what is around the compressed part, and the fields that say how it was made.
_OUTER_BYTES = 8
_HEADER = struct.Struct(">4xI4xIQQ8x")
_MOST_COUNTERS = 23_552
_COUNTER_BYTES = 9
_MAX_BYTES = _HEADER.size + _MOST_COUNTERS * _COUNTER_BYTES
_UNREADABLE = (
    ValueError, IndexError, OverflowError, binascii.Error, zlib.error, HdrCookieException, HdrLengthException
)  # fmt: skip


class Latencies:
    """How often each time was seen, from a microsecond to an hour; longer ones count as an hour. Not thread-safe."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(_LOWEST_US, _HIGHEST_US, _DIGITS)

    def __len__(self) -> int:
        return int(self._histogram.total_count)

    def note(self, time_s: float, count: int = 1) -> None:
        """Count a time, in seconds; below zero it is zero."""
        self._histogram.record_value(min(max(round(time_s * 1e6), 0), _HIGHEST_US), count)

    def add(self, other: Latencies) -> None:
        """Count all that the other has counted."""
        if len(other):
            self._histogram.add(other._histogram)

    def at(self, percentiles: Sequence[float] = PERCENTILES) -> list[float]:
        """The times, in seconds, that so many percent do not exceed (nearest rank); 0 where there is none."""
        if not len(self):
            return [0.0] * len(percentiles)
        found = self._histogram.get_percentile_to_value_dict(list(percentiles))
        return [found[percentile] / 1e6 for percentile in percentiles]

    @property
    def mean_s(self) -> float:
        """The mean, in seconds."""
        return float(self._histogram.get_mean_value()) / 1e6

    def encoded(self) -> str:
        """As text: HdrHistogram's compressed form, version 2, in base64."""
        return str(self._histogram.encode(), "ascii")

    @staticmethod
    def decoded(text: str) -> Latencies:
        """Those of a text.

        Raises:
            Undecodable: it is none, or was made with other bounds.
        """
        try:
            unpacker = zlib.decompressobj()
            data = unpacker.decompress(base64.b64decode(text, validate=True)[_OUTER_BYTES:], _MAX_BYTES)
            if unpacker.eof and len(data) >= _HEADER.size:
                length, *made = _HEADER.unpack_from(data)
                if made == [_DIGITS, _LOWEST_US, _HIGHEST_US] and length == len(data) - _HEADER.size:
                    found = Latencies()
                    found._histogram = HdrHistogram.decode(text)
                    return found
        except _UNREADABLE:
            pass
        raise Undecodable("the histogram is none that `logmill bench` wrote")
