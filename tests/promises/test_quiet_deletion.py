"""A deletion while the service works is no false alarm: nothing fails, nothing is logged as an error, nothing stays."""

import logging
from copy import deepcopy
from itertools import count, repeat

import numpy as np
import pytest

from linkage.deletion import remove_project, remove_run, sweep
from linkage.messages import DeleteData, Reconcile
from linkage.testing.world import in_memory_world
from tests.driving import WORKERS, body_of, driver
from tests.faults import watched
from tests.promises.steps import objects_of
from tests.ways import WITH_BLOCKS, upload
from tests.worlds.memory import WorldsInMemory

MOST_STEPS = 500
SETTINGS = {"chunk_min_comparisons": 1, "chunk_max_comparisons": 100, "spill_pairs": 24, "batch_pairs": 8}
ENCODINGS = [np.random.default_rng(seed).integers(0, 2, (8, 8), dtype=np.uint8) for seed in (1, 2)]
ANSWERS = {200, 201, 204, 403, 404, 307}


def in_memory():
    return driver(in_memory_world(**SETTINGS))


@pytest.fixture
def linkages(worlds):
    """A function that yields a linkage of its own for each deletion; on servers, each in the one world."""
    if isinstance(worlds, WorldsInMemory):
        return linkages_in_memory
    service = driver(worlds.make(**SETTINGS))
    return lambda *arguments: (prepare(service, *arguments) for _ in repeat(None))


@pytest.fixture
def strides(worlds):
    """The number of steps between two deletions: servers take their time."""
    return 1 if isinstance(worlds, WorldsInMemory) else 29


class Deletion:
    """Deletes a run or a project before the n-th step of whoever works in the world that it watches."""

    def __init__(self, service, project, run_id, *, before, at_once):
        self.service, self.project_id, self.run_id = service, project["project_id"], run_id
        self.left, self.at_once = before, at_once

    def __enter__(self):
        self.service.use(watched(self.service.world, self._tell))
        return self

    def __exit__(self, *_):
        self.service.use(self.service.world)

    @property
    def done(self):
        return self.left <= 0

    def _tell(self):
        self.left -= 1
        if self.left == 0:
            self.delete()

    def delete(self):
        world = self.service.world
        if self.run_id is None:
            remove_project(self.project_id, world)
        else:
            remove_run(self.project_id, self.run_id, world)
        if self.at_once:
            sweep(DeleteData(project_id=self.project_id, run_id=self.run_id), world)


def prepare(service, way, result_type, until):
    """Bring a linkage to where this worker has its messages; return service, project, run, and the messages."""
    project = service.create_project(uses_blocking=way in WITH_BLOCKS, result_type=result_type)
    for party, encodings in enumerate(ENCODINGS):
        blocks = [["a", "b"]] * len(encodings) if way in WITH_BLOCKS else None
        assert upload(service, project, party, way, encodings, blocks).status == 201
    run_id = service.post_run(project, 0.5)
    for worker in WORKERS[: WORKERS.index(until)]:
        service.deliver_all((worker,))
    return service, project, run_id, service.waiting(until)


def linkages_in_memory(*arguments):
    """Yield a prepared linkage again and again: copies of one, with a world each."""
    prepared = prepare(in_memory(), *arguments)
    while True:
        linkage = deepcopy(prepared)
        service = linkage[0]
        service.use(service.world)
        yield linkage


def errors_in(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR or record.exc_info]


def sweep_later(service):
    """Let the last sweeps come."""
    service.delivered.clear()
    service.deliver_all()
    for _ in range(3):
        service.world.now.sleep(10 * 3600)
        assert service.deliver("reconcile", body_of(Reconcile(due=service.world.now()))) == []
        service.deliver_all()


def assert_gone(service, project, run_id):
    """Nothing of the project or of the run is left, and the project links what it has as before."""
    if run_id is None:
        assert objects_of(service, project["project_id"]) == []
        return
    assert [key for key in objects_of(service, project["project_id"]) if run_id in key] == []
    again = service.post_run(project, 0.5)
    service.deliver_all()
    assert service.get_run(project, again).json["state"] == "completed"


