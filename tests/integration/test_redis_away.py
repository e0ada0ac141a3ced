"""A run ends, and ends right, while Redis cannot be asked at all."""

from dataclasses import replace

import pytest
from redis import Redis

from linkage.adapters.progress import RedisCache, RedisProgress
from tests.driving import driver

NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture
def service(make_world):
    away = Redis.from_url(NOBODY, socket_connect_timeout=0.2)
    world = make_world(chunk_min_comparisons=1, chunk_max_comparisons=500, project_listing=True)
    return driver(replace(world, progress=RedisProgress(away), cache=RedisCache(away)))


def test_the_whole_flow(service, datasets, expected):
    project = service.create_project(3)
    for party, encodings in enumerate(datasets):
        assert service.upload(project, party, encodings).status == 201
    run_id = service.post_run(project)
    service.deliver_all(("intake", "plan"))
    chunks = service.waiting("compare")
    for body in chunks[:3]:
        assert service.deliver("compare", body) == []
    status = service.get_run(project, run_id).json
    for body in chunks[3:]:
        assert service.deliver("compare", body) == []
    service.deliver_all()

    assert 0 < status["current_stage"]["progress"]["relative"] < 1
    assert service.get_run(project, run_id, "result").body == expected
    assert service.request("GET", "/status").json["status"] == "ok"
    assert service.request("DELETE", f"/projects/{project['project_id']}", token=project["result_token"]).status == 204
