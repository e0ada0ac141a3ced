"""The Chalice application: all routes, and every error told as a problem."""

from http import HTTPStatus
from typing import Any

from chalice.app import Chalice

from app import projects, runs, service, uploads
from app.problems import is_problem_missing, logger, problem


class Api(Chalice):
    """A Chalice whose own errors (415, 404, 405) are problem details too; they never reach a view."""

    def __init__(self, app_name: str) -> None:
        super().__init__(app_name)
        for module in (service, projects, uploads, runs):
            self.register_blueprint(module.routes)

    def __call__(self, event: Any, context: Any) -> Any:  # noqa: ANN401  as Chalice's
        """Answer an API Gateway event."""
        answer = super().__call__(event, context)
        if is_problem_missing(answer):
            answer = _as_problem(answer["statusCode"], event)
        _log(event, answer["statusCode"])
        return answer


def _as_problem(status_code: int, event: dict[str, Any]) -> Any:  # noqa: ANN401  as Chalice's
    """Tell an error of Chalice's own as a problem."""
    if status_code == HTTPStatus.UNSUPPORTED_MEDIA_TYPE and _resource(event).endswith("/binaryclks"):
        return problem(HTTPStatus.BAD_REQUEST, detail="Content Type not supported").to_dict()  # as the original
    status = HTTPStatus(status_code)
    title = status.phrase
    if status is HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        title = f"Invalid Content-type ({headers.get('content-type', '')}), expected JSON data"
    return problem(status, detail=None, title=title).to_dict()


def _resource(event: dict[str, Any]) -> str:
    return str(event.get("requestContext", {}).get("resourcePath"))


def _log(event: dict[str, Any], status: int) -> None:
    """Log what was asked of what, and how it was answered; neither headers nor bodies."""
    route = event.get("requestContext", {})
    ids = event.get("pathParameters") or {}
    method, path = route.get("httpMethod"), route.get("resourcePath")
    logger.info("request answered", method=method, path=path, status=status, **ids)
