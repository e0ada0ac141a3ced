"""Check requests and answers against the OpenAPI document, in every test that sends requests."""

import json
import re
from functools import cache
from typing import Any

from jsonschema_rs import Draft202012Validator

from app import app
from app.openapi import build_document
from app.routing import match_path

OUTSIDE = {404, 405}
"""The statuses of requests that no operation of the document matches."""


@cache
def document() -> dict[str, Any]:
    built: dict[str, Any] = json.loads(json.dumps(build_document(app.routes)))
    return built


def operation_of(method: str, path: str) -> dict[str, Any] | None:
    """The operation that a request is for, where a slash counts once."""
    path = re.sub("/+", "/", path)
    for template, methods in document()["paths"].items():
        if match_path(template, path) is not None:
            operation: dict[str, Any] | None = methods.get(method.lower())
            return operation
    return None


def assert_documented(
    method: str, path: str, request: bytes | None, status: int, headers: dict[str, str], body: bytes
) -> None:
    """Fail if this answer to this request contradicts the document."""
    if method in ("HEAD", "OPTIONS"):
        return
    operation = operation_of(method, path)
    if operation is None:
        assert status in OUTSIDE, f"{method} {path} is not in the document and answers {status}"
        return
    responses = operation["responses"]
    assert str(status) in responses, f"{operation['operationId']} answers {status}, which is not in the document"
    _check_answer(responses[str(status)], headers, body)
    if status < 300 and "requestBody" in operation:
        _check_body(operation["requestBody"]["content"], request or b"")


def _check_answer(response: dict[str, Any], headers: dict[str, str], body: bytes) -> None:
    content = response.get("content")
    for name in response.get("headers", {}):
        assert name in headers, f"{name} is missing"
    if content is None:
        assert body == b""
        return
    assert headers["Content-Type"] in content, f"{headers['Content-Type']} is not in the document"
    if "json" in headers["Content-Type"]:
        _validate(content[headers["Content-Type"]]["schema"], json.loads(body))


def _check_body(content: dict[str, Any], body: bytes) -> None:
    """Check that the document allows each body that the API accepted."""
    if "application/json" in content:
        _validate(content["application/json"]["schema"], json.loads(body))


def _validate(schema: dict[str, Any], value: Any) -> None:
    key = json.dumps(schema)
    error = next(_validator(key).iter_errors(value), None)
    assert error is None, f"not as the document says: {error.message[:500]}"


@cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator({**json.loads(schema), "components": document()["components"]})
