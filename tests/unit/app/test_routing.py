"""Routing: every path leads to one route or to none."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import app
from app.routing import find_route, match_path

ROUTES = tuple(app.routes)
GREEDY = "/{proxy+}"
IDS = st.text("0123456789abcdef", min_size=48, max_size=48)
SLASHES = st.integers(1, 4).map(lambda count: "/" * count)


def event(path, resource=GREEDY, parameters=None):
    return {
        "path": path,
        "pathParameters": {"proxy": path[1:]} if resource == GREEDY else parameters,
        "requestContext": {"resourcePath": resource},
    }


@given(route=st.sampled_from(ROUTES), project_id=IDS, other_id=IDS, data=st.data())
def test_every_route_is_found_however_many_slashes_part_its_words(route, project_id, other_id, data):
    ids = {"project_id": project_id, "run_id": other_id, "upload_id": other_id}
    words = route.format(**ids).strip("/").split("/")
    path = "".join(data.draw(SLASHES) + word for word in words)

    match = find_route(event(path), ROUTES)

    assert match is not None
    assert match == (route, {name: value for name, value in ids.items() if "{" + name in route})


@given(route=st.sampled_from(ROUTES), project_id=IDS, other_id=IDS, end=SLASHES)
def test_a_slash_at_the_end_is_no_route(route, project_id, other_id, end):
    path = route.format(project_id=project_id, run_id=other_id, upload_id=other_id) + end

    assert find_route(event(path), ROUTES) is None
    assert find_route(event(path, resource=route, parameters={}), ROUTES) is None


@given(path=st.text(max_size=60).map("/".__add__))
def test_any_path_has_one_route_or_none(path):
    collapsed = re.sub("/+", "/", path)
    matching = [route for route in ROUTES if match_path(route, collapsed) is not None]

    match = find_route(event(path), ROUTES)

    assert len(matching) <= 1
    assert match is None or [match[0]] == matching


@given(value=st.text(min_size=1).filter(lambda text: "/" not in text and "\n" not in text))
def test_ids_are_plain_ascii_whatever_was_sent(value):
    (parameter,) = match_path("/{any}", f"/{value}").values()

    assert parameter.isascii()
    assert "\0" not in parameter


def test_what_api_gateway_has_routed_is_taken_over():
    parameters = {"project_id": "p"}

    assert find_route(event("/api/v1/projects/p", "/v1/projects/{project_id}", parameters), ROUTES) == (
        "/v1/projects/{project_id}",
        parameters,
    )


@given(route=st.sampled_from(ROUTES), values=st.lists(st.text(min_size=1), min_size=2, max_size=2))
def test_the_route_is_the_same_whichever_resource_of_api_gateway_has_the_request(route, values):
    project_id, other_id = (value.replace("/", "%2F") for value in values)
    parameters = {"project_id": project_id, "run_id": other_id, "upload_id": other_id}
    path = route.format(**parameters)

    assert find_route(event(path, route, parameters), ROUTES) == find_route(event(path), ROUTES)


@pytest.mark.parametrize("resource", ["/", "/v1/unknown"])
def test_a_resource_that_the_app_does_not_have_is_no_route(resource):
    assert find_route(event(resource, resource), ROUTES) is None
