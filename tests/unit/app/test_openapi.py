"""The OpenAPI document describes the API: it is made of the API's own routes and models.

That every answer is as the document says is held wherever a test sends a request: see `tests.documented`.
"""

import json
import re
from html.parser import HTMLParser
from http import HTTPStatus

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from app import app
from app.openapi import render_page
from app.openapi.operations import OPERATIONS
from app.problems import PROBLEMS
from linkage.testing.world import in_memory_world
from tests.documented import assert_documented, document
from tests.driving import driver
from tests.unit.infra.template.test_gateway import OF_ITS_OWN

OPERATION_IDS = {
    (method, route.removeprefix("/v1")): entry.view_function.__name__
    for route, methods in app.routes.items()
    for method, entry in methods.items()
}
NO_OPERATION = {404, 405}


@pytest.fixture
def service():
    return driver(in_memory_world())


def operations():
    return [
        (method.upper(), path, operation)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    ]


def test_it_is_valid():
    OpenAPIV31SpecValidator(document()).validate()


def test_every_route_is_in_it_and_nothing_else():
    assert {(method, path): operation["operationId"] for method, path, operation in operations()} == OPERATION_IDS
    assert OPERATIONS.keys() == set(OPERATION_IDS.values())


def test_every_problem_that_the_app_or_api_gateway_tells_is_in_it():
    documented = {int(status) for _, _, operation in operations() for status in operation["responses"]}

    assert {int(status) for status in PROBLEMS.values()} <= documented
    assert set(OF_ITS_OWN.values()) - NO_OPERATION <= documented
    assert HTTPStatus.UNSUPPORTED_MEDIA_TYPE in documented


def test_every_error_is_told_as_a_problem():
    for _, _, operation in operations():
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert response["content"].keys() == {"application/problem+json"}


def test_what_needs_a_token_says_whose():
    schemes = document()["components"]["securitySchemes"]

    for _, path, operation in operations():
        names = [name for scheme in operation["security"] for name in scheme]
        assert bool(names) == ("{project_id}" in path)
        assert set(names) <= schemes.keys()
    assert {scheme["name"] for scheme in schemes.values()} == {"Authorization"}


def test_every_path_parameter_is_declared():
    for _, path, operation in operations():
        declared = [parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"]
        assert declared == re.findall(r"{(\w+)}", path)


def test_every_model_and_operation_is_explained():
    assert all(operation["summary"].endswith(".") for _, _, operation in operations())
    assert all(
        schema["description"] and "Parameters" not in schema["description"]
        for schema in document()["components"]["schemas"].values()
    )


def test_it_is_served_as_it_is_made(service):
    answer = service.request("GET", "/openapi.json")

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json == document()


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (202, {"Content-Type": "application/json"}, b'{"status": "ok", "project_count": 0, "rate": 1}'),
        (200, {"Content-Type": "text/plain"}, b'{"status": "ok", "project_count": 0, "rate": 1}'),
        (200, {"Content-Type": "application/json"}, b'{"status": "ok", "project_count": -1, "rate": 1}'),
        (200, {"Content-Type": "application/json"}, b'{"status": "ok", "rate": 1}'),
        (503, {"Content-Type": "application/problem+json"}, b"{}"),
    ],
)
def test_answers_that_are_not_in_it_would_be_found(status, headers, body):
    with pytest.raises(AssertionError):
        assert_documented("GET", "/status", None, status, headers, body)


def test_requests_that_are_not_in_it_would_be_found():
    created = {"project_id": "0" * 48, "result_token": "0" * 48, "update_tokens": ["0" * 48] * 2}
    headers, body = {"Content-Type": "application/json"}, json.dumps(created).encode()

    assert_documented("POST", "/projects", b'{"schema": {}, "result_type": "groups"}', 201, headers, body)
    with pytest.raises(AssertionError, match='"schema" is a required property'):
        assert_documented("POST", "/projects", b"{}", 201, headers, body)


class Page(HTMLParser):
    """The links and resources of a page."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.ids, self.asks = [], set(), set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag != "meta":
            self.open.append(tag)
        self.ids.add(attributes.get("id"))
        self.links.add(attributes.get("href"))
        self.asks += [tag for _ in {"src", "srcset", "data", "action"} & attributes.keys()]
        self.asks += [tag for _ in {"script", "link", "img", "iframe"} & {tag}]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_shows_all_of_it_and_asks_nobody_for_anything(service):
    answer = service.request("GET", "/docs")
    text = answer.body.decode()
    page = Page(text)

    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert page.open == []
    assert page.asks == []
    assert "url(" not in text
    assert "@import" not in text
    assert "://" not in text
    assert page.ids >= {*OPERATIONS, *document()["components"]["schemas"]}
    links = page.links - {None}
    assert {link for link in links if not link.startswith("#")} == {"openapi.json"}
    assert {link[1:] for link in links - {"openapi.json"}} <= page.ids


def test_what_is_in_the_document_cannot_write_the_page():
    hostile = json.loads(json.dumps(document()).replace("Tell that the service works", "<script>alert(1)</script>"))

    assert "<script>" not in render_page(hostile)
