"""API Gateway hands the app every request, and where it answers itself it speaks as the app does."""

import json
from typing import Any

import pytest

from app import app
from app.routing import find_route

ANY = "x-amazon-apigateway-any-method"
OF_ITS_OWN = {
    "ACCESS_DENIED": 403,
    "EXPIRED_TOKEN": 403,
    "INVALID_API_KEY": 403,
    "INVALID_SIGNATURE": 403,
    "UNAUTHORIZED": 403,
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


@pytest.fixture(scope="module")
def paths(gateway):
    return gateway["DefinitionBody"]["paths"]


def resource_of(method: str, path: str, paths: dict[str, Any]) -> str | None:
    """The resource by which API Gateway takes a request: the most specific one that has the method."""
    candidates = [path, "/" if path == "/" else "/{proxy+}"]
    return next((each for each in candidates if {method.lower(), ANY} & paths.get(each, {}).keys()), None)


def test_whatever_no_resource_takes_goes_to_the_app_too(paths):
    assert ANY in paths["/"]
    assert ANY in paths["/{proxy+}"]


def test_all_resources_lead_to_the_one_function(paths):
    integrations = [each["x-amazon-apigateway-integration"] for methods in paths.values() for each in methods.values()]

    assert {integration["type"] for integration in integrations} == {"aws_proxy"}
    assert len({json.dumps(integration["uri"]) for integration in integrations}) == 1


@pytest.mark.parametrize(
    ("route", "method"), [(route, method) for route, methods in app.routes.items() for method in methods]
)
def test_every_route_of_the_app_is_reached(paths, route, method):
    ids = {"project_id": "p", "run_id": "r", "upload_id": "u"}
    path = route.format(**ids)
    resource = resource_of(method, path, paths)
    proxy = {"proxy": path.removeprefix("/")} if resource == "/{proxy+}" else None
    event = {"path": path, "pathParameters": proxy, "requestContext": {"resourcePath": resource}}

    wanted = {name: value for name, value in ids.items() if "{" + name in route}
    assert find_route(event, app.routes) == (route, wanted)


def test_what_is_throttled_apart_is_a_route_that_stays_apart(gateway, paths):
    default, *apart = gateway["MethodSettings"]

    assert (default["ResourcePath"], default["HttpMethod"]) == ("/*", "*")
    named = {(each["ResourcePath"].removeprefix("/").replace("~1", "/"), each["HttpMethod"]) for each in apart}
    assert named == {("/v1/projects", "POST")}
    assert paths.keys() == {"/", "/{proxy+}"} | {path for path, _ in named}
    for path, method in named:
        assert method in app.routes[path]
        assert paths[path].keys() == {method.lower()}
        assert resource_of(method, path, paths) == path


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
        if kind == "DEFAULT_4XX":
            continue
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


def test_what_api_gateway_refuses_for_a_reason_of_its_own_keeps_its_status_and_says_what_to_do(gateway):
    """Its 413 for an event that Lambda refuses is reported to be of no kind that can be named."""
    response = gateway["GatewayResponses"]["DEFAULT_4XX"]

    assert "StatusCode" not in response
    assert response["ResponseParameters"]["Headers"]["Content-Type"] == "'application/problem+json'"
    problem = json.loads(response["ResponseTemplates"]["application/json"])
    assert problem.keys() == {"detail", "title", "type"}
    assert "object store" in problem["detail"]
