"""A run's status, in every state of a run."""

import json
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import run_status
from linkage.models import Contributions, FailedUpload, Progress, Project, ResultType, Run, RunState
from linkage.runs import RunStatus

TIME = datetime.fromisoformat("2026-11-23T22:38:46")
TEXT = "2026-11-23T22:38:46.000000"
ALL_READY = Contributions(contributed=2, ready=2, failed=())


def status_of(state, result_type=ResultType.GROUPS, *, done=None, contributions=ALL_READY, **members):
    """A status with `done` of 10 chunks completed, of 40 comparisons each."""
    project = Project("p", b"", "{}", result_type, 2, "", "", uses_blocking=False, time_added=TIME)
    if state not in (RunState.CREATED, RunState.QUEUED):
        members.setdefault("time_started", TIME)
        members.setdefault("total_comparisons", 400)
    if state in (RunState.COMPLETED, RunState.ERROR):
        members.setdefault("time_completed", TIME)
    run = Run("r", "p", 0.8, "", "", state, TIME, **members)
    progress = None if done is None else Progress(10, done, 40 * done, 400, candidates=7)
    return RunStatus(run, project, contributions, progress)


def status_body(status):
    """The status as clients read it."""
    return json.loads(run_status.status_body(status).text())


@pytest.mark.parametrize(("result_type", "stages"), [("groups", 3), ("permutations", 3), ("similarity_scores", 2)])
def test_similarity_scores_take_two_stages_and_the_others_three(result_type, stages):
    body = status_body(status_of(RunState.COMPLETED, ResultType(result_type)))

    assert (body["stages"], body["current_stage"]["number"]) == (stages, stages)


def test_a_completed_run_into_groups():
    assert status_body(status_of(RunState.COMPLETED)) == {
        "state": "completed",
        "time_added": TEXT,
        "time_started": TEXT,
        "time_completed": TEXT,
        "stages": 3,
        "current_stage": {"number": 3, "description": "compute output"},
        "total_number_comparisons": 400,
    }


@pytest.mark.parametrize(("total", "relative"), [(400, 1.0), (0, 0)])
def test_a_completed_run_into_similarity_scores_keeps_its_progress(total, relative):
    body = status_body(status_of(RunState.COMPLETED, ResultType.SIMILARITY_SCORES, total_comparisons=total))

    assert body["current_stage"] == {
        "number": 2,
        "description": "compute similarity scores",
        "progress": {
            "absolute": total,
            "relative": relative,
            "description": "number of already computed similarity scores",
        },
    }
    assert body["total_number_comparisons"] == total


def test_a_run_that_waits_for_uploads():
    body = status_body(status_of(RunState.CREATED, contributions=Contributions(1, 1, ())))

    assert body["time_started"] is None
    assert body["current_stage"] == {
        "number": 1,
        "description": "waiting for CLKs",
        "progress": {"absolute": 1, "relative": 0.5, "description": "number of parties already contributed"},
    }


@pytest.mark.parametrize("done", [None, 0])
def test_comparing_tells_no_progress_before_the_first_chunk(done):
    stage = status_body(status_of(RunState.RUNNING, done=done))["current_stage"]

    assert stage == {"number": 2, "description": "compute similarity scores"}


def test_a_queued_run_is_in_the_second_stage_and_has_not_started():
    body = status_body(status_of(RunState.QUEUED))

    assert (body["state"], body["time_started"], body["current_stage"]["number"]) == ("queued", None, 2)


@pytest.mark.parametrize(("result_type", "last"), [("groups", 3), ("similarity_scores", 2)])
def test_once_all_is_compared_the_last_stage_is_reached(result_type, last):
    stage = status_body(status_of(RunState.RUNNING, ResultType(result_type), done=10))["current_stage"]

    assert stage["number"] == last
    if last == 2:
        assert stage["progress"]["relative"] == 1.0


@pytest.mark.parametrize(("started", "stage"), [(TIME, 2), (None, 1)])
def test_a_failed_run_says_why_and_stays_in_its_stage(started, stage):
    body = status_body(status_of(RunState.ERROR, message="why", time_started=started))

    assert (body["state"], body["message"], body["current_stage"]["number"]) == ("error", "why", stage)
    assert not {"time_started", "time_completed", "total_number_comparisons"} & body.keys()


@pytest.mark.parametrize("state", list(RunState))
def test_a_failed_upload_shows_in_every_run_of_its_project(state):
    body = status_body(
        status_of(
            state, contributions=Contributions(1, 1, (FailedUpload("u", 0, "the upload is no good"),)), message=None
        )
    )

    assert body["state"] == "error"
    assert state is RunState.ERROR or body["message"] == "the upload is no good"


@given(result_type=st.sampled_from(ResultType), order=st.lists(st.integers(0, 10), max_size=12).map(sorted))
def test_stages_and_their_progress_never_go_back(result_type, order):
    running = [status_of(RunState.RUNNING, result_type, done=done) for done in order]
    waiting = [status_of(RunState.CREATED, result_type, contributions=Contributions(n, n, ())) for n in range(3)]
    steps = [*waiting, status_of(RunState.QUEUED, result_type), *running, status_of(RunState.COMPLETED, result_type)]
    stages = [status_body(step)["current_stage"] for step in steps]

    positions = [(stage["number"], stage.get("progress", {}).get("relative", 0)) for stage in stages]
    assert positions == sorted(positions)
    assert all(0 <= relative <= 1 for _, relative in positions)


def test_the_status_holds_no_token():
    status = status_of(RunState.RUNNING)
    secret = replace(status.project, result_token_hash=b"secret")

    assert "secret" not in repr(status_body(replace(status, project=secret)))
