"""Routes about uploads: credentials for the object store, and encodings sent or announced."""

from http import HTTPStatus

from chalice.app import Blueprint, Response

from app import requests
from app.bodies import ClksBody, EncodingsBody, StoredBody
from app.environment import world
from app.problems import problem_details
from app.responses import answer, credentials_body, place_body
from linkage.errors import EncodingsRefused, InvalidRequest
from linkage.uploads import announce_file, permit_upload, receive_encodings

routes = Blueprint(__name__)

_SHAPES = ("clks", "clknblocks", "encodings")


@routes.route("/v1/projects/{project_id}/authorize-external-upload", methods=["GET", "HEAD"])
@problem_details
def get_upload_permit(project_id: str) -> Response:
    """Hand out temporary credentials for the party's own place in the object store."""
    permit = permit_upload(project_id, requests.token(routes.current_request), world())
    body = {"credentials": credentials_body(permit.credentials), "upload": place_body(permit)}
    return answer(body, HTTPStatus.CREATED)


@routes.route("/v1/projects/{project_id}/clks", methods=["POST"], content_types=["application/json"])
@problem_details
def post_clks(project_id: str) -> Response:
    """Take encodings, or take note of the file that holds them."""
    body = requests.json_body(routes.current_request)
    encodings = _encodings(body)
    token = requests.token(routes.current_request)
    if isinstance(encodings, StoredBody):
        receipt_token = announce_file(project_id, token, encodings.file.bucket, encodings.file.path, world())
    else:
        receipt_token = receive_encodings(project_id, token, encodings, world())
    return answer({"message": "Updated", "receipt_token": receipt_token}, HTTPStatus.CREATED)


def _encodings(body: object) -> StoredBody | list[object]:
    """Return what the body holds: it must have exactly one of the known shapes."""
    shapes = [shape for shape in _SHAPES if isinstance(body, dict) and shape in body]
    if isinstance(body, dict) and len(shapes) != 1:
        raise InvalidRequest(f"The body must have exactly one of the members {', '.join(_SHAPES)}")
    if "clknblocks" in shapes or (isinstance(body, dict) and "blocks" in body):
        raise EncodingsRefused("Blocking has been disabled for this project, but received blocking information")
    if "clks" in shapes:
        return requests.parse(body, ClksBody).clks
    return requests.parse(body, EncodingsBody).encodings
