"""What processor and storage agree on for POST /ingest, beside the columns of `logmill.record`."""

from __future__ import annotations

ARROW_STREAM = "application/vnd.apache.arrow.stream"

# "1" where any batch of the block may have been stored before: redelivered by the broker, or posted again.
CHECK_HEADER = "X-Logmill-Check"
