"""Every known error has a reader: each reason for which an upload or a run fails reaches somebody by the API.

What can fail is found in the source (`tests.failures`): a failure that is added without a reader, or that nothing here
brings about, fails a test.
"""

import functools
import importlib
import json
import sys
from dataclasses import dataclass, field
from inspect import isgeneratorfunction

import numpy as np
import pytest

from app.problems import problem_details
from linkage import ending, errors
from linkage.messages import WORKERS
from linkage.models import ResultType, RunState
from linkage.testing.world import in_memory_world
from linkage.upkeep.reconciling import MOST_RESTARTS, QUEUE_MEMORY_S
from tests.driving import driver, s3_event, texts
from tests.failures import calling, error_classes, raising
from tests.promises.steps import objects_of, reconcile, reconcile_until_quiet
from tests.ways import WITH_BLOCKS, Sending, as_json, blocks_file, send, sending

ENCODINGS = np.arange(160, dtype=np.uint8).reshape(20, 8)
BLOCKS = [["a", "b"]] * 20
WAYS = (*WITH_BLOCKS, "clks", "encodings", "binaryclks", "json file", "binary file")
ENDINGS = ("fail_run", "refuse_run", "reject_upload")
REASON = "a reason that a test made up"
SECRET = "Smith 1970"
"""Stands for what a record says: no reason may have it."""


@pytest.fixture
def service(make_world):
    return driver(make_world(chunk_min_comparisons=1, chunk_max_comparisons=100))


# -- who reads ------------------------------------------------------------------------------------------------------


@dataclass
class Failed:
    """A project with an upload that was sent, and a run that waits for it."""

    service: object
    project: dict = field(repr=False)
    receipt: str = field(repr=False)
    run_id: str

    @classmethod
    def upload(cls, service, sent, party=1, *, count=20, size=8, blocks=False):
        """Send an upload, and return it with a run that waits; None and the answer if it is refused at once."""
        project = service.create_project(uses_blocking=blocks, result_type="permutations")
        run_id = service.post_run(project)
        answer = send(service, project, party, sent, count, size)
        if answer.status != 201:
            return None, answer
        return cls(service, project, answer.json["receipt_token"], run_id), answer

    def get(self, path, token):
        return self.service.request("GET", "/".join(["/projects", self.project["project_id"], *path]), token=token)

    def told(self, party=1):
        """Return what each reader of a failed upload is told: the texts that say why."""
        analyst, update = self.project["result_token"], self.project["update_tokens"][party]
        own = self.get(["uploads"], update).json
        assert (own["state"], own["dataset_index"]) == ("error", party)
        by_id = ["uploads", own["upload_id"]]
        assert [self.get(path, self.receipt).json for path in (["uploads"], by_id)] == [own, own]
        assert [self.get(by_id, token).json for token in (update, analyst)] == [own, own]
        described = self.get([], analyst).json
        (failed,) = [each for each in described["failed_uploads"] if each["dataset_index"] == party]
        assert described["error"] is True
        assert failed == {name: own[name] for name in ("upload_id", "dataset_index", "message")}
        path = f"/projects/{self.project['project_id']}/runs"
        refused = self.service.request("POST", path, token=analyst, body={"threshold": 0.5})
        assert refused.status == 500
        assert refused.json["detail"].startswith("Can't post run as project has errors")
        return [own["message"], failed["message"], refused.json["detail"], *self.told_of_run()]

    def told_of_run(self):
        """Return what the reader of a failed run is told, wherever the run is described."""
        token = self.project["result_token"]
        status = self.get(["runs", self.run_id, "status"], token).json
        described = self.get(["runs", self.run_id], token).json
        (listed,) = [run for run in self.get(["runs"], token).json if run["run_id"] == self.run_id]
        assert (status["state"], listed["state"]) == ("error", "error")
        assert self.get(["runs", self.run_id, "result"], token).status == 500
        return [each["message"] for each in (status, described, listed)]


def assert_told(texts_told, reason):
    assert texts_told
    assert all(reason in text for text in texts_told), texts_told


def link(service, **members):
    """A project whose uploads were sent, with a run."""
    project = service.create_project(**members)
    receipts = [service.upload(project, party, ENCODINGS).json["receipt_token"] for party in range(2)]
    return Failed(service, project, receipts[1], service.post_run(project))


