"""Find the route of a request, as the original did: doubled slashes count once, a slash at the end is no route's.

API Gateway knows the routes too, but calls what it does not know 403, and takes slashes more literally. So everything
that matches no route of it is sent here (see docs/decisions/0050-the-app-routes-itself.md).
"""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

GREEDY = "/{proxy+}"
"""The resource of API Gateway that matches whatever matches no other one."""

_SLASHES = re.compile("/+")
_PARAMETER = re.compile(r"\{(\w+)\}")


def find_route(event: dict[str, Any], routes: Iterable[str]) -> tuple[str, dict[str, str]] | None:
    """Return the route that the request is for, and its path parameters; None if there is none."""
    resource = event["requestContext"]["resourcePath"]
    if str(event["path"]).endswith("/"):
        return None
    if resource != GREEDY:
        return (resource, event.get("pathParameters") or {}) if resource in routes else None
    path = _SLASHES.sub("/", "/" + event["pathParameters"]["proxy"])
    matches = ((route, match_path(route, path)) for route in routes)
    return next(((route, found) for route, found in matches if found is not None), None)


def match_path(route: str, path: str) -> dict[str, str] | None:
    """Return the values that the path has for the route's parameters; None if it does not match.

    >>> match_path("/v1/projects/{project_id}", "/v1/projects/abc")
    {'project_id': 'abc'}
    """
    pattern = _PARAMETER.sub(r"(?P<\1>[^/]+)", route)
    found = re.fullmatch(pattern, path)
    return None if found is None else {name: _plain(value) for name, value in found.groupdict().items()}


def _plain(value: str) -> str:
    """Write what is not plain ASCII in percents, so that any path can be looked up in the database."""
    return quote(value, safe="%", errors="surrogatepass")
