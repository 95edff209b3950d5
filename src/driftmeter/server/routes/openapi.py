"""The OpenAPI 3.1 document, made from the table of routes and the types that it names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from driftmeter.server.problems import PROBLEM_TYPE, Problem
from driftmeter.server.routes.operation import Content, Operation
from driftmeter.types import JSON
from driftmeter.version import __version__

_REFERENCE = "#/components/schemas/{name}"
_PROBLEMS = {
    400: "The request cannot be read; nothing of it counts.",
    404: "Unknown model, profile, feature or incident.",
    413: "More than the server takes at once.",
    415: "This content type or encoding is not read here.",
    422: "Readable, but not valid: see `detail`.",
    503: "The store cannot be reached: try again.",
}
_ANSWERS = {
    200: "Done.",
    201: "Created.",
    204: "Done; there is nothing to say.",
    503: "Not ready, and why.",
}
_PATH_PARAMETERS = {
    "model": "Name of a registered model.",
    "version": "Any version: rows are counted by the newest profile.",
    "start_ms": "Start of the pane, in milliseconds since the epoch.",
    "source": "The process that counts: a stable name, and a part that is new at every start.",
    "feature": "Name of a feature.",
    "incident": "Id of an incident.",
}


def document(operations: Sequence[Operation]) -> JSON:
    """Return the document that describes operations."""
    schemas = _Schemas(operations)
    paths: dict[str, JSON] = {}
    for operation in operations:
        paths.setdefault(operation.template, {})[operation.method.lower()] = _described(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "driftmeter",
            "summary": "Real-time data drift monitoring.",
            "version": __version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {"schemas": schemas.components},
    }


class _Schemas:
    """The schemas of all types that operations name: structs become components, other types are written in place."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        types = [Problem, *(type_ for operation in operations for type_ in _types(operation))]
        schemas, self.components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
        self._schemas = list(zip(types, schemas, strict=True))

    def of(self, type_: Any) -> JSON:
        """Return the schema of a type; bytes are not described."""
        if type_ is bytes:
            return {}
        return next(schema for described, schema in self._schemas if described is type_)


def _types(operation: Operation) -> Iterable[Any]:
    for content in (operation.body, *operation.answers.values()):
        yield from (type_ for type_ in content.values() if type_ is not bytes)


def _described(operation: Operation, schemas: _Schemas) -> JSON:
    described: JSON = {
        "operationId": operation.handler.__name__,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description,
        "parameters": [
            *_path_parameters(operation),
            *_parameters("query", operation.query),
            *_parameters("header", operation.headers),
        ],
    }
    if operation.body:
        described["requestBody"] = {"required": operation.body_required, "content": _content(operation.body, schemas)}
    described["responses"] = _responses(operation, schemas)
    return described


def _responses(operation: Operation, schemas: _Schemas) -> JSON:
    problem = {PROBLEM_TYPE: {"schema": schemas.of(Problem)}}
    responses: JSON = {}
    for status, content in operation.answers.items():
        responses[str(status)] = {"description": _ANSWERS[status]}
        if content:
            responses[str(status)]["content"] = _content(content, schemas)
        if status == 200 and operation.answer_headers is not None:
            responses[str(status)]["headers"] = {
                header.pop("name"): header for header in _parameters(None, operation.answer_headers)
            }
    for status in operation.problems:
        responses[str(status)] = {"description": _PROBLEMS[status], "content": problem}
    return responses


def _content(content: Content, schemas: _Schemas) -> JSON:
    return {media: {"schema": schemas.of(type_)} if type_ is not bytes else {} for media, type_ in content.items()}


def _path_parameters(operation: Operation) -> list[JSON]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PATH_PARAMETERS[name],
            "schema": {"type": "integer" if name == "start_ms" else "string"},
        }
        for name in operation.route().param_convertors
    ]


def _parameters(place: str | None, struct: type[msgspec.Struct] | None) -> list[JSON]:
    """Describe each field of a struct as a parameter in `place`, or as a header of an answer if that is None."""
    if struct is None:
        return []
    _, components = msgspec.json.schema_components([struct], ref_template=_REFERENCE)
    described = components[struct.__name__]
    parameters = []
    for name, nullable in described["properties"].items():
        schema = _without_null(nullable)
        description = schema.pop("description")
        required = name in described["required"]
        parameter = {"name": name, "required": required, "description": description, "schema": schema}
        parameters.append(parameter if place is None else {"in": place, **parameter})
    return parameters


def _without_null(schema: JSON) -> JSON:
    """Return the schema of a parameter that may be absent, and is never null; no default then says so too."""
    if schema.get("default", ...) is not None:
        return schema
    (choice,) = (choice for choice in schema["anyOf"] if choice != {"type": "null"})
    outer = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    return {"type": "string", **choice, **outer}
