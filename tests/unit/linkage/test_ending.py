"""A run ends once, and the message that removes its objects is never lost."""

from dataclasses import replace

import pytest

from linkage.ending import fail_run, is_over, refuse_run, reject_upload, remove_leftovers
from linkage.errors import TooManyCandidates
from linkage.messages import SolveRun
from linkage.models import RunState
from linkage.store.runs import RunStore
from linkage.testing.world import in_memory_world
from tests.faults import Killed, Mortality, mortal
from tests.prepared import PROJECT, RUN, plan_of

REMOVAL = SolveRun(project_id=PROJECT, run_id=RUN)


@pytest.fixture
def world(datasets):
    """A world with a run that is planned, and has a result already."""
    world = in_memory_world()
    plan_of(world, datasets, 0.8)
    with RunStore(PROJECT, RUN, world).result_writer("result") as file:
        file.write(b"{}")
    world.queues.take("solve")
    return world


def run_of(world):
    return world.runs.get(PROJECT, RUN)


def names_of(world):
    prefix = f"projects/{PROJECT}/runs/{RUN}/"
    return [stored.key.removeprefix(prefix) for stored in world.objects.list(world.settings.store_bucket, prefix)]


def test_a_worker_that_dies_while_it_fails_a_run_has_sent_the_message(world):
    with pytest.raises(Killed):
        fail_run(run_of(world), "it broke", mortal(world, Mortality(1)))

    assert run_of(world).state is RunState.RUNNING
    assert world.queues.take("solve") == [REMOVAL]


@pytest.mark.parametrize("state", [RunState.COMPLETED, RunState.ERROR])
def test_a_run_that_is_over_stays_as_it_ended(world, state):
    fail_run(replace(run_of(world), state=state), "it broke", world)

    assert run_of(world).state is RunState.RUNNING
    assert world.queues.take("solve") == []


def test_a_refused_run_says_why_and_sends_no_message(world):
    error = TooManyCandidates("at least 11", 10, 0.8)

    refuse_run(run_of(world), error, world)

    assert (run_of(world).state, run_of(world).message) == (RunState.ERROR, str(error))
    assert world.queues.take("solve") == []


def test_a_run_that_goes_on_keeps_everything(world):
    before = names_of(world)

    remove_leftovers(PROJECT, RUN, world)

    assert not is_over(run_of(world), world)
    assert names_of(world) == before
    assert "plan.json" in before


def test_a_completed_run_keeps_its_result_alone(world):
    world.runs.complete(RUN, now=world.now())

    remove_leftovers(PROJECT, RUN, world)

    assert names_of(world) == ["result"]


@pytest.mark.parametrize("end", ["failed", "deleted"])
def test_a_run_that_failed_or_was_deleted_keeps_nothing(world, end):
    run = run_of(world)
    if end == "failed":
        world.runs.fail(RUN, "it broke", now=world.now())
    else:
        world.runs.delete(PROJECT, RUN, now=world.now(), sweep_until=world.now())

    remove_leftovers(PROJECT, RUN, world)

    assert is_over(run, world)
    assert names_of(world) == []


def test_an_upload_is_rejected_once(world):
    upload = world.uploads.get(world.uploads.ready(PROJECT)[0].upload_id)

    assert not reject_upload(upload, "it is ready already", world)
