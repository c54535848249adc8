"""Parts of a log by their names, as `metadata.order.id` or `source.host`; JSON that is picked stays as it was sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import msgspec
from msgspec import Raw

METADATA = "metadata"
# Parts by name: those within it, or None for all that it holds.
Tree: TypeAlias = "dict[str, Tree | None]"

_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


def ways_to(name: str) -> list[tuple[str, ...]]:
    """The names from the outside in that a dotted name may mean; those of metadata may hold dots themselves.

    As in a search: nested throughout, or one name within metadata.
    """
    nested = tuple(name.split("."))
    flat = tuple(name.split(".", 1))
    return [nested] if nested[0] != METADATA or nested == flat else [nested, flat]


def tree_of(names: Iterable[str]) -> Tree:
    """What to pick for these dotted names; the whole of a part takes in what is within it."""
    tree: Tree = {}
    for name in names:
        for way in ways_to(name):
            _plant(tree, way)
    return tree


def pick(log: Raw | bytes, tree: Tree) -> dict[str, object]:
    """The parts of a JSON object that it has, nested as in there, in the order of the tree; nothing of what is none."""
    held = _held(log)
    found: dict[str, object] = {}
    for name, inner in tree.items():
        if name not in held:
            continue
        part = held[name] if inner is None else pick(held[name], inner)
        if part or inner is None:
            found[name] = part
    return found


def first(log: Raw | bytes, ways: Iterable[tuple[str, ...]]) -> Raw | None:
    """What is found in a JSON object on the first of these ways; None where none leads to anything."""
    for way in ways:
        at: Raw | bytes | None = log
        for name in way:
            at = None if at is None else _held(at).get(name)
        if isinstance(at, Raw):
            return at
    return None


def _plant(tree: Tree, way: tuple[str, ...]) -> None:
    for name in way[:-1]:
        inner = tree.setdefault(name, {})
        if inner is None:
            return
        tree = inner
    tree[way[-1]] = None


def _held(text: Raw | bytes) -> dict[str, Raw]:
    """The values of a JSON object; none where it is another value."""
    try:
        return _fields(text)
    except _UNREADABLE:
        return {}
