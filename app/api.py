"""The Chalice application: all routes, and every error answered as a problem."""

from http import HTTPMethod, HTTPStatus
from typing import Any

from chalice.app import Chalice, Response

from app import documents, projects, runs, service, uploads
from app.problems import is_problem_missing, logger, problem
from app.responses import CORS, JSON, PREFLIGHT
from app.routing import find_route

BINARY = "application/octet-stream"
_STATUSES_WITH_IDS = {HTTPStatus.NOT_FOUND, HTTPStatus.INTERNAL_SERVER_ERROR}
"""Statuses of problems of a run or project that exists; an unknown route has no ids."""


class Api(Chalice):
    """A Chalice application that finds the route by itself, and whose own errors (404, 405, 415) are problems too."""

    def __init__(self, app_name: str) -> None:
        super().__init__(app_name)
        self.api.binary_types = [BINARY]
        for module in (service, documents, projects, uploads, runs):
            self.register_blueprint(module.routes)

    def __call__(self, event: Any, context: Any) -> Any:  # noqa: ANN401  as Chalice's
        """Answer an API Gateway event."""
        method = event["requestContext"]["httpMethod"]
        path, parameters = find_route(event, self.routes) or (None, {})
        answer = self._answer(event, method, path, parameters, context)
        if method == HTTPMethod.HEAD:
            answer = _without_body(answer)
        answer["headers"] |= CORS
        _log(method, path, parameters, answer["statusCode"])
        return answer

    def _answer(
        self,
        event: dict[str, Any],
        method: str,
        path: str | None,
        parameters: dict[str, str],
        context: Any,  # noqa: ANN401  as Chalice's
    ) -> dict[str, Any]:
        """Answer by Chalice, which is given the route that was found, and GET in place of HEAD."""
        if method == HTTPMethod.OPTIONS:
            return _as_dict(Response("", dict(PREFLIGHT), int(HTTPStatus.NO_CONTENT)))
        if path is None:
            return _as_dict(_not_found())
        method = HTTPMethod.GET.value if method == HTTPMethod.HEAD else method
        if method not in self.routes[path]:
            return _as_dict(_not_allowed(self.routes[path]))
        request_context = event["requestContext"] | {"resourcePath": path, "httpMethod": method}
        headers = event.get("headers") or {}
        if method in (HTTPMethod.GET, HTTPMethod.DELETE):  # they have no body, whatever a client says of its type
            headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
        routed = event | {"requestContext": request_context, "pathParameters": parameters, "headers": headers}
        answer = super().__call__(routed, context)
        if is_problem_missing(answer):
            answer = _as_dict(_as_problem(answer["statusCode"], headers, self.routes[path][method].content_types))
        return dict(answer)


def _as_dict(response: Response) -> dict[str, Any]:
    answer: dict[str, Any] = response.to_dict()
    return answer


def _without_body(answer: dict[str, Any]) -> dict[str, Any]:
    """Answer HEAD as GET, without the body. A redirect becomes a 200: its presigned URL allows GET alone."""
    if answer["statusCode"] == HTTPStatus.TEMPORARY_REDIRECT:
        return _as_dict(Response("", dict(JSON), int(HTTPStatus.OK)))
    return answer | {"body": ""}


def _not_found() -> Response:
    detail = "The requested URL was not found on the server."
    return problem(HTTPStatus.NOT_FOUND, detail=detail, title=HTTPStatus.NOT_FOUND.phrase)


def _not_allowed(methods: dict[str, Any]) -> Response:
    allowed = sorted({*methods, HTTPMethod.OPTIONS.value} | ({"HEAD"} if "GET" in methods else set()))
    detail = "The method is not allowed for the requested URL."
    status = HTTPStatus.METHOD_NOT_ALLOWED
    return problem(status, detail=detail, title=status.phrase, headers={"Allow": ", ".join(allowed)})


def _as_problem(status_code: int, headers: dict[str, str], content_types: list[str]) -> Response:
    """Turn an error of Chalice's own into a problem."""
    status = HTTPStatus(status_code)
    if status is not HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
        return problem(status, detail=None, title=status.phrase)
    if BINARY in content_types:  # the original checked this itself, not by its framework
        return problem(HTTPStatus.BAD_REQUEST, detail="Content Type not supported")
    sent = {name.lower(): value for name, value in headers.items()}.get("content-type", "")
    return problem(status, detail=None, title=f"Invalid Content-type ({sent}), expected JSON data")


def _log(method: str, path: str | None, parameters: dict[str, str], status: int) -> None:
    """Log a request's method, route, status and ids; neither headers nor bodies.

    An id is logged once it is known to be one: before that it may be anything, a token in the wrong place too.
    """
    known = method != HTTPMethod.OPTIONS and (status < HTTPStatus.BAD_REQUEST or status in _STATUSES_WITH_IDS)
    ids: dict[str, Any] = dict(parameters) if known else {}
    logger.info("request answered", method=method, path=path, status=status, **ids)
