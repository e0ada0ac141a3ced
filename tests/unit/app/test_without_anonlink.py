"""The service answers, links and tells its version without anonlink installed: the native engine needs none of it."""

import json
import subprocess
import sys
from pathlib import Path

import chalice
import pytest

from app import app
from infra.packaging import ROOT

PROGRAM = """
import importlib.util
import json

import numpy as np

from app import app
from linkage.testing.world import in_memory_world
from tests.driving import driver

assert importlib.util.find_spec("anonlink") is None
statuses = {}
for result_type in ("groups", "permutations", "similarity_scores"):
    service = driver(in_memory_world(project_listing=True))
    project = service.create_project(result_type=result_type)
    for party in range(2):
        service.upload(project, party, np.arange(160, dtype=np.uint8).reshape(20, 8))
    own = service.request("GET", f"/projects/{project['project_id']}/uploads", token=project["update_tokens"][0])
    ids = {"project_id": project["project_id"], "upload_id": own.json["upload_id"], "run_id": service.post_run(project)}
    service.deliver_all()
    for route, methods in app.routes.items():
        if "GET" in methods:
            path = route.removeprefix("/v1").format(**ids)
            of_party = path.endswith(("upload", "uploads"))
            token = project["update_tokens"][0] if of_party else project["result_token"]
            answer = service.request("GET", path, token=token)
            statuses[f"{route} {result_type}"] = answer.status
            if path == "/version":
                assert answer.json["anonlink"] == "not installed", answer.body
print(json.dumps(statuses))
"""


@pytest.fixture(scope="module")
def packages_but_anonlink(tmp_path_factory) -> Path:
    """All that is installed here, anonlink excepted."""
    folder = tmp_path_factory.mktemp("packages")
    for installed in Path(chalice.__file__).parents[1].iterdir():
        if not installed.name.startswith("anonlink"):
            (folder / installed.name).symlink_to(installed)
    return folder


def test_every_route_answers_get(packages_but_anonlink):
    path = [ROOT, ROOT / "layers/linkage/python", ROOT / "build/kernel", packages_but_anonlink]
    command = [sys.executable, "-S", "-W", "ignore", "-c", PROGRAM]
    environment = {"PYTHONPATH": ":".join(map(str, path)), "AWS_DEFAULT_REGION": "us-east-1"}

    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    statuses = json.loads(done.stdout.splitlines()[-1])
    assert len(statuses) == 3 * len([methods for methods in app.routes.values() if "GET" in methods])
    assert not {route: status for route, status in statuses.items() if status not in (200, 201)}
