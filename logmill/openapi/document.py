"""The OpenAPI document of an app, from its routes and what is said of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from logmill import __version__
from logmill.openapi.operation import COMMON_TAGS, Answer, Body, Operation, Parameter, operation_of
from logmill.openapi.shapes import Error, Schemas

# What Flask answers by itself for each route.
_OWN_METHODS = frozenset({"HEAD", "OPTIONS"})
_BODY_ERRORS = {
    400: "the body is not what it says it is, is cut off, or a value in it cannot be taken",
    408: "the body stalls",
    413: "the body is too long, also when decompressed, or holds too much",
    415: "Content-Type or Content-Encoding is none of those that are taken",
}
_NO_KEY = "no API key, or another one"
_NOT_TRUSTED = "the request names the service by a host that LOGMILL_TRUSTED_HOSTS does not have"
_RETRY_AFTER = "seconds after which to try again"
_SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "the API key, LOGMILL_API_KEY"},
    "header": {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "the same"},
}


def document(app: Flask, *, title: str, has_key: bool, is_open: Callable[[str], bool]) -> dict[str, Any]:
    """The document, OpenAPI 3.1, as objects for a JSON encoder.

    Args:
        app: with all its routes; those that nothing is said of are left out.
        title: of the document.
        has_key: whether an API key is asked for.
        is_open: whether a path needs none.
    """
    described = list(routes(app))
    schemas = Schemas([Error, *(kind for _, _, operation in described for kind in _kinds(operation))])
    paths: dict[str, dict[str, Any]] = {}
    for rule, method, operation in described:
        shown = _operation(rule, operation, schemas, is_open=is_open(rule.rule), has_key=has_key)
        paths.setdefault(path_of(rule), {})[method.lower()] = shown
    components: dict[str, Any] = {"schemas": schemas.components}
    found: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": title, "version": __version__},
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in _headings(described)],
        "paths": dict(sorted(paths.items())),
        "components": components,
    }
    if has_key:
        components["securitySchemes"] = _SECURITY
        found["security"] = [{name: []} for name in _SECURITY]
    return found


def _headings(described: Sequence[tuple[Rule, str, Operation]]) -> list[str]:
    """The tags, what every service has last."""
    tags = dict.fromkeys(operation.tag for _, _, operation in described)
    return sorted(tags, key=lambda tag: tag in COMMON_TAGS)


def routes(app: Flask) -> Iterator[tuple[Rule, str, Operation]]:
    """Each route and method of which something is said."""
    for rule, method in every_route(app):
        operation = operation_of(app.view_functions[rule.endpoint])
        if operation is not None:
            yield rule, method, operation


def every_route(app: Flask) -> Iterator[tuple[Rule, str]]:
    """Each route and method, without those that Flask adds."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - _OWN_METHODS):
            yield rule, method


def path_of(rule: Rule) -> str:
    """A route's path as OpenAPI writes it: /logs/{log_id}."""
    return "".join(f"{{{text}}}" if is_dynamic else text for is_dynamic, text in _pieces(rule))


def _pieces(rule: Rule) -> Iterator[tuple[bool, str]]:
    for number, piece in enumerate(rule.rule.replace(">", "<").split("<")):
        yield (True, piece.rpartition(":")[2]) if number % 2 else (False, piece)


def _kinds(operation: Operation) -> Iterator[Any]:
    for answer in operation.answers.values():
        yield from _contents(answer).values()
    if operation.body is not None:
        yield from operation.body.content.values()


def _operation(rule: Rule, operation: Operation, schemas: Schemas, *, is_open: bool, has_key: bool) -> dict[str, Any]:
    common = {**_BODY_ERRORS} if operation.body is not None else {}
    if not has_key:
        common[421] = _NOT_TRUSTED
    elif not is_open:
        common[401] = _NO_KEY
    errors = {**common, **operation.errors}
    answers = {status: _answer(one, schemas) for status, one in operation.answers.items()}
    answers |= {status: _error(status, text, schemas) for status, text in errors.items()}
    found: dict[str, Any] = {
        "operationId": rule.endpoint.replace(".", "_"),
        "summary": operation.summary,
        "tags": [operation.tag],
    }
    if operation.help:
        found["description"] = operation.help
    if operation.parameters:
        found["parameters"] = [_parameter(one) for one in operation.parameters]
    if operation.body is not None:
        found["requestBody"] = _body(operation.body, schemas)
    found["responses"] = {str(status): answers[status] for status in sorted(answers)}
    if has_key and is_open:
        found["security"] = []
    return found


def _parameter(one: Parameter) -> dict[str, Any]:
    return {
        "name": one.name,
        "in": one.place,
        "description": one.help,
        "required": one.is_required or one.place == "path",
        **({"allowEmptyValue": True} if one.may_be_empty else {}),
        "schema": dict(one.schema),
    }


def _body(body: Body, schemas: Schemas) -> dict[str, Any]:
    content = {}
    for media, kind in body.content.items():
        example = {"example": body.examples[media]} if media in body.examples else {}
        content[media] = {"schema": schemas.of(kind), **example}
    return {"description": body.help, "required": True, "content": content}


def _answer(one: Answer, schemas: Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {"description": one.help}
    if one.headers:
        found["headers"] = _headers(one.headers)
    contents = _contents(one)
    if contents:
        found["content"] = {media: {"schema": schemas.of(content)} for media, content in contents.items()}
    return found


def _contents(one: Answer) -> dict[str, Any]:
    """What an answer may hold, by media type."""
    return {**(dict.fromkeys(one.media, one.content) if one.content is not None else {}), **one.others}


def _error(status: int, text: str, schemas: Schemas) -> dict[str, Any]:
    headers = {"Retry-After": _RETRY_AFTER} if status == 503 else {}  # noqa: PLR2004
    return _answer(Answer(text, Error, headers=headers), schemas)


def _headers(headers: Mapping[str, str]) -> dict[str, Any]:
    return {name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()}