@pytest.mark.parametrize("at_once", [True, False], ids=["swept at once", "swept later"])
@pytest.mark.parametrize("what", ["run", "project"])
@pytest.mark.parametrize(
    "work",
    [
        ("intake", "json file and blocks", "groups"),
        ("intake", "clks", "groups"),
        ("plan", "clknblocks", "groups"),
        ("compare", "clknblocks", "groups"),
        ("solve", "clknblocks", "groups"),
        ("solve", "clks", "similarity_scores"),
        ("solve", "clks", "permutations"),
    ],
    ids=" ".join,
)
def test_a_deletion_before_any_step_of_a_worker(linkages, caplog, strides, work, what, at_once):
    worker, way, result_type = work
    steps = count(1, strides if at_once else 3 * strides)
    for step, (service, project, run_id, bodies) in zip(steps, linkages(way, result_type, worker), strict=False):
        deleted = run_id if what == "run" else None
        with Deletion(service, project, deleted, before=step, at_once=at_once) as deletion:
            for body in bodies:
                assert service.deliver(worker, body) == [], (step, errors_in(caplog))
        assert errors_in(caplog) == [], step
        if not deletion.done:
            break
        assert step < MOST_STEPS
        sweep_later(service)
        assert_gone(service, project, deleted)
        assert errors_in(caplog) == [], step
        caplog.clear()
    assert step > 1


REQUESTS = {
    "upload": ("POST", "", "clks", {"clks": ["AAAAAAAAAAA="]}),
    "post a run": ("POST", "result_token", "runs", {"threshold": 0.5}),
    "describe the project": ("GET", "result_token", "", None),
    "describe the upload": ("GET", "", "uploads", None),
    "list runs": ("GET", "result_token", "runs", None),
    "describe the run": ("GET", "result_token", "runs/{run_id}", None),
    "follow the run": ("GET", "result_token", "runs/{run_id}/status", None),
    "read the result": ("GET", "result_token", "runs/{run_id}/result", None),
    "delete the run": ("DELETE", "result_token", "runs/{run_id}", None),
    "delete the project": ("DELETE", "result_token", "", None),
    "ask for credentials": ("GET", "", "authorize-external-upload", None),
}


@pytest.mark.parametrize(("until", "what"), [("intake", "project"), ("compare", "run"), ("delete", "run")])
@pytest.mark.parametrize("request_name", REQUESTS)
def test_a_deletion_before_any_step_of_a_request(caplog, request_name, until, what):
    method, token_name, path, body = REQUESTS[request_name]
    linkages = linkages_in_memory("clks", "similarity_scores", until)
    for step, (service, project, run_id, _) in enumerate(linkages, 1):
        token = project[token_name] if token_name else project["update_tokens"][0]
        deleted = run_id if what == "run" else None
        address = "/".join(filter(None, ["/projects", project["project_id"], path.format(run_id=run_id)]))
        with Deletion(service, project, deleted, before=step, at_once=True) as deletion:
            answer = service.request(method, address, token=token, body=body)
        assert answer.status in ANSWERS, (step, answer.body)
        assert errors_in(caplog) == [], step
        if not deletion.done:
            break
        assert step < MOST_STEPS
        caplog.clear()
    assert step > 1


@pytest.mark.parametrize("what", ["run", "project"])
@pytest.mark.parametrize("until", ["intake", "plan", "compare", "solve", "delete"])
def test_a_deletion_before_any_step_of_the_reconciler(caplog, until, what):
    """All messages are lost, and the reconciler is busy with the run and the uploads when they are deleted."""
    for step, (service, project, run_id, _) in enumerate(linkages_in_memory("clks", "groups", until), 1):
        service.world.now.sleep(service.world.settings.patience_s)
        deleted = run_id if what == "run" else None
        with Deletion(service, project, deleted, before=step, at_once=True) as deletion:
            assert service.deliver("reconcile", body_of(Reconcile())) == []
        assert errors_in(caplog) == [], step
        if not deletion.done:
            break
        assert step < MOST_STEPS
        sweep_later(service)
        assert_gone(service, project, deleted)
        assert errors_in(caplog) == [], step
        caplog.clear()
    assert step > 1


@pytest.mark.parametrize("until", ["intake", "compare", "delete"])
def test_a_deletion_of_the_project_before_any_step_of_the_deletion_of_a_run(caplog, until):
    for step, (service, project, run_id, _) in enumerate(linkages_in_memory("clks", "groups", until), 1):
        remove_run(project["project_id"], run_id, service.world)
        bodies = service.waiting("delete")
        with Deletion(service, project, None, before=step, at_once=True) as deletion:
            for body in bodies:
                assert service.deliver("delete", body) == []
        assert errors_in(caplog) == [], step
        if not deletion.done:
            break
        assert step < MOST_STEPS
        sweep_later(service)
        assert_gone(service, project, None)
        caplog.clear()
    assert step > 1
