"""What answers hold, as types, and the JSON Schemas of them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec
from msgspec import UNSET, UnsetType

from logmill.intake import Rejection

REFERENCE = "#/components/schemas/{name}"
_ATTRIBUTE = re.compile(r"^    (\w+): (.+?)(?=^    \w+: |\Z)", re.MULTILINE | re.DOTALL)


class Shape(msgspec.Struct, forbid_unknown_fields=True):
    """The base of all that an answer holds: the fields that are named and no others.

    The first paragraph of a docstring becomes its description, and the lines under `Attributes:` those of its fields.
    """


class Success(Shape):
    """The base of answers to requests that succeeded."""

    status: Literal["success"]


class Error(Shape):
    """Any error answer.

    Attributes:
        code: a short stable name of the fault, for programs.
        message: the fault in words.
        field: the parameter or field at fault, if it is one; "line 3" where a whole line of a body is.
        position: in a search text or JSON, the character at which it cannot be read, from 0.
        accepted: of a batch, how many logs were taken.
        rejected: of a batch, how many were not.
        errors: of a batch, why each was not.
    """

    status: Literal["error"]
    code: str
    message: str
    field: str | UnsetType = UNSET
    position: int | UnsetType = UNSET
    accepted: int | UnsetType = UNSET
    rejected: int | UnsetType = UNSET
    errors: list[Rejection] | UnsetType = UNSET


@runtime_checkable
class Derived(Protocol):
    """A type whose schema is made from a table; it has a name among the components like a struct."""

    @staticmethod
    def json_schema() -> dict[str, Any]:
        """Its schema, without references."""


class Schemas:
    """The schemas of types; `components` has those that have a name.

    Args:
        types: all that will be asked for; a dict is taken as a schema, a tuple as any of its types.
    """

    def __init__(self, types: Iterable[Any]) -> None:
        parts = [part for one in types for part in (one if isinstance(one, tuple) else (one,))]
        wanted = [one for one in parts if not isinstance(one, dict)]
        derived: dict[str, Any] = {}

        def hook(kind: type) -> dict[str, Any]:
            if not isinstance(kind, Derived):
                raise NotImplementedError
            derived[kind.__name__] = kind.json_schema()
            return {"$ref": REFERENCE.format(name=kind.__name__)}

        found, components = msgspec.json.schema_components(wanted, schema_hook=hook, ref_template=REFERENCE)
        self._known = list(zip(wanted, found, strict=True))
        self.components = dict(
            sorted({**{name: _with_help(one) for name, one in components.items()}, **derived}.items())
        )

    def of(self, kind: Any) -> dict[str, Any]:
        """The schema of one type, or of a schema itself."""
        if isinstance(kind, tuple):
            return {"anyOf": [self.of(part) for part in kind]}
        return dict(kind) if isinstance(kind, dict) else next(schema for one, schema in self._known if one == kind)


def _with_help(schema: dict[str, Any]) -> dict[str, Any]:
    """A struct's schema with the help of its fields from its docstring."""
    text = inspect.cleandoc(schema.get("description", ""))
    summary, _, attributes = text.partition("Attributes:\n")
    properties = {name: dict(one) for name, one in schema.get("properties", {}).items()}
    for name, words in _ATTRIBUTE.findall(attributes):
        if name in properties:
            properties[name]["description"] = " ".join(words.split())
    return {**schema, "description": " ".join(summary.split()), "properties": properties}
