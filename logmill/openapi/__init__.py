"""The OpenAPI document of each HTTP service, made from its routes, and the page that shows it.

A route is described where it is defined: `@describe(...)` above its function says what it takes and answers. What the
answers hold are msgspec structs; `document` reads routes, descriptions and structs, and nothing else.
"""

from logmill.openapi.operation import Answer, Body, Operation, Parameter, describe, operation_of
from logmill.openapi.shapes import Shape, Success

__all__ = ["Answer", "Body", "Operation", "Parameter", "Shape", "Success", "describe", "operation_of"]
