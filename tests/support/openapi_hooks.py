"""What schemathesis cannot make up: Arrow streams and NDJSON, good and damaged ones, and ids of what is there."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import requests
import schemathesis
from hypothesis import strategies as st

from logmill.ids import new_batch_id
from logmill.ingest import ARROW_STREAM
from logmill.intake import NDJSON
from logmill.openapi.records import LINES
from tests.support.storage_blocks import batch, stream

# The list that shows such things, in the answer to the path above theirs.
_LISTS = {"log_id": "logs", "letter_id": "letters", "alert_id": "alerts"}

_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
_fields = st.sampled_from(
    ["level", "message", "service", "metadata", "timestamp", "source", "log_data", "lane", "other"]
)
_items = st.dictionaries(_fields, _values | st.dictionaries(st.text(), _values)) | _values | st.lists(_values)


@st.composite
def _blocks(draw: st.DrawFn) -> bytes:
    rows: list[dict[str, Any]] = []
    for count in draw(st.lists(st.integers(1, 20), min_size=1, max_size=3)):
        rows += batch(count, new_batch_id(), service=draw(st.text(max_size=20)), metadata=json.dumps(draw(_items)))
    body = stream(rows, compression=draw(st.sampled_from(["uncompressed", "zstd", "lz4"])))
    if draw(st.booleans()):
        return body
    damaged = bytearray(body[: draw(st.integers(0, len(body)))])
    for at in draw(st.lists(st.integers(0, len(body)), max_size=5)):
        if at < len(damaged):
            damaged[at] ^= draw(st.integers(1, 255))
    return bytes(damaged)


schemathesis.openapi.media_type(ARROW_STREAM, _blocks())
schemathesis.openapi.format(LINES["format"], st.lists(_items.map(json.dumps) | st.text(), max_size=5).map("\n".join))


@schemathesis.serializer(NDJSON)
def _ndjson(_: schemathesis.SerializationContext, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@schemathesis.hook
def map_path_parameters(context: schemathesis.HookContext, path_parameters: dict[str, Any] | None) -> Any:
    """Half of the ids that are made up are those of something that is there."""
    for name in (path_parameters or {}).keys() & _LISTS.keys():
        text = str(path_parameters[name])
        operation = context.operation
        url = operation.schema.get_base_url().rstrip("/") + operation.path.partition("/{")[0]
        known = _known_ids(url, (operation.schema.config.headers or {}).get("Authorization", ""), _LISTS[name])
        if known and len(text) % 2 == 0:
            path_parameters[name] = known[sum(map(ord, text)) % len(known)]
    return path_parameters


@schemathesis.hook
def filter_case(_: schemathesis.HookContext, case: schemathesis.Case) -> bool:
    """Leave out empty values of lists: they ask nothing, which OpenAPI can say of parameters with one value only."""
    values = (case.query or {}).values()
    return not any("" in value if isinstance(value, list | tuple) else value == "" for value in values)


@cache
def _known_ids(url: str, authorization: str, name: str) -> list[str]:
    response = requests.get(url, {"limit": "50"}, headers={"Authorization": authorization}, timeout=30)
    response.raise_for_status()
    return [one["id"] for one in response.json()[name]]
