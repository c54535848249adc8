"""Settings of the generator: what `logmill generate` does where its options do not say otherwise."""

from __future__ import annotations

from typing import Annotated

from logmill.settings.collector import CollectorSettings
from logmill.settings.described import ADDRESS, described


class GeneratorSettings(CollectorSettings, frozen=True, kw_only=True):
    """What the generator adds."""

    generate_rate: Annotated[str, described("Logs that `logmill generate` makes, or max.", "logs/s")] = "10"
    generate_format: Annotated[
        str, described("Their format: json, csv, text, access, logfmt, or a template such as %(asctime)s %(message)s.")
    ] = "json"
    generate_producer_url: Annotated[
        str, described("Producer that they are sent to; empty: none.", pattern=ADDRESS)
    ] = ""
    generate_file: Annotated[str, described("File that they are written to; empty: standard output.")] = ""
    generate_bursts: Annotated[
        str, described("When there are more, as in 10x:30s:every=5m; several with blanks between them.")
    ] = ""
    generate_incidents: Annotated[
        str, described("When something goes wrong, as in payment-outage:at=2m:for=30s:every=10m; several as above.")
    ] = ""
    generate_frequency_s: Annotated[float, described("Time from one heartbeat to the next.", "s", gt=0)] = 5.0
    generate_level: Annotated[str, described("Level of heartbeats.")] = "INFO"
    generate_status_file: Annotated[
        str, described("File in which it notes every second how it is going, for health checks; empty: none.")
    ] = ""


# What other heartbeat loggers call the same; taken by `logmill generate --heartbeat` alone, for the names are common.
PLAIN_NAMES = {
    "LOG_FREQUENCY": "generate_frequency_s",
    "LOG_LEVEL": "generate_level",
    "LOG_FORMAT": "generate_format",
    "LOG_FILE": "generate_file",
}
