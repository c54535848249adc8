"""Reads Dockerfiles of our own plain kind: their instructions, and what those set, start and copy."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass


@dataclass(frozen=True)
class Dockerfile:
    """What a Dockerfile says: its instructions in order, as (name in capitals, arguments)."""

    instructions: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        """The arguments of every instruction of this name."""
        return [arguments for instruction, arguments in self.instructions if instruction == name]

    def last(self, name: str) -> str:
        """The arguments of the last instruction of this name, which is the one that counts; "" where there is none."""
        return (self.all(name) or [""])[-1]

    @property
    def environment(self) -> dict[str, str]:
        """Every variable that ENV sets."""
        pairs = [pair for arguments in self.all("ENV") for pair in shlex.split(arguments)]
        return dict(pair.split("=", 1) for pair in pairs)

    @property
    def command(self) -> list[str]:
        """CMD in its JSON form."""
        command: list[str] = json.loads(self.last("CMD"))
        return command

    @property
    def health_check(self) -> list[str]:
        """The command of HEALTHCHECK, in its JSON form."""
        command: list[str] = json.loads(self.last("HEALTHCHECK").split(" CMD ", 1)[1])
        return command

    @property
    def copies(self) -> list[tuple[str, str]]:
        """Source and destination of every COPY."""
        return [(source, destination) for source, destination in (a.split() for a in self.all("COPY"))]


def parse(text: str) -> Dockerfile:
    """Read a Dockerfile of our own plain kind: no heredocs, no parser directives."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    found = [line.split(None, 1) for line in joined.splitlines() if line.strip()]
    return Dockerfile(tuple((name.upper(), " ".join(arguments.split())) for name, arguments in found))
