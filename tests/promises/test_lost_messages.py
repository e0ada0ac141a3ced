"""Runs recover from losses: Redis is flushed or away, messages vanish or end among the dead letters."""

import logging
from contextlib import suppress
from datetime import timedelta

import numpy as np
import pytest

from linkage.messages import CompareChunk, PlanRun, Reconcile, SolveRun
from linkage.upkeep.reconciling import MOST_INTO_BACKLOG, QUEUE_MEMORY_S
from tests.driving import body_of, driver, s3_event
from tests.faults import Killed, Mortality, mortal
from tests.promises.steps import reconcile, reconcile_until_quiet


@pytest.fixture
def service(make_world):
    return driver(make_world(chunk_min_comparisons=1, chunk_max_comparisons=500))


@pytest.fixture
def project(service, datasets):
    project = service.create_project(len(datasets))
    for party, encodings in enumerate(datasets):
        assert service.upload(project, party, encodings).status == 201
    return project


def objects_of(service, run_id):
    """The keys of a run's stored objects."""
    stored = service.world.objects.list(service.world.settings.store_bucket, "")
    return [entry.key for entry in stored if run_id in entry.key]


def test_redis_flushed_in_the_middle_of_a_run(service, project, expected, flush_redis):
    run_id = service.post_run(project)
    service.deliver_all(("intake", "plan"))
    chunks = service.waiting("compare")
    for number, body in enumerate(chunks):
        if number == len(chunks) // 2:
            flush_redis()
        assert service.deliver("compare", body) == []
    flush_redis()
    service.deliver_all()

    assert service.get_run(project, run_id, "result").body == expected