# -- the error tree -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", error_classes(), ids=lambda kind: kind.__name__)
def test_an_error_of_a_request_is_told_to_whoever_sent_it(kind):
    def refuse():
        error = kind.__new__(kind)
        Exception.__init__(error, REASON)
        raise error

    answer = problem_details(refuse)()

    assert answer.status_code >= 400
    assert json.loads(answer.body)["detail"] == REASON


def made_up(*_args, **_kwargs):
    raise UploadRejected("a reason that a test made up")  # noqa: F821  a global of whatever this stands in for


def made_up_in_a_generator(*_args, **_kwargs):
    raise UploadRejected("a reason that a test made up")  # noqa: F821  as above
    yield


def made_up_too_many(*_args, **_kwargs):
    raise TooManyCandidates("a reason that a test made up", 1, 0.5)  # noqa: F821  as above


def made_up_too_many_in_a_generator(*_args, **_kwargs):
    raise TooManyCandidates("a reason that a test made up", 1, 0.5)  # noqa: F821  as above
    yield


def replace_code(monkeypatch, site, stand_ins, name):
    """Have a function do as the stand-in of its kind does, wherever it was imported to."""
    function = site.code
    plain, generator = stand_ins
    stand_in = generator if isgeneratorfunction(function) else plain
    monkeypatch.setitem(function.__globals__, name, getattr(errors, name))
    monkeypatch.setattr(function, "__code__", stand_in.__code__)


def wrong_uploads():
    """Uploads that are wrong in all sorts of ways, for what is looked at only then."""
    clks = texts(ENCODINGS)
    half = [*clks[:10], *texts(ENCODINGS[10:, :4])]
    shapes = [as_json(clks=half), as_json(clks=["?", *clks[1:]]), as_json(clks=clks, blocks={"0": ["a"]})]
    files = {
        "encodings.json": [
            *shapes,
            b"",
            b"{",
            b"[]",
            b'{"clks": 7}',
            as_json(clks=clks[1:]),
            as_json(clks=[7] * 20),
            b"[" * 999,
        ],
        "encodings.bin": [b"", ENCODINGS.tobytes()[1:], ENCODINGS.tobytes() + b"1", b"PK\3\4" * 40],
    }
    for name, bodies in files.items():
        for body in bodies:
            yield Sending(files={name: body}), None
    right = sending("binary file and blocks", ENCODINGS, BLOCKS).files["encodings.bin"]
    maps = [{"0": ["a"]}, {"x": []}, {"0": "a"}, {"0": [["a"]]}, {"0": [None]}, [], {"99": []}]
    bodies = [b"", b"{", b"[" * 999, b'{"blocks": {"0": ["a"], "0": ["a"]}}', blocks_file(BLOCKS[1:])]
    for body in [*bodies, *(as_json(blocks=each) for each in maps)]:
        yield Sending(files={"encodings.bin": right, "blocks.json": body}), BLOCKS


@pytest.mark.parametrize("site", raising("UploadRejected"), ids=str)
def test_every_reason_to_reject_an_upload_is_told(monkeypatch, site):
    """The reason is made up at each place in turn; uploads are sent in every way until one comes by."""
    service = driver(in_memory_world())
    replace_code(monkeypatch, site, (made_up, made_up_in_a_generator), "UploadRejected")
    sent = [(sending(way, ENCODINGS, BLOCKS if way in WITH_BLOCKS else None), way in WITH_BLOCKS) for way in WAYS]
    for each, blocks in [*sent, *wrong_uploads()]:
        failed, answer = Failed.upload(service, each, blocks=bool(blocks))
        if failed is None:
            told = [answer.json["detail"]]
        else:
            service.deliver_all()
            state = failed.get(["uploads"], failed.receipt).json["state"]
            told = failed.told() if state == "error" else []
        if any(REASON in text for text in told):
            assert_told(told, REASON)
            return
    raise AssertionError(f"no upload of this test reaches {site}: add one that does")


