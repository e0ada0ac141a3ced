"""A retry is as good as the first try: the same upload gets the same receipt, the same run posted again is one run."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from linkage.models import UploadState
from linkage.tokens import hash_token, new_token
from tests.driving import driver, s3_event
from tests.faults import Killed, Mortality, mortal
from tests.promises.steps import MOST_EFFECTS, deliver_dying_after, objects_of, reconcile_until_quiet
from tests.ways import WITH_BLOCKS, announcement, send, sending

WAYS = (*WITH_BLOCKS, "clks", "encodings", "binaryclks", "json file", "binary file")
FILES = tuple(way for way in WAYS if "file" in way)
DIRECT = tuple(way for way in WAYS if "file" not in way)
USED = "This token has already been used to upload clks."
ENCODINGS = np.arange(160, dtype=np.uint8).reshape(20, 8)
KEY = {"Idempotency-Key": "7f0c-41"}


@pytest.fixture
def service(make_world):
    return driver(make_world())


def project_for(service, way):
    return service.create_project(uses_blocking=way in WITH_BLOCKS)


def blocks_for(way, encodings=ENCODINGS):
    return [["a", str(row % 3)] for row in range(len(encodings))] if way in WITH_BLOCKS else None


def upload(service, project, party, way, encodings=ENCODINGS):
    return send(service, project, party, sending(way, encodings, blocks_for(way, encodings)), *encodings.shape)


def own_upload(service, project, token):
    return service.request("GET", f"/projects/{project['project_id']}/uploads", token=token)


def deliver_intake(service):
    """Deliver the event of every manifest there is, also of one that was stored again."""
    service.delivered.clear()
    service.deliver_all()


# -- uploads --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_the_same_upload_gets_the_same_receipt_however_far_it_is(service, way):
    project = project_for(service, way)
    first = upload(service, project, 0, way)
    before = own_upload(service, project, project["update_tokens"][0]).json

    answers = [upload(service, project, 0, way)]
    deliver_intake(service)
    answers.append(upload(service, project, 0, way))
    upload(service, project, 1, way)
    run_id = service.post_run(project)
    deliver_intake(service)
    answers.append(upload(service, project, 0, way))
    deliver_intake(service)

    assert first.status == 201
    assert [(answer.status, answer.json) for answer in answers] == [(201, first.json)] * 3
    assert own_upload(service, project, first.json["receipt_token"]).json == before | {"state": "ready"}
    assert service.get_run(project, run_id).json["state"] == "completed"
    assert not [key for key in objects_of(service, project["project_id"]) if not key.startswith("projects/")]


@pytest.mark.parametrize("way", WAYS)
def test_another_upload_is_refused_however_far_the_first_one_is(service, way):
    project = project_for(service, way)
    assert upload(service, project, 0, way).status == 201
    others = [ENCODINGS[::-1], ENCODINGS[:-1], ENCODINGS + np.uint8(1)]
    if way not in FILES:  # there it would take the first one's file away, which fails that one
        assert [upload(service, project, 0, way, each).json["detail"] for each in others] == [USED] * 3
    service.deliver_all()

    answers = [upload(service, project, 0, way, each) for each in others]

    assert [(answer.status, answer.json["detail"]) for answer in answers] == [(403, USED)] * 3
    assert own_upload(service, project, project["update_tokens"][0]).json["state"] == "ready"


@pytest.mark.parametrize("ways", [("clks", "encodings"), ("clks", "json file"), ("binary file", "binaryclks")])
def test_the_same_records_by_another_way_are_another_upload(service, ways):
    project = service.create_project()
    assert upload(service, project, 0, ways[0]).status == 201
    service.deliver_all()

    assert upload(service, project, 0, ways[1]).json["detail"] == USED


def test_the_same_bytes_with_another_count_are_another_upload(service):
    project = service.create_project()
    assert upload(service, project, 0, "binaryclks").status == 201

    assert upload(service, project, 0, "binaryclks", ENCODINGS.reshape(10, 16)).json["detail"] == USED


def test_the_same_upload_of_another_party_is_that_partys(service):
    project = service.create_project()
    receipts = {upload(service, project, party, "clks").json["receipt_token"] for party in range(2)}

    assert len(receipts) == 2
    assert [own_upload(service, project, receipt).status for receipt in receipts] == [200, 200]


@pytest.mark.parametrize("way", WAYS)
def test_an_upload_that_failed_is_sent_again_as_a_new_one(service, way):
    blocks = blocks_for(way)
    project = service.create_project(uses_blocking=blocks is not None, schema={"clkConfig": {"l": 256}})
    sent = sending(way if way != "binaryclks" else "clks", ENCODINGS, blocks)
    receipts = []
    for _ in range(2):
        receipts.append(send(service, project, 0, sent, *ENCODINGS.shape).json["receipt_token"])
        deliver_intake(service)

    states = [own_upload(service, project, receipt).json for receipt in receipts]
    assert len(set(receipts)) == 2
    assert [state["state"] for state in states] == ["error", "error"]
    assert len({state["upload_id"] for state in states}) == 2


@pytest.mark.parametrize("way", WAYS)
def test_a_request_that_dies_after_any_effect_is_sent_again_and_is_one_upload(service, way):
    project = project_for(service, way)
    sent = sending(way, ENCODINGS, blocks_for(way))
    if sent.files:  # they are put; only the announcement dies
        sent = put(service, project, sent)
    deaths = 0
    for effects in range(1, MOST_EFFECTS):
        service.use(mortal(service.world, Mortality(effects)))
        try:
            send(service, project, 0, sent, *ENCODINGS.shape)
            break
        except Killed:
            deaths += 1
        finally:
            service.use(service.world)
    answer = send(service, project, 0, sent, *ENCODINGS.shape)
    upload(service, project, 1, way)
    run_id = service.post_run(project)
    deliver_intake(service)
    reconcile_until_quiet(service)

    assert deaths >= 2
    assert own_upload(service, project, answer.json["receipt_token"]).json["state"] == "ready"
    assert service.get_run(project, run_id).json["state"] == "completed"


def put(service, project, sent):
    """Put the files, and return their announcement."""
    path, token = f"/projects/{project['project_id']}", project["update_tokens"][0]
    place = service.request("GET", f"{path}/authorize-external-upload", token=token).json["upload"]
    for name, content in sent.files.items():
        metadata = {"hash-count": str(len(ENCODINGS)), "hash-size": "8"} if name.startswith("encodings") else {}
        service.put_upload(place["bucket"], f"{place['path']}/{name}", content, metadata)
    return replace(sent, files={}, body=announcement(place["bucket"], place["path"], list(sent.files)))


@pytest.mark.parametrize("way", FILES)
def test_an_announcement_is_the_same_with_other_credentials_and_once_its_files_are_gone(service, way):
    project = project_for(service, way)
    sent = put(service, project, sending(way, ENCODINGS, blocks_for(way)))
    first = send(service, project, 0, sent, *ENCODINGS.shape)
    body = json.loads(sent.body)
    body["encodings"]["credentials"] = {"AccessKeyId": "renewed", "SecretAccessKey": "s", "SessionToken": "t"}
    renewed = replace(sent, body=json.dumps(body).encode())

    again = [send(service, project, 0, renewed, *ENCODINGS.shape)]
    deliver_intake(service)
    again.append(send(service, project, 0, renewed, *ENCODINGS.shape))

    assert [answer.json for answer in again] == [first.json] * 2


@pytest.mark.parametrize("way", FILES)
def test_an_announcement_gets_the_receipt_of_one_that_was_taken_in_meanwhile(service, way, monkeypatch):
    project = project_for(service, way)
    sent = put(service, project, sending(way, ENCODINGS, blocks_for(way)))
    firsts = []

    def announce_and_take_in():
        firsts.append(send(service, project, 0, sent, *ENCODINGS.shape))
        service.deliver_all()

    first_look(service, announce_and_take_in, monkeypatch)
    second = send(service, project, 0, sent, *ENCODINGS.shape)

    assert [first.status for first in firsts] == [201]
    assert (second.status, second.json) == (201, firsts[0].json)


def first_look(service, action, monkeypatch):
    """Have something happen before a request looks for its files in the store: then it knows of no upload yet."""
    objects = service.world.objects
    original = objects.head

    def head(bucket, key):
        monkeypatch.setattr(objects, "head", original)
        action()
        return original(bucket, key)

    monkeypatch.setattr(objects, "head", head)


@pytest.mark.parametrize("way", FILES)
def test_a_late_message_of_a_failed_upload_leaves_the_files_that_were_announced_anew(service, way):
    """The files are the same bytes; the first time their announced number was wrong."""
    project = project_for(service, way)
    token, blocks = project["update_tokens"][0], blocks_for(way)
    send(service, project, 0, sending(way, ENCODINGS, blocks), len(ENCODINGS) + 1, 8)
    (late,) = service.waiting("intake")
    assert deliver_dying_after(service, "intake", late, 1)
    assert own_upload(service, project, token).json["state"] == "error"
    corrected = send(service, project, 0, sending(way, ENCODINGS, blocks), *ENCODINGS.shape)

    assert service.deliver("intake", late) == []
    service.deliver_all()

    assert own_upload(service, project, corrected.json["receipt_token"]).json["state"] == "ready"
    assert not [key for key in objects_of(service, project["project_id"]) if not key.startswith("projects/")]


@pytest.mark.parametrize("change", ["key", "content", "no blocks"])
def test_an_announcement_of_other_files_is_another_upload(service, change):
    project = service.create_project(uses_blocking=change == "no blocks")
    way = "binary file and blocks" if change == "no blocks" else "binary file"
    blocks = [["a"]] * 20 if change == "no blocks" else None
    files = sending(way, ENCODINGS, blocks).files
    sent = put(service, project, sending(way, ENCODINGS, blocks))
    assert send(service, project, 0, sent, *ENCODINGS.shape).status == 201
    service.deliver_all()
    if change == "key":
        other = replace(sent, files={"encodings-2.bin": files["encodings.bin"]})
    elif change == "content":
        other = replace(sent, files={"encodings.bin": ENCODINGS[::-1].tobytes()})
    else:
        other = replace(sent, files={"encodings.bin": files["encodings.bin"], "blocks-2.json": files["blocks.json"]})

    answer = send(service, project, 0, put(service, project, other), *ENCODINGS.shape)

    assert (answer.status, answer.json["detail"]) == (403, USED)


def test_nothing_that_is_stored_gives_a_receipt_or_checks_a_guess_at_the_encodings(service):
    project = service.create_project()
    sent = sending("clks", ENCODINGS)
    receipt = send(service, project, 0, sent, 20, 8).json["receipt_token"]
    upload_id = own_upload(service, project, receipt).json["upload_id"]
    stored = service.world.uploads.get(upload_id)

    told = repr(stored) + stored.manifest.model_dump_json() + stored.receipt_token_hash.hex()
    assert stored.receipt_token_hash == hash_token(receipt)
    assert receipt not in told
    assert project["update_tokens"][0] not in told
    assert hashlib.sha256(sent.body).hexdigest() not in told


@pytest.mark.parametrize("way", ["clks", "binary file"])
def test_a_receipt_that_the_version_before_drew_is_not_told_again(service, way):
    project = service.create_project()
    upload(service, project, 1, way)
    (row,) = service.world.uploads.received()
    party_id = service.world.projects.parties(project["project_id"])[0].party_id
    sent = put(service, project, sending(way, ENCODINGS)) if way in FILES else sending(way, ENCODINGS)
    manifest = row.manifest.model_dump(exclude={"fingerprint"}) | {"party_id": party_id, "upload_id": new_token()}
    if way in FILES:
        place = json.loads(sent.body)["encodings"]["file"]
        pinned = service.world.objects.head(place["bucket"], place["path"])
        manifest["encodings"] = {
            "bucket": place["bucket"], "key": place["path"], "etag": pinned.etag, "size_bytes": pinned.size_bytes
        }  # fmt: skip
    old = replace(
        row,
        upload_id=manifest["upload_id"],
        party_id=party_id,
        receipt_token_hash=hash_token(new_token()),
        manifest=type(row.manifest).model_validate(manifest),
    )
    service.world.uploads.begin(old)

    answer = send(service, project, 0, sent, *ENCODINGS.shape)

    assert (answer.status, answer.json["detail"]) == (403, USED)


def test_a_manifest_that_is_stored_again_once_all_is_done_does_no_harm(service):
    """As a late retry leaves it."""
    project = service.create_project()
    way = "json file"
    receipt = upload(service, project, 0, way).json["receipt_token"]
    upload(service, project, 1, way)
    run_id = service.post_run(project)
    service.deliver_all()
    result = service.get_run(project, run_id, "result").body
    assert upload(service, project, 0, way).json["receipt_token"] == receipt
    upload_id = own_upload(service, project, receipt).json["upload_id"]

    for _ in range(2):
        assert service.deliver("intake", s3_event(f"intake/{project['project_id']}/{upload_id}.json")) == []
    service.deliver_all()

    assert service.get_run(project, run_id, "result").body == result
    assert not [key for key in objects_of(service, project["project_id"]) if not key.startswith("projects/")]


def test_an_upload_that_has_only_begun_is_in_nobodys_way(service):
    """Uploads that are sent in parts begin before they are announced; none is yet, so the row is made here."""
    project = service.create_project()
    upload(service, project, 1, "clks")
    (row,) = service.world.uploads.received()
    parties = service.world.projects.parties(project["project_id"])
    receipt = new_token()
    begun = replace(
        row,
        upload_id=new_token(),
        party_id=parties[0].party_id,
        receipt_token_hash=hash_token(receipt),
        state=UploadState.BEGUN,
        time_added=service.world.now(),
    )
    service.world.uploads.begin(begun)
    service.world.uploads.begin(replace(begun, upload_id=new_token(), receipt_token_hash=hash_token(new_token())))
    token = project["update_tokens"][0]

    described = service.request("GET", f"/projects/{project['project_id']}", token=project["result_token"]).json
    assert (described["parties_contributed"], described["error"]) == (1, False)
    own = own_upload(service, project, receipt).json
    assert (own["upload_id"], own["state"], own["dataset_index"]) == (begun.upload_id, "begun", 0)
    assert own_upload(service, project, token).json["state"] == "begun"
    assert (
        service.world.uploads.finish(begun.upload_id, encoding_size=8, expected_size=None, now=service.world.now())
        is None
    )
    assert not service.world.uploads.fail(begun.upload_id, "no", now=service.world.now())
    service.world.now.sleep(1)
    assert upload(service, project, 0, "clks").status == 201
    run_id = service.post_run(project)
    service.deliver_all()
    assert service.get_run(project, run_id).json["state"] == "completed"


# -- runs -----------------------------------------------------------------------------------------------------------


def post(service, project, body=None, **headers):
    path = f"/projects/{project['project_id']}/runs"
    return service.request("POST", path, token=project["result_token"], body=body or {"threshold": 0.8}, **headers)


def runs_of(service, project):
    path = f"/projects/{project['project_id']}/runs"
    return service.request("GET", path, token=project["result_token"]).json


def test_a_run_that_is_posted_again_with_its_key_is_one_run_however_far_it_is(service, datasets):
    project = service.create_project(len(datasets))
    first = post(service, project, {"threshold": 0.8, "name": "n", "notes": "o"}, **KEY)
    same = b'{"notes": "o",   "threshold": 0.80, "name": "n", "unknown": 1}'

    answers = [post(service, project, same, **KEY)]
    for party, encodings in enumerate(datasets):
        service.upload(project, party, encodings)
    for steps in (("intake",), ("plan",), ("compare",), ("solve",)):
        service.deliver_all(steps)
        answers.append(post(service, project, same, **KEY))
    service.deliver_all()

    assert first.status == 201
    assert [(answer.status, answer.json) for answer in answers] == [(201, first.json)] * 5
    assert [(run["run_id"], run["state"]) for run in runs_of(service, project)] == [(first.json["run_id"], "completed")]


@pytest.mark.parametrize("change", [{"threshold": 0.81}, {"name": "x"}, {"notes": "x"}])
def test_another_run_with_the_same_key_is_refused(service, change):
    project = service.create_project()
    body = {"threshold": 0.8, "name": "n", "notes": "o"}
    assert post(service, project, body, **KEY).status == 201

    answer = post(service, project, body | change, **KEY)

    assert answer.status == 422
    assert "Idempotency-Key" in answer.json["detail"]
    assert len(runs_of(service, project)) == 1
    assert post(service, project, body | change, **{"Idempotency-Key": "another"}).status == 201


def test_runs_without_a_key_or_with_other_keys_or_in_other_projects_are_others(service):
    projects = [service.create_project(), service.create_project()]
    headers = [{}, {}, KEY, {"Idempotency-Key": "7f0c-42"}, {"Idempotency-Key": '"7f0c-41"'}]

    ids = [post(service, project, **each).json["run_id"] for project in projects for each in headers]

    assert len(set(ids)) == 10


def test_a_key_is_free_again_once_its_run_is_deleted(service):
    project = service.create_project()
    run_id = post(service, project, **KEY).json["run_id"]
    path = f"/projects/{project['project_id']}/runs/{run_id}"
    assert service.request("DELETE", path, token=project["result_token"]).status == 204

    again = post(service, project, **KEY)

    assert again.status == 201
    assert again.json["run_id"] != run_id


def test_a_run_that_failed_is_answered_with_its_reason_though_the_project_takes_no_other(service):
    project = service.create_project(schema={"clkConfig": {"l": 256}})
    first = post(service, project, **KEY)
    service.upload(project, 0, ENCODINGS)
    service.deliver_all()

    again = post(service, project, **KEY)

    assert post(service, project).status == 500
    assert again.status == 201
    assert again.json == first.json | {"message": service.get_run(project, first.json["run_id"]).json["message"]}


def test_a_post_of_a_run_that_dies_after_any_effect_is_posted_again_and_is_one_run(service, datasets):
    project = service.create_project(len(datasets))
    for party, encodings in enumerate(datasets):
        service.upload(project, party, encodings)
    service.deliver_all()
    deaths = 0
    for effects in range(1, MOST_EFFECTS):
        service.use(mortal(service.world, Mortality(effects)))
        try:
            post(service, project, **KEY)
            break
        except Killed:
            deaths += 1
        finally:
            service.use(service.world)
    answer = post(service, project, **KEY)
    service.deliver_all()

    assert deaths >= 2
    assert [(run["run_id"], run["state"]) for run in runs_of(service, project)] == [
        (answer.json["run_id"], "completed")
    ]


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "\u00e9", "a\n", "\x7f"])
def test_a_key_that_is_none_is_refused_and_posts_nothing(service, key):
    project = service.create_project()

    answer = post(service, project, **{"Idempotency-Key": key})

    assert answer.status == 400
    assert "Idempotency-Key" in answer.json["detail"]
    assert runs_of(service, project) == []
    assert post(service, project, **{"Idempotency-Key": "x" * 255}).status == 201


def test_a_project_has_no_key(service):
    body = {"schema": {}, "result_type": "groups"}
    first, second = (service.request("POST", "/projects", body=body, **KEY).json for _ in range(2))

    assert first["project_id"] != second["project_id"]
    assert first["result_token"] != second["result_token"]
