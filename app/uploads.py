"""Routes about uploads: credentials for the object store, and encodings sent or announced."""

import re
from functools import partial
from http import HTTPStatus
from typing import Any

from chalice.app import Blueprint, Request, Response

from app import requests
from app.environment import world
from app.problems import problem_details
from app.request_bodies import AnnouncedBody, ClknblocksBody, ClksBody, EncodingsBody, StoredBody
from app.response_bodies import UploadPermitBody, UploadReceiptBody, UploadStatusBody
from app.responses import answer, credentials_body, place_body, timestamp
from linkage.errors import MalformedRequest
from linkage.models import UploadState
from linkage.projects import identify_party
from linkage.receipts import UploadStatus, describe_own_upload, describe_upload
from linkage.uploads import (
    AnnouncedUpload,
    BinaryUpload,
    DirectUpload,
    Place,
    announce_files,
    permit_upload,
    receive_binary,
    receive_encodings,
)

routes = Blueprint(__name__)

_SHAPES = ("clks", "clknblocks", "encodings")
_MEMBERS = (*_SHAPES, "blocks", "meta")
_WHOLE_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,18}\s*")


@routes.route("/v1/projects/{project_id}/authorize-external-upload", methods=["GET"])
@problem_details
def get_upload_permit(project_id: str) -> Response:
    """Hand out temporary credentials for the party's own place in the object store."""
    access = permit_upload(project_id, requests.token(routes.current_request), world())
    body = UploadPermitBody(credentials=credentials_body(access), upload=place_body(access))
    return answer(body, HTTPStatus.CREATED)


@routes.route("/v1/projects/{project_id}/clks", methods=["POST"], content_types=["application/json"])
@problem_details
def post_clks(project_id: str) -> Response:
    """Take encodings, or take note of the files that hold them.

    The token is checked before the body is read: a stranger's megabytes cost no time.
    """
    request = routes.current_request
    token = requests.token(request)
    identify_party(project_id, token, world())
    upload = _read_clks(requests.upload_body(request, _MEMBERS))
    if isinstance(upload, DirectUpload):
        return _received(receive_encodings(project_id, token, upload, requests.raw_body(request), world()))
    return _received(announce_files(project_id, token, upload, world()))


@routes.route("/v1/projects/{project_id}/binaryclks", methods=["POST"], content_types=["application/octet-stream"])
@problem_details
def post_binaryclks(project_id: str) -> Response:
    """Take encodings as raw bytes."""
    request = routes.current_request
    token = requests.token(request)
    identify_party(project_id, token, world())
    count, size = (_whole_number(request, name) for name in ("Hash-Count", "Hash-Size"))
    return _received(receive_binary(project_id, token, BinaryUpload(requests.raw_body(request), count, size), world()))


@routes.route("/v1/projects/{project_id}/uploads", methods=["GET"])
@problem_details
def get_own_upload(project_id: str) -> Response:
    """Tell the state of the newest upload of the update token's party, or of the receipt token's upload."""
    return answer(_status(describe_own_upload(project_id, requests.token(routes.current_request), world())))


@routes.route("/v1/projects/{project_id}/uploads/{upload_id}", methods=["GET"])
@problem_details
def get_upload(project_id: str, upload_id: str) -> Response:
    """Tell the state of an upload, and why it failed if it did.

    The receipt token of an upload that failed opens this, and nothing else.
    """
    return answer(_status(describe_upload(project_id, upload_id, requests.token(routes.current_request), world())))


def _status(status: UploadStatus) -> UploadStatusBody:
    upload = status.upload
    body = partial(
        UploadStatusBody,
        upload_id=upload.upload_id,
        dataset_index=status.dataset_index,
        state=upload.state,
        time_added=timestamp(upload.time_added),
    )
    return body(message=upload.message) if upload.state is UploadState.ERROR else body()


def _received(receipt_token: str) -> Response:
    return answer(UploadReceiptBody(message="Updated", receipt_token=receipt_token), HTTPStatus.CREATED)


def _read_clks(body: object) -> DirectUpload | AnnouncedUpload:
    """Return the upload in a body, which must have exactly one of the known shapes."""
    members = body if isinstance(body, dict) else {}
    shapes = [shape for shape in _SHAPES if shape in members]
    if isinstance(body, dict) and len(shapes) != 1:
        raise MalformedRequest(f"The body must have exactly one of the members {', '.join(_SHAPES)}")
    if "encodings" in shapes:
        return _read_encodings(members)
    if "clknblocks" in shapes:
        return _read_clknblocks(requests.parse(members, ClknblocksBody), members.get("meta"))
    parsed = requests.parse(body, ClksBody)
    return DirectUpload(parsed.clks, parsed.blocks, members.get("meta"))


def _read_clknblocks(body: ClknblocksBody, meta: object) -> DirectUpload:
    """Separate the encodings from the ids of their blocks."""
    blocks = {str(index): ids for index, (_, *ids) in enumerate(body.clknblocks)}
    return DirectUpload([encoding for encoding, *_ in body.clknblocks], blocks, meta)


def _read_encodings(members: dict[str, Any]) -> DirectUpload | AnnouncedUpload:
    """Return encodings and blocks: both in the body, or both in the object store."""
    stored, blocks = isinstance(members["encodings"], dict), members.get("blocks")
    if isinstance(blocks, dict) and ("file" in blocks) != stored:
        raise MalformedRequest(
            "'encodings' and 'blocks' must both be in the body, or both in files of the object store"
        )
    if stored:
        announced = requests.parse(members, AnnouncedBody)
        return AnnouncedUpload(_place(announced.encodings), _place(announced.blocks) if announced.blocks else None)
    parsed = requests.parse(members, EncodingsBody)
    return DirectUpload(parsed.encodings, parsed.blocks, members.get("meta"))


def _place(stored: StoredBody) -> Place:
    return Place(stored.file.bucket, stored.file.path)


def _whole_number(request: Request, name: str) -> int:
    """Return a header that must be a whole number."""
    text = request.headers.get(name)
    if text is None:
        raise MalformedRequest(f"Missing header parameter '{name}'")
    if not _WHOLE_NUMBER.fullmatch(text):
        raise MalformedRequest(f"Wrong type, expected 'integer' for header parameter '{name}'")
    return int(text)