SECRETIVE = {
    "no json": f"{SECRET},1970",
    "half of a json": f'{{"clks": ["{SECRET}',
    "a record": as_json(clks=[SECRET] * 20).decode(),
    "one record": as_json(clks=[*texts(ENCODINGS)[1:], SECRET]).decode(),
    "a map for the records": as_json(clks={SECRET: SECRET}).decode(),
    "a text for the records": as_json(clks=SECRET).decode(),
    "a member": as_json(**{SECRET: [SECRET]}).decode(),
    "maps for records": as_json(clks=[{SECRET: SECRET}] * 20).decode(),
}
SECRETIVE_BLOCKS = {
    **{name: text for name, text in SECRETIVE.items() if "json" in name},
    "a record's index": as_json(blocks={SECRET: ["a"]}).decode(),
    "a number": as_json(blocks={"19700101": ["a"]}).decode(),
    "a block": as_json(blocks={"0": [[SECRET]]}).decode(),
    "a map for blocks": as_json(blocks={"0": {SECRET: SECRET}}).decode(),
    "a text for blocks": as_json(blocks={"0": SECRET}).decode(),
    "a text for the map": as_json(blocks=SECRET).decode(),
    "a member": as_json(**{SECRET: SECRET}).decode(),
}


@pytest.mark.parametrize("name", ["encodings.json", "encodings.bin", "blocks.json"])
def test_no_reason_has_what_a_file_says(service, name):
    wrong = SECRETIVE_BLOCKS if name == "blocks.json" else SECRETIVE
    for case, text in wrong.items():
        files = {name: text.encode()}
        if name == "blocks.json":
            files = sending("binary file and blocks", ENCODINGS, BLOCKS).files | files
        of_blocks = name == "blocks.json"
        failed, _ = Failed.upload(service, Sending(files=files), blocks=of_blocks, size=8 if of_blocks else 128)
        service.deliver_all()

        told = " ".join(failed.told())
        assert not [word for word in (*SECRET.split(), "19700101") if word.lower() in told.lower()], (case, told)


@pytest.mark.parametrize("site", raising("TooManyCandidates"), ids=str)
def test_every_reason_to_refuse_a_run_is_told(monkeypatch, site):
    replace_code(monkeypatch, site, (made_up_too_many, made_up_too_many_in_a_generator), "TooManyCandidates")
    for settings in ({}, {"max_candidates": 1, "sample_above_comparisons": 0}):
        service = driver(in_memory_world(**settings))
        for result_type in ResultType:
            failed = link(service, result_type=result_type)
            service.deliver_all()
            if failed.get(["runs", failed.run_id, "status"], failed.project["result_token"]).json["state"] == "error":
                told = failed.told_of_run()
                if any(REASON in text for text in told):
                    assert_told(told, REASON)
                    return
    raise AssertionError(f"no run of this test reaches {site}: add one that does")


def test_many_failed_uploads_are_told_within_bounds():
    service = driver(in_memory_world())
    project = service.create_project(130)
    for party in range(130):
        service.upload(project, party, np.ones((1, 20), dtype=np.uint8))
    service.deliver_all()
    path = f"/projects/{project['project_id']}"

    described = service.request("GET", path, token=project["result_token"]).json
    refused = service.request("POST", f"{path}/runs", token=project["result_token"], body={"threshold": 0.5})

    assert [each["dataset_index"] for each in described["failed_uploads"]] == list(range(100))
    assert all(f"party {index} (" in refused.json["detail"] for index in range(10))
    assert refused.json["detail"].endswith("; and 120 more uploads failed")


# -- every place that ends an upload or a run -----------------------------------------------------------------------


def wrong_file(service):
    failed, _ = Failed.upload(service, Sending(files={"encodings.json": b"nonsense"}))
    service.deliver_all()
    return failed.told()


def dead_event(service):
    failed, _ = Failed.upload(service, sending("clks", ENCODINGS))
    upload_id = failed.get(["uploads"], failed.receipt).json["upload_id"]
    service.waiting("intake")
    service.queues.dead.append(("intake", s3_event(f"intake/{failed.project['project_id']}/{upload_id}.json")))
    reconcile(service)
    return failed.told()


def lost_events(service):
    failed, _ = Failed.upload(service, sending("clks", ENCODINGS))
    for _ in range(MOST_RESTARTS + 1):
        service.waiting("intake")
        reconcile(service, later=QUEUE_MEMORY_S)
    return failed.told()


