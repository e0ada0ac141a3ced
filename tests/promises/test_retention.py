"""Unused projects expire, whole, and the audit trail has the reason; used projects stay."""

from dataclasses import replace
from datetime import timedelta

import pytest

from linkage.messages import Reconcile
from tests.driving import body_of, driver
from tests.promises.steps import objects_of

DAY_S = 86400
TOMBSTONE_S = 10 * 3600


@pytest.fixture
def service(make_world):
    return driver(make_world(retention_days=90, chunk_min_comparisons=1, chunk_max_comparisons=500))


@pytest.fixture
def project(service, datasets):
    project = service.create_project(len(datasets))
    for party, encodings in enumerate(datasets):
        assert service.upload(project, party, encodings).status == 201
    return project


def a_day_begins(service, *, later: float = 0):
    """Deliver the daily schedule's message, and all that follow from it."""
    service.world.now.sleep(later)
    service.queues.take("reconcile")
    assert service.deliver("reconcile", body_of(Reconcile())) == []
    while extra := [message for message in service.queues.take("reconcile") if message.due is None]:
        for message in extra:
            service.deliver("reconcile", body_of(message))
    service.deliver_all()


def is_there(service, project):
    path = f"/projects/{project['project_id']}"
    return service.request("GET", path, token=project["result_token"]).status == 200


def put_raw_upload(service, project, party=0):
    path = f"/projects/{project['project_id']}/authorize-external-upload"
    permit = service.request("GET", path, token=project["update_tokens"][party]).json["upload"]
    service.put_upload(permit["bucket"], f"{permit['path']}/left.bin", b"left", {})


def ask_for_credentials(service, project, monkeypatch):
    """Send a request, answered by a store whose clock is the world's."""
    issuer, now = service.world.credentials, service.world.now
    issue = issuer.issue_for_upload
    expiration = now() + timedelta(hours=1)
    monkeypatch.setattr(
        issuer, "issue_for_upload", lambda *args, **names: replace(issue(*args, **names), expiration=expiration)
    )
    path = f"/projects/{project['project_id']}/authorize-external-upload"
    assert service.request("GET", path, token=project["update_tokens"][0]).status == 201


def test_a_project_that_nobody_uses_expires_with_all_that_it_has(service, project, datasets, rows_of, audit_of):
    run_id = service.post_run(project)
    service.deliver_all()
    put_raw_upload(service, project)
    project_id = project["project_id"]

    a_day_begins(service, later=89 * DAY_S)
    assert is_there(service, project)
    assert service.get_run(project, run_id, "result").status == 200
    a_day_begins(service, later=2 * DAY_S)

    assert not is_there(service, project)
    assert service.upload(project, 0, datasets[0]).status == 403
    assert objects_of(service, project_id) == []
    a_day_begins(service, later=TOMBSTONE_S)
    assert set(rows_of(project_id)) == {"audit"}
    assert audit_of(project_id) == ["project expired: nothing happened in it for 90 days"]


@pytest.mark.parametrize("use", ["a run is posted", "a run ends", "a party asks for credentials"])
def test_a_project_that_is_used_stays(service, project, use, monkeypatch):
    if use == "a run ends":
        service.post_run(project)
    service.world.now.sleep(80 * DAY_S)
    if use == "a run is posted":
        service.post_run(project)
    elif use == "a run ends":
        service.deliver_all()
    else:
        ask_for_credentials(service, project, monkeypatch)

    a_day_begins(service, later=80 * DAY_S)

    assert is_there(service, project)


def test_a_result_expires_though_its_project_is_used(service, project, expected, audit_of):
    old = service.post_run(project)
    service.deliver_all()
    service.world.now.sleep(60 * DAY_S)
    new = service.post_run(project)
    service.deliver_all()

    a_day_begins(service, later=31 * DAY_S)

    assert service.get_run(project, old, "result").status == 403
    assert [key for key in objects_of(service, project["project_id"]) if old in key] == []
    assert service.get_run(project, new, "result").body == expected
    assert audit_of(project["project_id"]) == ["run expired: it ended more than 90 days ago"]


