"""Routes about the service itself: its status, its speed and its version."""

import platform
from importlib.metadata import PackageNotFoundError, version

from chalice.app import Blueprint, Response

from app.environment import world
from app.problems import problem_details
from app.response_bodies import ServiceStatusBody, VersionBody
from app.responses import answer
from linkage import __version__

routes = Blueprint(__name__)

STATUS_KEY = "entityservice-status"
STATUS_EXPIRES_S = 30


@routes.route("/v1/status", methods=["GET"])
@problem_details
def get_status() -> Response:
    """Tell that the service works, and how fast the last run was; may be half a minute old."""
    cached = world().cache.get(STATUS_KEY)
    if cached is None:
        status = ServiceStatusBody(status="ok", project_count=world().projects.count(), rate=world().runs.rate())
        cached = status.model_dump_json()
        world().cache.put(STATUS_KEY, cached, expires_s=STATUS_EXPIRES_S)
    return answer(ServiceStatusBody.model_validate_json(cached))


@routes.route("/v1/version", methods=["GET"])
@problem_details
def get_version() -> Response:
    """Tell the versions of the service, of anonlink and of Python."""
    body = VersionBody(
        anonlink=_version_of("anonlink"), entityservice=f"v{__version__}", python=platform.python_version()
    )
    return answer(body)


def _version_of(package: str) -> str:
    """Return the installed version. A deployment links without anonlink too: only the engine of that name needs it."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
