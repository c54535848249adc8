"""Settings of the collector; each is an option of `logmill collect` too."""

from __future__ import annotations

from typing import Annotated

from logmill.settings.described import described
from logmill.settings.storage import StorageSettings


class CollectorSettings(StorageSettings, frozen=True, kw_only=True):
    """What the collector adds."""

    collect_files: Annotated[
        str,
        described(
            "Files and globs that the collector follows, space-separated; `**` is any folder, `-` standard input."
        ),
    ] = ""
    collect_exclude: Annotated[str, described("Globs of files that it leaves out, space-separated.")] = ""
    collect_from: Annotated[
        str,
        described(
            "Where files begin that are there when it starts for the first time; later ones begin at their start.",
            pattern="^(start|end)$",
        ),
    ] = "start"
    collect_service: Annotated[str, described("The `service` of what it sends; empty: from the name of the file.")] = ""
    collect_host: Annotated[str, described("The host that what it sends is from; empty: this machine's name.")] = ""
    collect_format: Annotated[
        str,
        described(
            "What lines are; auto: the processors see, and the collector looks for the level only; "
            "pattern: as LOGMILL_COLLECT_PATTERN says.",
            pattern="^(auto|json|logfmt|syslog|access|error|cri|time|text|pattern)$",
        ),
    ] = "auto"
    collect_pattern: Annotated[
        str, described("Regular expression whose named groups are the fields of a line; empty: none.")
    ] = ""
    collect_multiline: Annotated[
        str,
        described(
            "How lines become one log; auto: stack traces; none: each line is one; "
            "else a regular expression of what begins one."
        ),
    ] = "auto"
    collect_multiline_timeout_s: Annotated[
        float,
        described("A line that may begin a log of several waits so long for the others.", "s", ge=0, le=3600),
    ] = 1.0
    collect_tags: Annotated[str, described("Tags of all that it sends, comma-separated.")] = ""
    collect_filter: Annotated[
        str, described("Regular expressions, one a line: only logs that match one of them are sent; empty: all.")
    ] = ""
    collect_drop: Annotated[
        str, described("Regular expressions, one a line: logs that match one of them are left out; empty: none.")
    ] = ""
    collect_batch_lines: Annotated[
        int, described("Most logs in one request; at most LOGMILL_MAX_BATCH_RECORDS.", "logs", ge=1, le=1_000_000)
    ] = 5000
    collect_batch_bytes: Annotated[
        int,
        described(
            "Bytes of one request, before compression, from which it is sent; less than LOGMILL_MAX_DECODED_BYTES.",
            "bytes",
            ge=1024,
            le=1024 * 1024 * 1024,
        ),
    ] = 4 * 1024 * 1024
    collect_batch_interval_s: Annotated[
        float, described("How long logs wait for a request to fill.", "s", gt=0, le=3600)
    ] = 1.0
    collect_partial_timeout_s: Annotated[
        float, described("A line whose end has not come for so long is taken as it is.", "s", gt=0, le=86_400)
    ] = 10.0
    collect_max_in_flight: Annotated[
        int,
        described("Most requests that wait for the producer's answer; then reading waits.", "requests", ge=1, le=64),
    ] = 4
    collect_output: Annotated[
        str, described("File of a local copy of what was accepted, taken apart into fields; empty: none.")
    ] = ""
    collect_output_type: Annotated[
        str, described("What this file is: JSON lines, a SQLite database, or CSV.", pattern="^(jsonl|sqlite|csv)$")
    ] = "jsonl"
    collect_output_max_bytes: Annotated[
        int,
        described(
            "Size at which this file is rotated, to .1, .2 and .3, or the oldest logs leave the database; 0: none.",
            "bytes",
            ge=0,
        ),
    ] = 1024 * 1024 * 1024
    collect_watch: Annotated[
        str,
        described(
            "How it learns of changes: events of the file system, polling, or auto: events where there are any.",
            pattern="^(auto|events|poll)$",
        ),
    ] = "auto"
    collect_poll_interval_s: Annotated[
        float, described("How often it looks for changes that no event told of.", "s", gt=0, le=3600)
    ] = 1.0
    collect_listen_host: Annotated[
        str, described("Address of the collector's live page, /health, /ready and /metrics.")
    ] = "127.0.0.1"
    collect_port: Annotated[int, described("Port of the same; 0 serves none.", ge=0, le=65535)] = 5201
