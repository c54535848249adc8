"""The table of settings as `.env.example` and as `docs/settings.md`: rows in, text out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from logmill.settings_table import Row

ENV_HEAD = """\
# Settings of Logmill, every one with its default. Copy this file to .env and uncomment what you change.
# Written by `make docs` from logmill/settings/.
#
# .env is read by `make run` and by Docker Compose. The `logmill` command by itself reads the environment only.
# In Compose the addresses, ports and folders inside the containers are fixed in docker-compose.yml.

# For Docker Compose only: what RabbitMQ is set up with, and what the services log in with. Read when RabbitMQ's
# volume is new. Letters, digits and - _ . ~ only, because both become part of a URL.
#RABBITMQ_USER=guest
#RABBITMQ_PASSWORD=guest

# For Docker Compose only: the folder of this machine whose logs the collector reads, as /logs.
#LOGS_FOLDER=/var/log
"""

MARKDOWN_HEAD = """\
# Settings

Every setting is an environment variable. `make run` and Docker Compose also read them from a file `.env`, for which
[`.env.example`](../.env.example) is the model; what is set in the environment wins. An empty value means the default.
A variable that begins with `LOGMILL_` and is not in this table is an error at the start, so that a misspelt one is
noticed. This page is written by `make docs` from `logmill/settings/`.

| variable | default | unit | meaning |
|---|---|---|---|
"""


def render_env(rows: Iterable[Row]) -> str:
    """The text of `.env.example`: each setting commented out, under its help, unit and default."""
    return ENV_HEAD + "".join(_env_entry(row) for row in rows)


def render_markdown(rows: Iterable[Row]) -> str:
    """The text of `docs/settings.md`: one line of a table for each setting."""
    return MARKDOWN_HEAD + "".join(_markdown_line(row) for row in rows)


def _env_entry(row: Row) -> str:
    facts = [f"unit: {row.unit}"] if row.unit else []
    facts.append(f"default: {row.default or 'empty'}")
    comment = textwrap.fill(f"{row.help} ({'; '.join(facts)})", 118, initial_indent="# ", subsequent_indent="# ")
    return f"\n{comment}\n#{row.name}={row.default}\n"


def _markdown_line(row: Row) -> str:
    default = f"`{row.default}`" if row.default else "empty"
    cells = (f"`{row.name}`", default, row.unit, row.help)
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |\n"
