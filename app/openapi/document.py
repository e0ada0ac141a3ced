"""Make the OpenAPI 3.1 document of the routes that are registered."""

import inspect
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from chalice.app import RouteEntry
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from app.openapi.operations import BYTES, OPERATIONS, RECEIPT, RESULT, UPDATE, Operation
from app.problems import PROBLEM
from app.response_bodies import Identifier, ProblemBody
from linkage import __version__

_JSON, _HTML = "application/json", "text/html; charset=utf-8"
_PREFIX = "/v1"
_REFERENCE = "#/components/schemas/{model}"
_ALWAYS = (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
_ABOUT = """\
Privacy-preserving record linkage: parties upload encodings of their records, and learn which of them belong to the same
entities without showing them to each other or to the service.

Ids and tokens are 48 lower-case hexadecimal digits. A token is the whole value of the header `Authorization`, without a
scheme. Errors are problem details (RFC 9457). Members and query parameters that are not known are ignored. HEAD is
answered wherever GET is, OPTIONS everywhere. A 503 passes by itself: try again.

An upload whose answer was lost may be sent again: the same bytes, or the announcement of the same files, are answered
by the same receipt. A run is posted once for each `Idempotency-Key`. A project that is created twice is two projects:
the one that nobody knows expires.
"""
_TOKENS = {
    RESULT: "The project's result token: runs, results, deletion.",
    UPDATE: "A party's update token: its uploads, and nothing else.",
    RECEIPT: (
        "The receipt token of an upload: reads the upload's state and, unless it failed, a linkage of result type"
        " permutations and its own permutation."
    ),
}


def build_document(routes: Mapping[str, Mapping[str, RouteEntry]]) -> dict[str, Any]:
    """Return the document; raises `KeyError` for a view that `app.openapi.operations` does not know."""
    schemas = _Schemas()
    paths: dict[str, dict[str, Any]] = {}
    for route, method, entry in _entries(routes):
        operation = paths.setdefault(route.removeprefix(_PREFIX), {})
        operation[method.lower()] = _operation(entry, OPERATIONS[entry.view_function.__name__], schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Linkage",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/api/v1"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in OPERATIONS.values())],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.named.items())),
            "securitySchemes": {
                name: {"type": "apiKey", "in": "header", "name": "Authorization", "description": description}
                for name, description in _TOKENS.items()
            },
        },
    }


def _entries(routes: Mapping[str, Mapping[str, RouteEntry]]) -> Iterator[tuple[str, str, RouteEntry]]:
    for route, methods in routes.items():
        for method, entry in methods.items():
            yield route, method, entry


class _Schemas:
    """Schemas of the models that the document refers to; each is described once."""

    def __init__(self) -> None:
        self.named: dict[str, Any] = {}

    def of(self, *kinds: Any, answer: bool) -> dict[str, Any]:  # noqa: ANN401  types of any kind
        """Return the schema of a value of exactly one of the kinds."""
        schemas = [self._of(kind, answer=answer) for kind in kinds]
        return schemas[0] if len(schemas) == 1 else {"oneOf": schemas}

    def _of(self, kind: Any, *, answer: bool) -> dict[str, Any]:  # noqa: ANN401  a type of any kind
        adapter: TypeAdapter[Any] = TypeAdapter(kind)
        if answer:
            schema = adapter.json_schema(ref_template=_REFERENCE, mode="serialization", schema_generator=_ByTitle)
        else:
            schema = adapter.json_schema(ref_template=_REFERENCE, mode="validation")
        self.named |= schema.pop("$defs", {})
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            self.named[schema["title"]] = schema
            return {"$ref": _REFERENCE.format(model=schema["title"])}
        return schema


class _ByTitle(GenerateJsonSchema):
    """A generator of schemas that names a response body as the document does, also where it is inside of another."""

    def normalize_name(self, name: str) -> str:
        """Return the name of a model in references."""
        return super().normalize_name(name).removesuffix("Body")


def _operation(entry: RouteEntry, operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    summary, _, description = (inspect.getdoc(entry.view_function) or "").partition("\n")
    described: dict[str, Any] = {
        "operationId": entry.view_function.__name__,
        "tags": [operation.tag],
        "summary": summary,
        "parameters": [*_path_parameters(entry), *_header_parameters(operation)],
        "responses": _responses(operation, schemas),
        "security": [{token: []} for token in operation.tokens],
    }
    if description or operation.description:
        described["description"] = operation.description or " ".join(description.split())
    if operation.body:
        content = {_JSON: {"schema": schemas.of(*operation.body, answer=False)}}
        described["requestBody"] = {"required": True, "content": content}
    elif operation.takes_bytes:
        described["requestBody"] = {"required": True, "content": BYTES}
    return described


def _path_parameters(entry: RouteEntry) -> list[dict[str, Any]]:
    schema = TypeAdapter(Identifier).json_schema()
    names = re.findall(r"{(\w+)}", entry.uri_pattern)
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in names]


def _header_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": header.name,
            "in": "header",
            "required": header.required,
            "description": header.description,
            "schema": dict(header.schema),
        }
        for header in operation.headers
    ]


def _responses(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    responses = {str(status): _answer(status, kinds, schemas) for status, kinds in operation.answers.items()}
    problem = {PROBLEM: {"schema": schemas.of(ProblemBody, answer=True)}}
    for status in sorted(_problem_statuses(operation)):
        responses[str(status)] = {"description": HTTPStatus(status).phrase, "content": problem}
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            responses[str(status)]["headers"] = {"Retry-After": {"schema": {"type": "string"}}}
    return responses


def _answer(status: int, kinds: tuple[Any, ...], schemas: _Schemas) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if kinds == (str,):
        answer["content"] = {_HTML: {"schema": {"type": "string"}}}
    elif kinds:
        answer["content"] = {_JSON: {"schema": schemas.of(*kinds, answer=True)}}
    if status == HTTPStatus.TEMPORARY_REDIRECT:
        schema = {"type": "string", "format": "uri"}
        answer["headers"] = {
            "Location": {"required": True, "description": "where to read it a while, without a token", "schema": schema}
        }
    return answer


def _problem_statuses(operation: Operation) -> set[int]:
    """Return the statuses of the problems that an operation may answer with."""
    statuses = {*_ALWAYS, *operation.problems}
    if operation.tokens:
        statuses |= {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN}
    if operation.body or operation.takes_bytes:
        statuses |= {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}
    if operation.body:
        statuses |= {HTTPStatus.UNSUPPORTED_MEDIA_TYPE}
    return statuses
