"""The Chalice application: all routes, and every error told as a problem."""

from http import HTTPStatus
from typing import Any

from chalice.app import Chalice

from app import projects, runs, service, uploads
from app.problems import is_problem_missing, problem


class Api(Chalice):
    """A Chalice whose own errors (415, 404, 405) are problem details too; they never reach a view."""

    def __init__(self, app_name: str) -> None:
        super().__init__(app_name)
        for module in (service, projects, uploads, runs):
            self.register_blueprint(module.routes)

    def __call__(self, event: Any, context: Any) -> Any:  # noqa: ANN401  as Chalice's
        """Answer an API Gateway event."""
        answer = super().__call__(event, context)
        if not is_problem_missing(answer):
            return answer
        status = HTTPStatus(answer["statusCode"])
        detail, title = None, status.phrase
        if status is HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
            headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
            content_type = headers.get("content-type", "")
            title = f"Invalid Content-type ({content_type}), expected JSON data"
        return problem(status, detail=detail, title=title).to_dict()
