"""Routes about runs: post one, list and describe them, follow one, fetch its result, delete it."""

from http import HTTPStatus

from chalice.app import Blueprint, Response

from app import requests
from app.environment import world
from app.problems import problem_details
from app.request_bodies import RunBody
from app.response_bodies import RunDescriptionBody, RunListedBody, ScoreFileBody
from app.responses import JSON, answer, credentials_body, no_content, place_body, require_returnable, timestamp
from app.run_status import status_body
from linkage.deletion import delete_run
from linkage.models import Run, RunState
from linkage.projects import open_project
from linkage.results import fetch_result, permit_download
from linkage.runs import NewRun, create_run, describe_status, list_runs, open_run
from linkage.tokens import new_id

routes = Blueprint(__name__)
_MOST_REASON_BYTES = 8_192
"""Of a run's threshold, and of the message that it gets if it ends in error: at most ten reasons, a sentence each."""


@routes.route("/v1/projects/{project_id}/runs", methods=["POST"], content_types=["application/json"])
@problem_details
def post_run(project_id: str) -> Response:
    """Post a run; it starts once every party's encodings are there.

    Who sends an Idempotency-Key may send the same request again, and gets the same run, as long as that exists.
    """
    request = routes.current_request
    token = requests.token(request)
    open_project(project_id, token, world())  # before the body is read, as with uploads
    body = requests.parse(requests.json_body(request), RunBody)
    described = RunDescriptionBody(run_id=new_id(), threshold=1, name=body.name, notes=body.notes)
    require_returnable(described, beside_bytes=_MOST_REASON_BYTES)
    key = requests.idempotency_key(request)
    run = create_run(project_id, token, NewRun(body.threshold, body.name, body.notes, key), world())
    return answer(_description(run), HTTPStatus.CREATED)


@routes.route("/v1/projects/{project_id}/runs", methods=["GET"])
@problem_details
def get_runs(project_id: str) -> Response:
    """List the project's runs."""
    runs = list_runs(project_id, requests.token(routes.current_request), world())
    return answer(
        [
            RunListedBody(run_id=run.run_id, time_added=timestamp(run.time_added), state=run.state, **_reason(run))
            for run in runs
        ]
    )


@routes.route("/v1/projects/{project_id}/runs/{run_id}", methods=["GET"])
@problem_details
def get_run(project_id: str, run_id: str) -> Response:
    """Describe the run."""
    _, run = open_run(project_id, run_id, requests.token(routes.current_request), world())
    return answer(_description(run))


@routes.route("/v1/projects/{project_id}/runs/{run_id}", methods=["DELETE"])
@problem_details
def remove_run(project_id: str, run_id: str) -> Response:
    """Delete the run, and stop it where it is going on."""
    delete_run(project_id, run_id, requests.token(routes.current_request), world())
    return no_content()


@routes.route("/v1/projects/{project_id}/runs/{run_id}/status", methods=["GET"])
@problem_details
def get_run_status(project_id: str, run_id: str) -> Response:
    """Tell how far the run is."""
    status = describe_status(project_id, run_id, requests.token(routes.current_request), world())
    return answer(status_body(status))


@routes.route("/v1/projects/{project_id}/runs/{run_id}/result", methods=["GET"])
@problem_details
def get_result(project_id: str, run_id: str) -> Response:
    """Answer with the run's result, or with where to read it if it is too large for an answer.

    Who sends the header RETURN-OBJECT-STORE-ADDRESS is told where the file of similarity scores is.
    """
    request = routes.current_request
    token = requests.token(request)
    if "return-object-store-address" in request.headers:
        access = permit_download(project_id, run_id, token, world())
        if access is not None:
            return answer(ScoreFileBody(credentials=credentials_body(access), object=place_body(access)))
    result = fetch_result(project_id, run_id, token, world())
    if result.url is not None:
        return Response("", {"Location": result.url}, int(HTTPStatus.TEMPORARY_REDIRECT))
    return Response(result.text, dict(JSON), int(HTTPStatus.OK))


def _description(run: Run) -> RunDescriptionBody:
    return RunDescriptionBody(
        run_id=run.run_id, threshold=run.threshold, name=run.name, notes=run.notes, **_reason(run)
    )


def _reason(run: Run) -> dict[str, str | None]:
    """Return the member that a run in state error has beside the others."""
    return {"message": run.message} if run.state is RunState.ERROR else {}
