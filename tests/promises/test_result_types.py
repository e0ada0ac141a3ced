"""Similarity scores and permutations too survive workers that die after any of their effects."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.driving import WORKERS, driver, texts
from tests.faults import Killed, Mortality, mortal
from tests.oracle import groups_by_definition
from tests.promises.steps import MOST_EFFECTS, deliver_dying_after

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
        keys = [entry.key for entry in service.world.objects.list(bucket, prefix)]
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
    """A party's result never changes once it is read, though another worker solves the run once more."""
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


def test_two_attempts_at_a_chunk_that_spills_do_not_get_into_each_others_way(service, datasets):
    """A second worker gets the same message, and does all of it, while the first merges its spilled files."""
    project, _, run_id = prepare(service, datasets, "similarity_scores")
    service.deliver_all(("intake", "plan"))
    body, *others = service.waiting("compare")
    spilled = f"projects/{project['project_id']}/runs/{run_id}/spilled/"
    interrupted = Interrupted(service.world.objects, "writer", lambda: service.deliver("compare", body))
    service.use(replace(service.world, objects=interrupted))

    assert service.deliver("compare", body) == []

    assert interrupted.times == 1
    service.use(service.world)
    assert list(service.world.objects.list(service.world.settings.store_bucket, spilled)) == []
    for other in others:
        assert service.deliver("compare", other) == []
    service.deliver_all()
    undisturbed, _, undisturbed_run = prepare(service, datasets, "similarity_scores")
    service.deliver_all()
    assert service.get_run(project, run_id, "result").body == (
        service.get_run(undisturbed, undisturbed_run, "result").body
    )


def test_a_solver_that_is_late_does_not_change_permutations_that_were_read(service, datasets):
    """A second worker solves the run, completes it and cleans up, just before the first one stores its permutations."""
    project, receipts, run_id = prepare(service, datasets, "permutations")
    service.deliver_all(("intake", "plan", "compare"))
    (body,) = service.waiting("solve")
    path = f"/projects/{project['project_id']}/runs/{run_id}/result"
    read = []

    def solve_and_read():
        assert service.deliver("solve", body) == []
        read.extend(service.request("GET", path, token=token).body for token in (*receipts, project["result_token"]))

    service.use(replace(service.world, objects=Interrupted(service.world.objects, "put_if_absent", solve_and_read)))
    service.deliver("solve", body)
    service.use(service.world)

    assert len(read) == 3
    assert read == [service.request("GET", path, token=token).body for token in (*receipts, project["result_token"])]


@pytest.mark.parametrize("spilling", [True, False])
@pytest.mark.parametrize("method", ["put", "writer"])
def test_an_attempt_that_goes_on_when_its_run_is_over_leaves_nothing(make_world, datasets, spilling, method):
    """A second worker gets the same message, and the run comes to its end, while the first is about to write."""
    service = driver(make_world(**(FEW if spilling else {})))
    project, _, run_id = prepare(service, datasets, "groups")
    service.deliver_all(("intake", "plan"))
    body, *others = service.waiting("compare")

    def end():
        service.use(whole)
        for each in (body, *others):
            assert service.deliver("compare", each) == []
        service.deliver_all()

    whole = service.world
    interrupted = Interrupted(whole.objects, method, end)
    service.use(replace(whole, objects=interrupted))
    failed = service.deliver("compare", body)
    service.use(whole)

    assert interrupted.times == (spilling or method == "put")
    if failed:  # it found nothing of what it had spilled
        assert method == "writer"
        assert service.deliver("compare", body) == []
    prefix = f"projects/{project['project_id']}/runs/{run_id}/"
    if not interrupted.times:
        end()
    assert [entry.key for entry in whole.objects.list(whole.settings.store_bucket, prefix)] == [f"{prefix}result"]


@pytest.mark.parametrize("spilling", [True, False])
def test_an_attempt_that_dies_when_its_run_is_over_leaves_nothing_once_it_is_repeated(make_world, datasets, spilling):
    """Its run comes to its end while it is about to write; it dies after any effect, and is then delivered again."""
    service = driver(make_world(**(FEW if spilling else {})))
    whole, died = service.world, 0
    for effects in range(1, 12):
        project, _, run_id = prepare(service, datasets, "groups")
        service.deliver_all(("intake", "plan"))
        body, *others = service.waiting("compare")

        def end(body=body, others=others):
            service.use(whole)
            for each in (body, *others):
                assert service.deliver("compare", each) == []
            service.deliver_all()

        service.use(mortal(replace(whole, objects=Interrupted(whole.objects, "put", end)), Mortality(effects)))
        try:
            service.deliver("compare", body)
        except Killed:
            died += 1
        end()

        prefix = f"projects/{project['project_id']}/runs/{run_id}/"
        assert [entry.key for entry in whole.objects.list(whole.settings.store_bucket, prefix)] == [f"{prefix}result"]
    assert died > 4  # of which the first reads count for four


@pytest.mark.parametrize("result_type", ["similarity_scores", "permutations", "groups"])
def test_a_run_that_failed_when_its_result_was_half_stored_keeps_nothing(service, datasets, result_type):
    project, _, run_id = prepare(service, datasets, result_type)
    service.deliver_all(("intake", "plan", "compare"))
    (body,) = service.waiting("solve")
    effects = 1
    while deliver_dying_after(service, "solve", body, effects) and not result_of(service, project, run_id):
        effects += 1
    assert result_of(service, project, run_id)
    service.queues.dead.append(("solve", body))
    service.deliver("reconcile", '{"due": null}')
    service.deliver_all()

    assert service.get_run(project, run_id).json["state"] == "error"
    assert result_of(service, project, run_id) == []


def result_of(service, project, run_id):
    prefix = f"projects/{project['project_id']}/runs/{run_id}/"
    stored = service.world.objects.list(service.world.settings.store_bucket, prefix)
    kept = ("result", "permutations.npy")
    return [entry.key for entry in stored if entry.key.removeprefix(prefix).startswith(kept)]


class Interrupted:
    """A port; something else happens once, just before a method of it is called."""

    def __init__(self, port, method, interruption):
        self._port, self._method, self._interruption, self.times = port, method, interruption, 0

    def __getattr__(self, name):
        if name == self._method and not self.times:
            self.times += 1
            self._interruption()
        return getattr(self._port, name)


def test_a_pair_that_shares_many_blocks_counts_once(make_world):
    service = driver(make_world(max_candidates=40))
    records = np.random.default_rng(5).integers(0, 256, (30, 16), dtype=np.uint8)
    project = service.create_project(uses_blocking=True)
    for party in range(2):
        body = {"clknblocks": [[text, *"abcde"] for text in texts(records)]}
        token = project["update_tokens"][party]
        assert service.request("POST", f"/projects/{project['project_id']}/clks", token=token, body=body).status == 201
    run_id = service.post_run(project, 0.95)
    service.deliver_all()

    assert len(service.get_run(project, run_id, "result").json["groups"]) == 30