def dead_plan(service):
    failed = link(service)
    service.deliver_all(("intake",))
    service.queues.dead += [("plan", body) for body in service.waiting("plan")]
    reconcile(service)
    return failed.told_of_run()


def lost_plans(service):
    failed = link(service)
    service.deliver_all(("intake",))
    for _ in range(MOST_RESTARTS + 2):
        service.waiting("plan")
        reconcile(service, later=QUEUE_MEMORY_S)
    return failed.told_of_run()


def too_many_when_planned(service):
    failed = link(driver(service.make(max_candidates=1, sample_above_comparisons=0)))
    failed.service.deliver_all()
    return failed.told_of_run()


def too_many_when_solved(service):
    failed = link(driver(service.make(max_candidates=1)))
    failed.service.deliver_all()
    return failed.told_of_run()


SCENARIOS = (wrong_file, dead_event, lost_events, dead_plan, lost_plans, too_many_when_planned, too_many_when_solved)


@pytest.fixture
def ended(monkeypatch):
    """The reasons for which uploads and runs are ended from now on, by the function that does and how it does."""
    reasons = {}

    def spy(name, original):
        @functools.wraps(original)
        def end(subject, reason, world):
            caller = sys._getframe(1)
            place = f"{caller.f_globals['__name__']}.{caller.f_code.co_qualname}"
            reasons.setdefault((place, name), str(reason))
            return original(subject, reason, world)

        return end

    for site, name in calling(*ENDINGS):
        module = importlib.import_module(site.module)
        if getattr(module, name) is getattr(ending, name):
            monkeypatch.setattr(module, name, spy(name, getattr(ending, name)))
    return reasons


def test_every_place_that_ends_an_upload_or_a_run_tells_why(make_world, ended):
    for scenario in SCENARIOS:
        service = driver(make_world(chunk_min_comparisons=1, chunk_max_comparisons=100))
        service.make = make_world
        before = set(ended)
        told = scenario(service)
        (reason,) = [reason for place, reason in ended.items() if place not in before] or [None]
        assert reason is not None, f"{scenario.__name__} ends nothing that another one does not"
        assert_told(told, reason)

    assert set(ended) == {(str(site), name) for site, name in calling(*ENDINGS)}


def test_nobody_ends_an_upload_or_a_run_but_the_one_place_for_it():
    places = {site.module for site, _ in calling("runs.fail", "uploads.fail")}

    assert places == {"linkage.ending"}
    assert {site.function for site, _ in calling("runs.fail", "uploads.fail")} == set(ENDINGS)


@pytest.mark.parametrize("worker", sorted({"intake", *WORKERS.values()}))
def test_what_a_worker_fails_at_for_good_is_told_or_done_after_all(service, monkeypatch, worker):
    """The worker fails at each delivery; then its message is a dead letter, and the fault is over."""
    failed = link(service)
    if worker == "delete":
        service.request("DELETE", f"/projects/{failed.project['project_id']}", token=failed.project["result_token"])
    for step in ("intake", "plan", "compare", "solve", "delete"):
        if step == worker:
            break
        service.deliver_all((step,))
    bodies = service.waiting(worker)
    handler = importlib.import_module(f"functions.{worker}")
    with monkeypatch.context() as patch:
        patch.setattr(handler, "world", broken)
        for body in bodies:
            assert service.deliver(worker, body) == ["message-1"]
    service.queues.dead += [(worker, body) for body in bodies]
    assert bodies

    if worker == "reconcile":
        service.queues.dead.clear()
        service.world.now.sleep(86_400)
        importlib.import_module("functions.reconcile").handler({}, None)  # the daily schedule
    reconcile_until_quiet(service)

    if worker == "delete":
        service.world.now.sleep(86_400)
        reconcile(service)
        service.deliver_all()
        assert objects_of(service, failed.project["project_id"]) == []
    elif worker == "reconcile":
        assert run_state(failed) == RunState.COMPLETED
    else:
        told = failed.told() if worker == "intake" else failed.told_of_run()
        assert_told(told, "several" if worker == "intake" else f"The {worker} step failed several times")


def broken():
    raise RuntimeError("out of order")


def run_state(failed):
    return failed.get(["runs", failed.run_id, "status"], failed.project["result_token"]).json["state"]
