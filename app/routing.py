"""Find the route of a request, as the original did: a doubled slash counts once, a slash at the end has no route.

API Gateway would answer an unknown route, a wrong method and a doubled slash with the same 403, so it passes every
request on and leaves the routing to the app (see docs/decisions/0050-the-app-routes-itself.md).
"""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

_SLASHES = re.compile("/+")
_PARAMETER = re.compile(r"\{(\w+)\+?\}")


def find_route(event: dict[str, Any], routes: Iterable[str]) -> tuple[str, dict[str, str]] | None:
    """Return the route that the request is for, and its path parameters; None if there is none."""
    if str(event["path"]).endswith("/"):
        return None
    path = _requested_path(event)
    matches = ((route, match_path(route, path)) for route in routes)
    return next(((route, parameters) for route, parameters in matches if parameters is not None), None)


def match_path(route: str, path: str) -> dict[str, str] | None:
    """Return the values that the path has for the route's parameters; None if it does not match.

    >>> match_path("/v1/projects/{project_id}", "/v1/projects/abc")
    {'project_id': 'abc'}
    """
    pattern = _PARAMETER.sub(r"(?P<\1>[^/]+)", route)
    match = re.fullmatch(pattern, path)
    return None if match is None else {name: _plain(value) for name, value in match.groupdict().items()}


def _requested_path(event: dict[str, Any]) -> str:
    """Return the path below the stage, whichever resource of API Gateway the request came by.

    It is put together again from the resource, because ``event["path"]`` begins with whatever a host name of one's own
    maps to the stage.
    """
    values = event.get("pathParameters") or {}
    path = _PARAMETER.sub(lambda name: values[name[1]], event["requestContext"]["resourcePath"])
    return _SLASHES.sub("/", path)


def _plain(value: str) -> str:
    """Percent-encode all but plain ASCII, so that the database can be asked for any value."""
    return quote(value, safe="%", errors="surrogatepass")
