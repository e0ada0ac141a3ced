"""Routes about the API's own description: the OpenAPI document, and a page that people read."""

import json
from functools import cache

from chalice.app import Blueprint, Response

from app.openapi import build_document, render_page
from app.problems import problem_details
from app.responses import JSON

routes = Blueprint(__name__)

_PAGE = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
}


@routes.route("/v1/openapi.json", methods=["GET"])
@problem_details
def get_document() -> Response:
    """Describe this API as an OpenAPI 3.1 document."""
    return Response(_document(), dict(JSON))


@routes.route("/v1/docs", methods=["GET"])
@problem_details
def get_page() -> Response:
    """Describe this API as a page that people read."""
    return Response(_page(), dict(_PAGE))


@cache
def _document() -> str:
    return json.dumps(build_document(routes.current_app.routes))


@cache
def _page() -> str:
    return render_page(json.loads(_document()))
