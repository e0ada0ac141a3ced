"""Routes about projects: create, list, describe and delete them."""

from functools import partial
from http import HTTPStatus
from typing import Any

from chalice.app import Blueprint, Response

from app import requests
from app.environment import world
from app.problems import problem, problem_details
from app.request_bodies import ProjectBody
from app.response_bodies import (
    MOST_FAILED_UPLOADS,
    FailedUploadBody,
    ProjectCreatedBody,
    ProjectDescriptionBody,
    ProjectListedBody,
)
from app.responses import answer, fits, no_content, require_returnable, timestamp
from linkage.deletion import delete_project
from linkage.models import Project
from linkage.projects import NewProject, create_project, describe_project
from linkage.tokens import new_id

routes = Blueprint(__name__)


@routes.route("/v1/projects", methods=["POST"], content_types=["application/json"])
@problem_details
def post_project() -> Response:
    """Create a project and hand out its tokens: they are told this once."""
    body = requests.parse(requests.json_body(routes.current_request), ProjectBody)
    require_returnable(_largest_description(body))
    tokens = create_project(
        NewProject(body.schema_, body.result_type, body.number_parties, body.name, body.notes, body.uses_blocking),
        world(),
    )
    created = ProjectCreatedBody(
        project_id=tokens.project_id, result_token=tokens.result_token, update_tokens=list(tokens.update_tokens)
    )
    return answer(created, HTTPStatus.CREATED)


@routes.route("/v1/projects", methods=["GET"])
@problem_details
def get_projects() -> Response:
    """List every project's id, where the settings allow it."""
    if not world().settings.project_listing:
        return problem(HTTPStatus.FORBIDDEN, detail="The listing of projects is switched off")
    return answer(
        [
            ProjectListedBody(project_id=project_id, time_added=timestamp(added))
            for project_id, added in world().projects.list()
        ]
    )


@routes.route("/v1/projects/{project_id}", methods=["GET"])
@problem_details
def get_project(project_id: str) -> Response:
    """Describe the project to the holder of its result token."""
    project, contributions = describe_project(project_id, requests.token(routes.current_request), world())
    body = _describing(
        project.project_id,
        project,
        project.linkage_schema,
        parties_contributed=contributions.contributed,
        error=bool(contributions.failed),
    )
    failed = [
        FailedUploadBody(upload_id=each.upload_id, dataset_index=each.dataset_index, message=each.message)
        for each in contributions.failed[:MOST_FAILED_UPLOADS]
    ]
    while failed and not fits(body(failed_uploads=failed)):
        failed = failed[: len(failed) // 2]
    return answer(body(failed_uploads=failed) if failed else body())


@routes.route("/v1/projects/{project_id}", methods=["DELETE"])
@problem_details
def remove_project(project_id: str) -> Response:
    """Delete the project and all that belongs to it."""
    delete_project(project_id, requests.token(routes.current_request), world())
    return no_content()


def _largest_description(body: ProjectBody) -> ProjectDescriptionBody:
    """Return the description of a project to be, once every party has contributed."""
    return _describing(new_id(), body, body.schema_, parties_contributed=body.number_parties, error=False)()


def _describing(
    project_id: str, described: Project | ProjectBody, schema: dict[str, Any], *, parties_contributed: int, error: bool
) -> partial[ProjectDescriptionBody]:
    """Return what makes a project's description; its failed uploads may be added."""
    return partial(
        ProjectDescriptionBody,
        project_id=project_id,
        name=described.name,
        notes=described.notes,
        schema_=schema,
        result_type=described.result_type,
        number_parties=described.number_parties,
        uses_blocking=described.uses_blocking,
        parties_contributed=parties_contributed,
        error=error,
    )
