"""Turn errors into problem details (RFC 9457), as the original's clients read them."""

import functools
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger
from chalice.app import Response

from app.response_bodies import ProblemBody
from linkage import errors

logger = Logger()

PROBLEM = "application/problem+json"
RETRY = {"Retry-After": "1"}
"""Header of a 503, the one status that clients retry."""

PROBLEMS: dict[type[errors.LinkageError], HTTPStatus] = {
    errors.AccessDenied: HTTPStatus.FORBIDDEN,
    errors.InvalidRequest: HTTPStatus.BAD_REQUEST,
    errors.MalformedRequest: HTTPStatus.BAD_REQUEST,
    errors.TooLargeToReturn: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.BlockingMismatch: HTTPStatus.FORBIDDEN,
    errors.TokenAlreadyUsed: HTTPStatus.FORBIDDEN,
    errors.NoUploadYet: HTTPStatus.NOT_FOUND,
    errors.ObjectPathNotAllowed: HTTPStatus.FORBIDDEN,
    errors.ProjectHasErrors: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.IdempotencyKeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.RunNotComplete: HTTPStatus.NOT_FOUND,
    errors.RunFailed: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.TooManyCandidates: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.UploadRejected: HTTPStatus.BAD_REQUEST,
    errors.CredentialsNotOffered: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.DatabaseUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DownstreamUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ProgressUnavailable: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""The status of each error. 500 for a run or project in error is the original's, and clients know it."""


def problem_details[**P](view: Callable[P, Response]) -> Callable[P, Response]:
    """Answer with problem+json when the view raises one of the service's errors.

    Chalice swallows a view's exceptions before middleware can see them, so this is a decorator. Anything but a
    `LinkageError` is a defect: it is logged, and the client learns no more than that.
    """

    @functools.wraps(view)
    def respond(*args: P.args, **kwargs: P.kwargs) -> Response:
        try:
            return view(*args, **kwargs)
        except errors.LinkageError as error:
            return problem(PROBLEMS[type(error)], detail=str(error), title=error.title)
        except Exception:
            logger.exception("request failed")
            return problem(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                detail="Sorry, the server couldn't handle that request",
                title="Internal Server Error",
            )

    return respond


def problem(
    status: int, *, detail: str | None, title: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Return problem details. An error that the service itself raises has no title, as in the original."""
    # Not validated, as nothing may fail here: a detail can quote a lone surrogate, which pydantic takes for no text.
    body = ProblemBody.model_construct(detail=detail, status=int(status), title=title, type="about:blank")
    sent: dict[str, str | list[str]] = {"Content-Type": PROBLEM, **(headers or {})}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        sent |= RETRY
    return Response(body.text(), sent, int(status))


def is_problem_missing(answer: dict[str, Any]) -> bool:
    """Tell whether an answer of Chalice's own is an error without problem details."""
    content_type = str(answer.get("headers", {}).get("Content-Type", ""))
    return answer.get("statusCode", 200) >= HTTPStatus.BAD_REQUEST and "problem+json" not in content_type
