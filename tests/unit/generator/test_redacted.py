"""Generated logs hold no sensitive text by chance: of what processors redact there are only the session tokens."""

from __future__ import annotations

import json

import msgspec
import polars as pl

from generator.formats import format_of
from generator.log import Made
from logmill.rules.ruleset import load
from logmill.settings import Settings
from processor.redaction.rules import redactor_of
from processor.stages import redaction
from tests.support.generating import made
from tests.support.parsing import entry, frame_of

COUNT = 20_000
REDACTOR = redactor_of(load(""), Settings())


def redacted(found: Made) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The logs before and after the stage."""
    logs = found.logs
    entries = [
        entry(log.message, msgspec.json.encode(log.metadata).decode(), trace_id=log.trace_id, span_id=log.span_id)
        for log in logs
    ]
    frame = frame_of(*entries)
    if "parsed_from" not in frame.columns:
        frame = frame.with_columns(parsed_from=pl.lit(None, pl.String))
    return frame, redaction.redact(frame, REDACTOR)


def test_only_session_tokens_are_redacted():
    for seed in (1, 2):
        before, after = redacted(made(COUNT, seed=seed))
        for name in ("message", "trace_id", "span_id"):
            assert after[name].to_list() == before[name].to_list()
        tokens = 0
        for old, new in zip(before["metadata"], after["metadata"], strict=True):
            was, now = json.loads(old), json.loads(new)
            token = was.pop("session_token", "")
            assert now.pop("session_token", "") == ("<password>" if token else "")
            assert was == now
            tokens += bool(token)
        assert tokens > COUNT / 20


def test_lines_of_text_lose_nothing():
    found = made(COUNT, seed=3)
    for name in ("text", "access"):
        form = format_of(name)
        logs = [log for log in found.logs if log.metadata.client_ip or not form.only_requests]
        lines = form.encode(Made(found.times_us[: len(logs)], logs)).decode().splitlines()
        frame = frame_of(*map(entry, lines)).with_columns(parsed_from=pl.lit(None, pl.String))
        assert redaction.redact(frame, REDACTOR)["message"].to_list() == lines