def test_redis_flushed_and_the_remaining_messages_lost(service, project, expected, flush_redis):
    run_id = service.post_run(project)
    service.deliver_all(("intake", "plan"))
    chunks = service.waiting("compare")
    for body in chunks[: len(chunks) // 2]:
        service.deliver("compare", body)
    flush_redis()

    before = service.get_run(project, run_id).json["current_stage"]["progress"]
    reconcile_until_quiet(service)

    assert 0 < before["relative"] < 1
    assert service.get_run(project, run_id, "result").body == expected


@pytest.mark.parametrize("worker", ["intake", "plan", "compare", "solve"])
def test_all_messages_of_a_worker_lost_once(service, project, expected, worker):
    run_id = service.post_run(project)
    workers = ("intake", "plan", "compare", "solve")
    service.deliver_all(workers[: workers.index(worker)])
    assert service.waiting(worker)

    reconcile_until_quiet(service)

    assert service.get_run(project, run_id, "result").body == expected


def test_a_manifest_that_was_lost_is_made_again(service, project, expected):
    run_id = service.post_run(project)
    bucket = service.world.settings.store_bucket
    service.world.objects.delete(bucket, [o.key for o in service.world.objects.list(bucket, "intake/")])

    reconcile_until_quiet(service)

    assert service.get_run(project, run_id, "result").body == expected


def test_what_moves_is_left_alone(service, project):
    service.post_run(project)
    service.deliver_all(("intake", "plan"))
    for body in service.waiting("compare"):
        service.deliver("compare", body)
        reconcile(service, later=service.world.settings.patience_s * 2)
        assert service.queues.take("compare") == []


def test_a_reconciler_message_that_was_lost_is_sent_again_by_the_next_request(service, project):
    service.queues.take("reconcile")
    service.world.now.sleep(3600)

    service.post_run(project)

    assert len(service.queues.take("reconcile")) == 1


def test_one_reconciler_message_is_on_its_way_however_many_ask(service, project):
    for _ in range(5):
        service.post_run(project)
    (message,) = service.queues.take("reconcile")
    for _ in range(3):
        service.deliver("reconcile", body_of(message))

    assert len(service.queues.take("reconcile")) == 1


def test_the_reconciler_stops_when_nothing_is_left_to_do(service, project):
    service.post_run(project)
    service.deliver_all()

    reconcile_until_quiet(service)

    assert service.queues.take("reconcile") == []


NAMES = {PlanRun: "plan", CompareChunk: "compare", SolveRun: "solve"}


@pytest.mark.parametrize(
    ("kind", "done"), [(PlanRun, ["intake"]), (CompareChunk, ["intake", "plan"]), (SolveRun, ["intake", "plan"])]
)
def test_a_run_whose_message_is_a_dead_letter_is_an_error(service, project, kind, done):
    run_id = service.post_run(project)
    service.deliver_all(tuple(done))
    chunk = {"chunk": 0} if kind is CompareChunk else {}
    message = kind(project_id=project["project_id"], run_id=run_id, **chunk)
    service.queues.dead.append((NAMES[kind], body_of(message)))

    reconcile(service)

    status = service.get_run(project, run_id).json
    assert status["state"] == "error"
    assert status["message"].startswith("Run failed with an internal server error.")
    assert service.queues.dead == []


@pytest.mark.parametrize("kind", [PlanRun, CompareChunk, SolveRun])
def test_a_dead_letter_of_a_step_that_is_done_changes_nothing(service, project, expected, kind):
    run_id = service.post_run(project)
    service.deliver_all(("intake", "plan", "compare"))
    chunk = {"chunk": 0} if kind is CompareChunk else {}
    message = kind(project_id=project["project_id"], run_id=run_id, **chunk)
    if kind is SolveRun:
        service.deliver_all()
    service.queues.dead.append((NAMES[kind], body_of(message)))

    reconcile(service)
    service.deliver_all()

    assert service.get_run(project, run_id, "result").body == expected


def test_an_upload_whose_event_is_a_dead_letter_is_an_error(service, project):
    run_id = service.post_run(project)
    key = next(service.world.objects.list(service.world.settings.store_bucket, "intake/")).key
    service.queues.dead.append(("intake", s3_event(key)))

    reconcile(service)

    status = service.get_run(project, run_id).json
    assert status["state"] == "error"
    assert "could not be read" in status["message"]


@pytest.mark.parametrize("is_deleted", [True, False])
@pytest.mark.parametrize("worker", ["intake", "plan", "compare", "solve"])
def test_a_dead_letter_is_an_alarm_only_while_its_run_or_upload_exists(service, project, worker, is_deleted, caplog):
    run_id = service.post_run(project)
    (key, *_) = [entry.key for entry in service.world.objects.list(service.world.settings.store_bucket, "intake/")]
    ids = {"project_id": project["project_id"], "run_id": run_id}
    bodies = {
        "intake": s3_event(key),
        "plan": body_of(PlanRun(**ids)),
        "compare": body_of(CompareChunk(**ids, chunk=0)),
        "solve": body_of(SolveRun(**ids)),
    }
    service.queues.dead.append((worker, bodies[worker]))
    if is_deleted:
        path = f"/projects/{project['project_id']}"
        assert service.request("DELETE", path, token=project["result_token"]).status == 204

    reconcile(service)

    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert errors == ([] if is_deleted else [f"dead letter of the {worker} worker"])
    assert service.queues.dead == []


def test_dead_letters_that_cannot_be_read_are_dropped(service, project):
    for worker in ("intake", "plan", "compare", "delete", "reconcile"):
        service.queues.dead += [(worker, "nonsense"), (worker, "[1]"), (worker, '{"Records": [{"s3": 1}]}')]

    reconcile(service)

    assert service.queues.dead == []


def test_a_run_that_failed_keeps_no_candidate_pairs(service, project):
    """They tell as much as a result, and nobody needs them any more."""
    run_id = service.post_run(project)
    service.deliver_all(("intake", "plan", "compare"))
    message = SolveRun(project_id=project["project_id"], run_id=run_id)
    service.queues.take("solve")
    service.queues.dead.append(("solve", body_of(message)))

    reconcile(service)
    service.deliver_all()

    assert service.get_run(project, run_id).json["state"] == "error"
    assert objects_of(service, run_id) == []
    service.queues.dead.append(("solve", body_of(message)))
    reconcile(service)
    assert service.queues.take("solve") == []  # it does not go round in circles


def test_a_run_that_starting_again_does_not_help_is_an_error_in_the_end(service, project):
    """Its compare worker is killed each time, so that no chunk is ever stored and nobody can say why."""
    run_id = service.post_run(project)
    service.deliver_all(("intake", "plan"))
    sent = [len(service.queues.take("compare"))]
    state = "running"
    while state == "running":
        reconcile(service, later=service.world.settings.patience_s * 2)
        sent.append(len(service.queues.take("compare")))
        state = service.get_run(project, run_id).json["state"]
        assert len(sent) < 40

    assert state == "error"
    assert "it was started 4 times" in service.get_run(project, run_id).json["message"]
    assert [count for count in sent if count] == [sent[0]] * 4


def test_an_upload_that_starting_again_does_not_help_is_an_error_in_the_end(service, project):
    run_id = service.post_run(project)
    state = "created"
    for _ in range(40):
        reconcile(service, later=service.world.settings.patience_s * 2)
        state = service.get_run(project, run_id).json["state"]
        if state == "error":
            break

    assert state == "error"
    message = service.get_run(project, run_id).json["message"]
    assert "it was not taken in, though it was started 4 times" in message
    assert service.upload(project, 0, np.ones((3, 16), dtype=np.uint8)).status == 201


def test_a_run_that_moves_between_restarts_may_be_restarted_again(service, project, expected):
    run_id = service.post_run(project)
    service.deliver_all(("intake", "plan"))
    while service.get_run(project, run_id).json["state"] == "running":
        chunks = service.waiting("compare")
        for body in chunks[:1]:
            service.deliver("compare", body)
        service.deliver_all(("solve",))
        reconcile(service, later=service.world.settings.patience_s * 20)
        if not chunks:
            reconcile(service, later=service.world.settings.patience_s * 20)

    assert service.get_run(project, run_id, "result").body == expected


def test_a_run_that_cannot_be_looked_at_is_an_error_in_the_end_and_holds_up_no_other(service, project, expected):
    broken, whole = service.post_run(project), service.post_run(project)
    service.deliver_all(("intake", "plan"))
    key = f"projects/{project['project_id']}/runs/{broken}/plan.json"
    service.world.objects.put(service.world.settings.store_bucket, key, b"no plan")
    for body in service.waiting("compare"):
        if whole in body:
            service.deliver("compare", body)
    service.queues.take("solve")

    for _ in range(40):
        reconcile(service, later=service.world.settings.patience_s * 2)
        service.queues.take("compare")
        service.deliver_all(("solve",))

    assert service.get_run(project, broken).json["state"] == "error"
    assert service.get_run(project, whole, "result").body == expected


def test_a_tombstone_slows_nothing_down(service, project):
    """While only tombstones are left the reconciler comes seldom; the next run brings it back to once a minute."""
    other = service.create_project()
    service.request("DELETE", f"/projects/{other['project_id']}", token=other["result_token"])
    service.deliver_all()
    reconcile_until_tombstones(service)
    service.queues.take("reconcile")

    service.post_run(project)

    (soon,) = service.queues.take("reconcile")
    period = service.world.settings.reconcile_period_s
    assert (soon.due - service.world.now()).total_seconds() <= period


def reconcile_until_tombstones(service):
    """Run the reconciler until its next message is more than a period away."""
    for _ in range(10):
        reconcile(service, later=61)
        service.deliver_all()
        delays = [delay for worker, _, delay in service.queues.sent if worker == "reconcile"]
        if delays and delays[-1] > service.world.settings.reconcile_period_s:
            return
    raise AssertionError("it never slows down")


@pytest.mark.parametrize("step", ["plan", "compare", "solve"])
def test_a_run_whose_messages_wait_for_their_turn_is_let_wait(service, project, expected, step):
    """Each step has a queue that all runs share, and many large runs may be before this one."""
    run_id = service.post_run(project)
    service.deliver_all({"plan": ("intake",), "compare": ("intake", "plan")}.get(step, ("intake", "plan", "compare")))
    sent = service.queues.backlog(step)
    assert sent
    for _ in range(60):
        reconcile(service, later=service.world.settings.patience_s * 2)

    assert service.queues.backlog(step) == 4 * sent  # it is sent again three times, and then no more
    assert service.get_run(project, run_id).json["state"] in {"created", "queued", "running"}
    service.deliver_all()
    assert service.get_run(project, run_id, "result").body == expected


def test_nothing_waits_for_ever_behind_others(make_world, datasets):
    """Longer than SQS keeps a message, so that the message it waits for is gone."""
    period_s = QUEUE_MEMORY_S // 50
    service = driver(make_world(reconcile_period_s=period_s))
    project = service.create_project(len(datasets))
    for party, encodings in enumerate(datasets):
        service.upload(project, party, encodings)
    run_id = service.post_run(project)
    service.deliver_all(("intake", "plan", "compare"))
    service.queues.take("solve")
    service.queues.held["solve"] = 1
    started = service.world.now()
    while service.get_run(project, run_id).json["state"] == "running":
        reconcile(service, later=period_s)
        service.queues.take("solve")
    waited = service.world.now() - started

    assert "made no progress" in service.get_run(project, run_id).json["message"]
    assert timedelta(days=4) < waited < timedelta(days=5)


def test_a_run_whose_turn_has_come_is_given_the_time_that_it_needs(service, project, expected):
    """Its message is taken from the queue a moment before the reconciler's patience would have ended."""
    run_id = service.post_run(project)
    service.deliver_all(("intake", "plan", "compare"))
    for _ in range(5 + 10 + 20 + 4 * 40 - 1):
        reconcile(service, later=60)
    taken = service.waiting("solve")
    for _ in range(15):
        reconcile(service, later=60)

    assert service.get_run(project, run_id).json["state"] == "running"
    assert service.deliver("solve", taken[0]) == []
    assert service.get_run(project, run_id, "result").body == expected


@pytest.mark.parametrize("kind", [CompareChunk, SolveRun])
@pytest.mark.parametrize("effects", [1, 2, 3])
def test_a_run_keeps_nothing_though_the_reconciler_dies_while_failing_it(service, project, kind, effects):
    run_id = service.post_run(project)
    service.deliver_all(("intake", "plan"))
    service.deliver("compare", service.waiting("compare")[1])
    chunk = {"chunk": 0} if kind is CompareChunk else {}
    message = kind(project_id=project["project_id"], run_id=run_id, **chunk)
    service.queues.dead.append((NAMES[kind], body_of(message)))
    service.use(mortal(service.world, Mortality(effects)))
    with suppress(Killed):
        service.deliver("reconcile", body_of(Reconcile()))
    service.use(service.world)
    service.deliver_all(("solve",))
    reconcile(service)
    service.deliver_all(("solve",))

    assert service.get_run(project, run_id).json["state"] == "error"
    assert objects_of(service, run_id) == []


def test_a_run_that_failed_while_it_was_planned_is_not_started(service, project, monkeypatch):
    run_id = service.post_run(project)
    service.deliver_all(("intake",))
    (body,) = service.waiting("plan")
    start = type(service.world.runs).start

    def fail_first(self, run_id, **names):
        self.fail(run_id, "another worker gave it up", now=service.world.now())
        start(self, run_id, **names)

    monkeypatch.setattr(type(service.world.runs), "start", fail_first)
    assert service.deliver("plan", body) == []
    assert service.queues.backlog("compare") == 0
    service.deliver_all(("solve",))

    assert service.get_run(project, run_id).json["state"] == "error"
    assert objects_of(service, run_id) == []


def test_a_run_that_was_deleted_while_it_was_planned_leaves_nothing(service, project, monkeypatch):
    """The sweep of the deletion comes after its rectangles are stored, and before its plan is."""
    run_id = service.post_run(project)
    service.deliver_all(("intake",))
    (body,) = service.waiting("plan")
    whole = service.world
    path = f"/projects/{project['project_id']}/runs/{run_id}"
    put_if_absent = type(whole.objects).put_if_absent

    def delete_first(self, *args, **names):
        assert service.request("DELETE", path, token=project["result_token"]).status == 204
        service.deliver_all(("delete",))
        return put_if_absent(self, *args, **names)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(type(whole.objects), "put_if_absent", delete_first)
        assert service.deliver("plan", body) == []
    assert service.queues.backlog("compare") == 0
    service.deliver_all(("solve",))

    assert objects_of(service, run_id) == []


def test_few_chunks_are_sent_again_where_others_wait(make_world, datasets):
    service = driver(make_world(chunk_min_comparisons=1, chunk_max_comparisons=10))
    project = service.create_project(len(datasets))
    for party, encodings in enumerate(datasets):
        service.upload(project, party, encodings)
    service.post_run(project)
    service.deliver_all(("intake", "plan"))
    sent = service.queues.backlog("compare")
    assert sent > 2 * MOST_INTO_BACKLOG

    reconcile(service, later=service.world.settings.patience_s)
    assert service.queues.backlog("compare") == sent + MOST_INTO_BACKLOG

    service.queues.take("compare")
    reconcile(service, later=service.world.settings.patience_s * 2)
    assert service.queues.backlog("compare") == sent


def test_an_upload_that_waits_for_its_turn_is_let_wait(service, project, expected):
    run_id = service.post_run(project)
    service.queues.held["intake"] = 1
    for _ in range(60):
        reconcile(service, later=service.world.settings.patience_s * 2)
    service.deliver_all()

    assert service.get_run(project, run_id, "result").body == expected


def test_a_run_whose_turn_has_come_has_all_of_its_patience_again(service, project):
    """While it waited it was not idle: the worker that took the last message needs time."""
    run_id = service.post_run(project)
    service.deliver_all(("intake", "plan", "compare"))
    for _ in range(60):
        reconcile(service, later=service.world.settings.patience_s * 2)
    service.queues.take("solve")

    reconcile(service, later=service.world.settings.patience_s)
    assert service.get_run(project, run_id).json["state"] == "running"
    for _ in range(10):
        reconcile(service, later=service.world.settings.patience_s * 2)
    assert service.get_run(project, run_id).json["state"] == "error"


def test_a_run_whose_chunks_are_all_compared_does_not_wait_for_those_of_others(service, project, expected):
    """Redis cannot be asked for one chunk: no later one then finds that none is left."""
    run_id = service.post_run(project)
    service.deliver_all(("intake", "plan", "compare"))
    service.queues.take("solve")
    service.queues.send(CompareChunk(project_id="another", run_id="another", chunk=0))

    for _ in range(3):
        reconcile(service, later=service.world.settings.patience_s)
    service.deliver_all(("solve",))

    assert service.get_run(project, run_id, "result").body == expected


def test_a_dead_letter_is_kept_until_it_is_an_error(service, project, monkeypatch):
    run_id = service.post_run(project)
    service.deliver_all(("intake",))
    (message,) = service.queues.take("plan")
    service.queues.dead.append(("plan", body_of(message)))
    with monkeypatch.context() as away:
        away.setattr(type(service.world.runs), "fail", lambda *_args, **_names: 1 / 0)
        reconcile(service)
    assert service.queues.dead == [("plan", body_of(message))]

    reconcile(service, later=61)

    assert service.get_run(project, run_id).json["state"] == "error"
    assert service.queues.dead == []
