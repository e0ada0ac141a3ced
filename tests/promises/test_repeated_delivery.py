"""Every worker may get a message twice, or die after any of its effects, and the result is the same to the byte."""

import pytest

from linkage.messages import DeleteData, Reconcile
from tests.driving import WORKERS, body_of, driver
from tests.promises.steps import MOST_EFFECTS, deliver_dying_after


@pytest.fixture
def service(make_world):
    return driver(make_world(chunk_min_comparisons=1, chunk_max_comparisons=1000))


def prepare(service, datasets):
    project = service.create_project(len(datasets))
    for party, encodings in enumerate(datasets):
        assert service.upload(project, party, encodings).status == 201
    return project, service.post_run(project)


@pytest.mark.parametrize("worker", WORKERS[:-1])
def test_a_message_delivered_twice_changes_nothing(service, datasets, expected, worker):
    project, run_id = prepare(service, datasets)
    while any(bodies := [(name, body) for name in WORKERS for body in service.waiting(name)]):
        for name, body in bodies:
            for _ in range(2 if name == worker else 1):
                assert service.deliver(name, body) == []

    assert service.get_run(project, run_id, "result").body == expected


@pytest.mark.parametrize("worker", WORKERS[:-1])
def test_a_worker_that_dies_after_any_effect_changes_nothing(service, datasets, expected, worker):
    """The first message of the worker dies after its 1st effect, its 2nd, its 3rd... and is then delivered again."""
    project, run_id = prepare(service, datasets)
    deaths = 0
    while any(bodies := [(name, body) for name in WORKERS for body in service.waiting(name)]):
        for name, body in bodies:
            while name == worker and deliver_dying_after(service, name, body, deaths + 1):
                deaths += 1
                assert deaths < MOST_EFFECTS
            assert service.deliver(name, body) == []

    assert service.get_run(project, run_id, "result").body == expected
    assert deaths >= 2


@pytest.mark.parametrize("effects", range(1, 9))
@pytest.mark.parametrize("worker", WORKERS[:-1])
def test_a_worker_each_of_whose_messages_dies_once_changes_nothing(service, datasets, expected, worker, effects):
    """Every message of the worker dies after that effect, if it comes so far, and is then delivered again."""
    project, run_id = prepare(service, datasets)
    while any(bodies := [(name, body) for name in WORKERS for body in service.waiting(name)]):
        for name, body in bodies:
            if name == worker:
                deliver_dying_after(service, name, body, effects)
            assert service.deliver(name, body) == []

    assert service.get_run(project, run_id, "result").body == expected


def test_a_deletion_that_dies_after_any_effect_leaves_nothing(service, datasets):
    project, _ = prepare(service, datasets)
    service.deliver_all(("intake", "plan"))
    compare = service.waiting("compare")
    service.deliver("compare", compare[0])
    path = f"/projects/{project['project_id']}"
    assert service.request("DELETE", path, token=project["result_token"]).status == 204
    (body,) = service.waiting("delete")
    deaths = 0
    while deliver_dying_after(service, "delete", body, deaths + 1):
        deaths += 1
        assert deaths < MOST_EFFECTS
    assert service.deliver("delete", body) == []
    for late in compare:
        assert service.deliver("compare", late) == []

    assert deaths >= 2
    settings = service.world.settings
    left = [
        entry.key
        for bucket in (settings.store_bucket, settings.uploads_bucket)
        for entry in service.world.objects.list(bucket, "")
        if project["project_id"] in entry.key
    ]
    assert left == []


@pytest.mark.parametrize("effects", range(1, 8))
def test_a_reconciler_that_dies_after_any_effect_changes_nothing(service, datasets, expected, effects):
    """Each worker's messages are lost once, and the reconciler dies each time that it comes."""
    project, run_id = prepare(service, datasets)
    lost, deaths = list(WORKERS[:-1]), 0
    for _ in range(MOST_EFFECTS):
        lost = [worker for worker in lost if not service.waiting(worker)]
        service.deliver_all(tuple(worker for worker in WORKERS if worker not in lost))
        due = [message.due for message in service.queues.take("reconcile")]
        message = body_of(Reconcile(due=due[-1] if due else None))
        service.world.now.sleep(service.world.settings.patience_s)
        deaths += deliver_dying_after(service, "reconcile", message, effects)
        assert service.deliver("reconcile", message) == []
        service.delivered.clear()

    assert lost == []
    assert service.get_run(project, run_id, "result").body == expected
    assert deaths


def test_a_late_deletion_message_for_what_lives_does_nothing(service, datasets, expected):
    project, run_id = prepare(service, datasets)
    service.deliver_all()
    for message in (
        DeleteData(project_id=project["project_id"]),
        DeleteData(project_id=project["project_id"], run_id=run_id),
    ):
        assert service.deliver("delete", body_of(message)) == []

    assert service.get_run(project, run_id, "result").body == expected
