"""Similarity scores and permutations too survive workers that die after any of their effects."""

import json

import pytest

from tests.driving import WORKERS, driver
from tests.oracle import groups_by_definition
from tests.promises.repeated_delivery import MOST_EFFECTS, deliver_dying_after

FEW = {"chunk_min_comparisons": 1, "chunk_max_comparisons": 800, "spill_pairs": 4, "batch_pairs": 3, "window_pairs": 8}
"""Settings with which every chunk spills, and files are merged in many rounds."""


@pytest.fixture
def service(make_world):
    return driver(make_world(**FEW))


def prepare(service, datasets, result_type):
    project = service.create_project(result_type=result_type)
    receipts = [service.upload(project, party, datasets[party]).json["receipt_token"] for party in range(2)]
    return project, receipts, service.post_run(project, 0.75)


def deliver_all_dying(service, mortals):
    """Deliver all messages; the workers named die after their 1st effect, their 2nd..., until they come through."""
    deaths = 0
    while any(bodies := [(name, body) for name in WORKERS for body in service.waiting(name)]):
        for name, body in bodies:
            effects = 1
            while name in mortals and deliver_dying_after(service, name, body, effects):
                effects += 1
                assert effects < MOST_EFFECTS
            deaths += effects - 1
            assert service.deliver(name, body) == []
    return deaths


@pytest.mark.parametrize("worker", ["plan", "compare", "solve"])
def test_scores_are_the_same_bytes_however_often_a_worker_dies(service, datasets, worker):
    def stored(mortals):
        project, _, run_id = prepare(service, datasets, "similarity_scores")
        deaths = deliver_all_dying(service, mortals)
        assert service.get_run(project, run_id).json["state"] == "completed"
        prefix = f"projects/{project['project_id']}/runs/{run_id}/"
        bucket = service.world.settings.store_bucket
        keys = [found.key for found in service.world.objects.list(bucket, prefix)]
        return deaths, {key.removeprefix(prefix): service.world.objects.get(bucket, key) for key in keys}

    _, undisturbed = stored(())
    deaths, disturbed = stored((worker,))

    assert deaths
    assert disturbed == undisturbed
    assert len(json.loads(undisturbed["result"])["similarity_scores"]) > 20


def test_permutations_of_a_solver_that_dies_again_and_again_fit_together(service, datasets):
    project, receipts, run_id = prepare(service, datasets, "permutations")

    assert deliver_all_dying(service, ("solve",)) >= 4

    mask = service.get_run(project, run_id, "result").json["mask"]
    path = f"/projects/{project['project_id']}/runs/{run_id}/result"
    parts = [service.request("GET", path, token=receipt).json["permutation"] for receipt in receipts]
    at = [{place: record for record, place in enumerate(part)} for part in parts]
    lined_up = {frozenset(((0, at[0][place]), (1, at[1][place]))) for place, match in enumerate(mask) if match}
    assert lined_up == groups_by_definition(datasets[:2], 0.75)


def test_permutations_that_were_drawn_first_stay(service, datasets):
    """What one party has read never changes, though another worker solves the run once more."""
    project, receipts, run_id = prepare(service, datasets, "permutations")
    service.deliver_all(("intake", "plan", "compare"))
    (body,) = service.waiting("solve")
    path = f"/projects/{project['project_id']}/runs/{run_id}/result"
    key = f"projects/{project['project_id']}/runs/{run_id}/permutations.npy"
    bucket = service.world.settings.store_bucket
    effects = 1
    while service.world.objects.get(bucket, key) is None:
        assert deliver_dying_after(service, "solve", body, effects)
        effects += 1
    first = service.world.objects.get(bucket, key)
    assert deliver_dying_after(service, "solve", body, 3)
    again = service.world.objects.get(bucket, key)
    assert service.deliver("solve", body) == []

    assert first == again
    assert sorted(service.request("GET", path, token=receipts[0]).json["permutation"]) == list(range(50))