def test_raw_uploads_that_were_never_announced_expire(service, project, audit_of):
    put_raw_upload(service, project)
    service.deliver_all()
    service.world.now.sleep(60 * DAY_S)
    service.post_run(project)

    a_day_begins(service, later=31 * DAY_S)

    assert is_there(service, project)
    assert [key for key in objects_of(service, project["project_id"]) if key.endswith("left.bin")] == []
    assert audit_of(project["project_id"]) == ["1 raw uploads expired: they were not announced within 90 days"]


def test_a_project_in_which_something_happens_at_the_last_moment_stays(service, project, monkeypatch):
    """Between the looking and the deleting."""
    service.world.now.sleep(91 * DAY_S)
    projects = service.world.projects
    original = projects.unused

    def unused_then_used(since, *, limit):
        project_ids = original(since, limit=limit)
        service.post_run(project)
        return project_ids

    monkeypatch.setattr(projects, "unused", unused_then_used)
    a_day_begins(service)

    assert is_there(service, project)


def test_a_project_whose_run_is_still_going_on_stays(service, project, expected):
    run_id = service.post_run(project)
    service.deliver_all(("intake", "plan"))
    service.world.now.sleep(91 * DAY_S)
    assert service.deliver("reconcile", body_of(Reconcile())) == []

    assert is_there(service, project)
    service.deliver_all()
    assert service.get_run(project, run_id, "result").body == expected


def test_a_file_that_was_announced_and_not_yet_taken_in_stays(service, project, monkeypatch):
    """It may have lain there for long before it was announced."""
    other = service.create_project()
    path = f"/projects/{other['project_id']}/authorize-external-upload"
    permit = service.request("GET", path, token=other["update_tokens"][0]).json["upload"]
    key = f"{permit['path']}/old.bin"
    service.put_upload(permit["bucket"], key, bytes(64), {"hash-count": "4", "hash-size": "16"})
    service.world.now.sleep(91 * DAY_S)
    body = {"encodings": {"file": {"bucket": permit["bucket"], "path": key}}}
    path = f"/projects/{other['project_id']}/clks"
    assert service.request("POST", path, token=other["update_tokens"][0], body=body).status == 201

    assert service.deliver("reconcile", body_of(Reconcile())) == []

    assert any(key.endswith("/old.bin") for key in objects_of(service, other["project_id"]))


def test_one_that_cannot_be_removed_keeps_no_other(service, project, monkeypatch):
    other = service.create_project()
    remove = type(service.world.projects).delete

    def refuse(self, project_id, **names):
        if project_id == project["project_id"]:
            raise OSError("not this one")
        return remove(self, project_id, **names)

    monkeypatch.setattr(type(service.world.projects), "delete", refuse)
    a_day_begins(service, later=91 * DAY_S)

    assert is_there(service, project)
    assert not is_there(service, other)


def test_those_that_cannot_be_removed_do_not_stop_the_others_nor_go_round_in_circles(service, monkeypatch):
    monkeypatch.setattr("linkage.upkeep.retention.AT_ONCE", 2)
    projects = [service.create_project() for _ in range(5)]
    stuck = projects[0]["project_id"]
    remove = type(service.world.projects).delete

    def refuse(self, project_id, **names):
        if project_id == stuck:
            raise OSError("not this one")
        return remove(self, project_id, **names)

    monkeypatch.setattr(type(service.world.projects), "delete", refuse)
    a_day_begins(service, later=91 * DAY_S)

    assert [is_there(service, project) for project in projects] == [True, False, False, False, False]


def test_more_than_one_message_can_remove_expire_in_several(service, monkeypatch):
    monkeypatch.setattr("linkage.upkeep.retention.AT_ONCE", 2)
    projects = [service.create_project() for _ in range(5)]

    a_day_begins(service, later=91 * DAY_S)

    assert not any(is_there(service, project) for project in projects)


def test_nothing_expires_where_zero_days_are_set(make_world):
    service = driver(make_world(retention_days=0))
    project = service.create_project()

    a_day_begins(service, later=10_000 * DAY_S)

    assert is_there(service, project)


def test_only_the_daily_message_makes_anything_expire(service, project):
    service.world.now.sleep(91 * DAY_S)

    service.deliver("reconcile", body_of(Reconcile(due=service.world.now())))

    assert is_there(service, project)
