"""Tags a record by what it speaks of: auth, payment, api; general where it speaks of none of these."""

from __future__ import annotations

import polars as pl

from processor.stages.labels import label_lists

# Words begin at a word boundary; ASCII only, and the engine behind polars matches in linear time.
PATTERNS = {
    tag: rf"(?i)(?-u:\b)(?:{words})"
    for tag, words in {
        "auth": "log(?:ged )?[ -]?(?:in|out)|auth(?:enticat|oriz|[0-9_.:/ -]|$)"
        "|passw(?:or)?d|token|session|credential|sshd",
        "payment": "payment|transaction|invoice|refund|checkout|billing|credit card|charge",
        "api": r"api(?-u:\b)|endpoint|https?(?-u:\b)|requests?(?-u:\b)|response|graphql|rest(?-u:\b)",
    }.items()
}


def add_tags(frame: pl.DataFrame) -> pl.DataFrame:
    """Add `tags`, found in message, service and path."""
    text = frame.select(text=pl.concat_str("message", "service", "path", separator=" "))
    flags = {tag: pl.col("text").str.contains(pattern) for tag, pattern in PATTERNS.items()}
    return frame.with_columns(tags=label_lists(text, flags, "general"))
