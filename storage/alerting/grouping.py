"""The fields that rules group and measure by: columns of the record, or parts of the metadata, as SQL."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from storage import render
from storage.alerting.detector import begun, quoted
from storage.counting import values_of
from storage.engine.protocol import Value
from storage.search.fields import Holds, field_of
from storage.search.filters import AnyOf, Filter, Metadata
from storage.statements import statement

_METADATA = "metadata."
_MAX_DEPTH = 10
# Of a group's value; what is longer is told from others by a hash of the whole.
MAX_VALUE_CHARS = 200


@dataclass(frozen=True, slots=True)
class Grouping:
    """A field.

    Attributes:
        name: as it is named to people and in search texts.
        column: of the record; "" where it is a part of the metadata.
        path: in the metadata; of one column none.
        is_number: whether it can be summed.
    """

    name: str
    column: str
    path: tuple[str, ...]
    is_number: bool

    def text_sql(self, names: str) -> tuple[str, dict[str, Value]]:
        """Its value as text, "" where there is none, and what that binds under names that begin so."""
        if self.column:
            return f"toString({values_of(self.column)})", {}
        at, params = self._path(names)
        return statement("alerts", "metadata_value", path=at), params

    def number_sql(self, names: str) -> tuple[str, dict[str, Value]]:
        """Its value as a number, null where there is none."""
        if self.column:
            return self.column, {}
        at, params = self._path(names)
        return statement("alerts", "metadata_number", path=at), params

    def shown(self, text: str) -> str:
        """A value of `text_sql` as people know it; "" for none."""
        return render.counted_text(self.column, text) if self.column else text

    def filter(self, value: str) -> Filter:
        """The logs with this value."""
        field = field_of(self.name) if self.column else None
        if field is None:
            return Metadata(self.path, value)
        return AnyOf(field.name, (field.value(value, 0),))

    def clause(self, value: str) -> str:
        """The search text for the logs with this value; of one that alerts cut, for those that begin like it."""
        if len(value) <= MAX_VALUE_CHARS:
            return f"{self.name}:{quoted(value)}"
        return f"{self.name}:{begun(value[:MAX_VALUE_CHARS])}*"

    def _path(self, names: str) -> tuple[str, dict[str, Value]]:
        params: dict[str, Value] = {f"{names}{number}": part for number, part in enumerate(self.path)}
        return ", ".join(f"{{{name}:String}}" for name in params), params


def shortened(value: str) -> str:
    """A value of a group as alerts have it: as it is, or its begin and a hash where it is long."""
    if len(value) <= MAX_VALUE_CHARS:
        return value
    digest = hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"{value[:MAX_VALUE_CHARS]}…{digest}"


def grouping_of(name: str) -> Grouping:
    """The field of this name.

    Raises:
        ValueError: there is none that can be grouped by; in words for the rule's author.
    """
    field = field_of(name)
    if field is not None:
        if field.holds in {Holds.MESSAGE, Holds.TIME}:
            raise ValueError(f"{name!r} holds {field.holds.value}, which is not counted by")
        return Grouping(field.name, field.name, (), field.holds is Holds.NUMBER)
    path = tuple(name.removeprefix(_METADATA).split("."))
    if not name.startswith(_METADATA) or "" in path or len(path) > _MAX_DEPTH:
        raise ValueError(f"there is no field {name!r}; parts of the metadata are named as metadata.order.id")
    return Grouping(name, "", path, is_number=True)
