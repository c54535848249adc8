"""A YAML document that knows the line of each of its values, so that an error can name it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
import yaml

from logmill.errors import ConfigError

MAX_BYTES = 1024 * 1024
_PATH = re.compile(r" - at `(?:key in )?\$([^`]*)`$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|(\[\.\.\.\])")
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")

Step = str | int
Shape = TypeVar("Shape")


class _Loader(yaml.SafeLoader):
    """Takes words for text as YAML 1.2 does, where only `true` and `false` are no text: a mode can be called off."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF")


class Document:
    """One file.

    Args:
        name: what errors call it.
        text: its content.

    Raises:
        ConfigError: it is no YAML, names a key twice, or uses aliases; with the line.
    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        try:
            self._root = yaml.compose(text, Loader=_Loader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            place = f"{name}, line {mark.line + 1}" if mark else name
            raise ConfigError(f"{place}: no YAML: {error.problem}") from None
        except RecursionError:
            raise ConfigError(f"{name}: nested too deeply") from None
        except yaml.YAMLError as error:
            raise ConfigError(f"{name}: no YAML: {' '.join(str(error).split())}") from None
        self._check(self._root, set())
        constructor = _Loader("")
        try:
            # What is empty has no rules.
            self._data = {} if self._root is None else constructor.construct_document(self._root)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            raise ConfigError(f"{name}, line {mark.line + 1 if mark else 1}: {error.problem}") from None
        except ValueError as error:  # a date such as 2026-13-45
            raise ConfigError(f"{name}: {error}") from None
        finally:
            constructor.dispose()

    @classmethod
    def read(cls, path: Path) -> Document:
        """The document of a file.

        Raises:
            ConfigError: also where it cannot be read, or is longer than MAX_BYTES.
        """
        try:
            with path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from None
        if len(content) > MAX_BYTES:
            raise ConfigError(f"{path}: longer than {MAX_BYTES} bytes")
        try:
            return cls(str(path), content.decode())
        except UnicodeDecodeError:
            raise ConfigError(f"{path}: not UTF-8") from None

    def convert(self, shape: type[Shape]) -> Shape:
        """The content as this shape.

        Raises:
            ConfigError: it has another; with the line of the first value that is at fault.
        """
        try:
            return msgspec.convert(self._data, shape)
        except msgspec.ValidationError as error:
            text = str(error)
            found = _PATH.search(text)
            steps = _steps(found[1]) if found else []
            unknown = _UNKNOWN.search(text)
            if unknown:
                steps.append(unknown[1])
            raise self.error(steps, text[: found.start()] if found else text) from None

    def error(self, steps: Sequence[Step], message: str) -> ConfigError:
        """An error about the value at these steps from the root."""
        return ConfigError(f"{self.place(steps)}: {message}")

    def place(self, steps: Sequence[Step]) -> str:
        """Where the value at these steps stands: file, line and the way to it."""
        way = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")
        return f"{self.name}, line {self._line(steps)}{f', {way}' if way else ''}"

    def _line(self, steps: Sequence[Step]) -> int:
        node, line = self._root, 1
        for step in steps:
            if isinstance(node, yaml.MappingNode):
                pairs = [(key, value) for key, value in node.value if key.value == str(step)]
                if not pairs:
                    break
                key, node = pairs[0]
                line = key.start_mark.line + 1
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
                line = node.start_mark.line + 1
            else:
                break
        return line

    def _check(self, node: yaml.Node | None, seen: set[int]) -> None:
        """No key twice, where the first would be lost in silence; no alias, which can make much out of little."""
        if node is None:
            return
        if id(node) in seen:
            raise ConfigError(f"{self.name}, line {node.start_mark.line + 1}: aliases are not taken")
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode) or key.value in keys:
                    what = "named twice" if isinstance(key, yaml.ScalarNode) else "no name"
                    raise ConfigError(f"{self.name}, line {key.start_mark.line + 1}: {key.value}: {what}")
                keys.add(key.value)
                self._check(value, seen)
        elif isinstance(node, yaml.SequenceNode):
            for value in node.value:
                self._check(value, seen)


def _steps(path: str) -> list[Step]:
    """The steps of msgspec's path `.a.b[0]`; at `[...]`, a value whose key it does not say, they end."""
    steps: list[Step] = []
    for name, index, unknown in _STEP.findall(path):
        if unknown:
            break
        steps.append(int(index) if index else name)
    return steps
