"""API Gateway hands the app every request, and where it answers itself it speaks as the app does."""

import json
from typing import Any

import pytest

from app import app

ANY = "x-amazon-apigateway-any-method"
OF_ITS_OWN = {
    "DEFAULT_4XX": 403,
    "DEFAULT_5XX": 503,
    "THROTTLED": 503,
    "QUOTA_EXCEEDED": 503,
    "WAF_FILTERED": 503,
    "INTEGRATION_TIMEOUT": 504,
    "BAD_REQUEST_BODY": 400,
    "BAD_REQUEST_PARAMETERS": 400,
    "MISSING_AUTHENTICATION_TOKEN": 404,
    "RESOURCE_NOT_FOUND": 404,
    "REQUEST_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
}


@pytest.fixture(scope="module")
def template(source) -> dict[str, Any]:
    return source


@pytest.fixture(scope="module")
def gateway(template):
    return template["Resources"]["RestAPI"]["Properties"]


def test_every_route_of_the_app_is_one_of_api_gateways(gateway):
    assert {*app.routes} | {"/", "/{proxy+}"} == gateway["DefinitionBody"]["paths"].keys()


def test_whatever_no_route_takes_goes_to_the_app_too(gateway):
    for path, methods in gateway["DefinitionBody"]["paths"].items():
        integrations = [method["x-amazon-apigateway-integration"] for method in methods.values()]
        assert ANY in methods, path
        assert {integration["type"] for integration in integrations} == {"aws_proxy"}
        assert len({json.dumps(integration["uri"]) for integration in integrations}) == 1


def test_path_parameters_are_declared_for_every_method(gateway):
    for path, methods in gateway["DefinitionBody"]["paths"].items():
        for method in methods.values():
            declared = [parameter["name"] for parameter in method.get("parameters", [])]
            assert all("{" + name in path for name in declared)
            assert len(declared) == path.count("{")


def test_bytes_are_handed_over_as_bytes(gateway):
    assert gateway["DefinitionBody"]["x-amazon-apigateway-binary-media-types"] == ["application/octet-stream"]


def test_api_gateways_own_errors_are_problems_that_any_page_may_read(gateway):
    statuses = {}
    for kind, response in gateway["GatewayResponses"].items():
        headers = response["ResponseParameters"]["Headers"]
        problem = json.loads(response["ResponseTemplates"]["application/json"])
        assert headers["Content-Type"] == "'application/problem+json'"
        assert headers["Access-Control-Allow-Origin"] == "'*'"
        assert set(problem) == {"detail", "status", "title", "type"}
        assert problem["detail"]
        assert problem["status"] == int(response["StatusCode"]), kind
        assert ("Retry-After" in headers) == (problem["status"] == 503)
        statuses[kind] = problem["status"]
    assert statuses == OF_ITS_OWN


def test_the_listing_of_projects_is_off_unless_it_is_switched_on(template):
    assert template["Parameters"]["ProjectListing"]["Default"] == "false"
