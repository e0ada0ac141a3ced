"""A deletion removes every object and every row but the audit entry, even of a half-done project or run."""

import pytest

from linkage.messages import Reconcile
from tests.driving import body_of, driver
from tests.promises.steps import objects_of


@pytest.fixture
def service(make_world):
    return driver(make_world(chunk_min_comparisons=1, chunk_max_comparisons=500))


STEPS = {
    "nothing done": (),
    "taken in": ("intake",),
    "planned": ("intake", "plan"),
    "compared": ("intake", "plan", "compare"),
    "solved": ("intake", "plan", "compare", "solve"),
}


def half_done(service, datasets, steps):
    project = service.create_project(len(datasets))
    path = f"/projects/{project['project_id']}"
    for party, encodings in enumerate(datasets):
        token = project["update_tokens"][party]
        permit = service.request("GET", f"{path}/authorize-external-upload", token=token).json["upload"]
        service.put_upload(permit["bucket"], f"{permit['path']}/upload-test", b"it works!", {})
        service.upload(project, party, encodings)
    run_id = service.post_run(project)
    service.deliver_all(steps)
    return project, path, run_id


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_a_deleted_project_leaves_no_object_and_no_row(service, datasets, steps, rows_of):
    project, path, _ = half_done(service, datasets, steps)
    in_flight = [
        (worker, body) for worker in ("intake", "plan", "compare", "solve") for body in service.waiting(worker)
    ]

    assert service.request("DELETE", path, token=project["result_token"]).status == 204
    assert set(rows_of(project["project_id"])) == {"audit", "tombstones"}
    service.deliver_all()
    for worker, body in in_flight:
        assert service.deliver(worker, body) == []
    service.deliver_all()

    assert objects_of(service, project["project_id"]) == []
    service.world.now.sleep(10 * 3600)
    service.deliver("reconcile", body_of(Reconcile()))
    service.deliver_all()
    assert set(rows_of(project["project_id"])) == {"audit"}


def test_what_is_written_after_the_first_sweep_goes_with_the_next(service, datasets, rows_of):
    project, path, _ = half_done(service, datasets, STEPS["planned"])
    service.request("DELETE", path, token=project["result_token"])
    service.deliver_all()
    settings = service.world.settings
    late = f"projects/{project['project_id']}/runs/late/candidates/0"
    service.world.objects.put(settings.store_bucket, late, b"late")
    service.put_upload(settings.uploads_bucket, f"{project['project_id']}/party/late", b"late", {})

    service.world.now.sleep(settings.visibility_timeout_s + 3600)
    service.deliver("reconcile", body_of(Reconcile()))
    service.deliver_all()

    assert objects_of(service, project["project_id"]) == []
    assert set(rows_of(project["project_id"])) == {"audit", "tombstones"}
    service.world.now.sleep(settings.visibility_timeout_s + 3600)
    service.deliver("reconcile", body_of(Reconcile()))
    service.deliver_all()
    assert set(rows_of(project["project_id"])) == {"audit"}


def test_a_deleted_run_stops_and_leaves_the_project_as_it_was(service, datasets, expected):
    project, path, run_id = half_done(service, datasets, STEPS["planned"])
    chunks = service.waiting("compare")
    service.deliver("compare", chunks[0])

    assert service.request("DELETE", f"{path}/runs/{run_id}", token=project["result_token"]).status == 204
    service.deliver_all()
    for body in chunks:
        assert service.deliver("compare", body) == []

    assert [key for key in objects_of(service, project["project_id"]) if run_id in key] == []
    again = service.post_run(project)
    service.deliver_all()
    assert service.get_run(project, again, "result").body == expected


def test_a_project_deleted_while_it_is_taken_in_leaves_nothing(service, datasets, monkeypatch):
    """The project goes between the reading of an upload and the writing of its encoding set."""
    project, path, _ = half_done(service, datasets, ())
    objects, opened = service.world.objects, []
    original = objects.open

    def open_and_delete(file):
        if not opened:
            opened.append(file)
            service.request("DELETE", path, token=project["result_token"])
            service.deliver_all(("delete",))
        return original(file)

    for body in service.waiting("intake"):
        monkeypatch.setattr(objects, "open", open_and_delete)
        assert service.deliver("intake", body) in ([], ["message-1"])
    monkeypatch.undo()
    service.world.now.sleep(10 * 3600)
    service.deliver("reconcile", body_of(Reconcile()))
    service.deliver_all()

    assert opened
    assert objects_of(service, project["project_id"]) == []
