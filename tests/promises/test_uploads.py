"""With every way to upload, repeats and deaths change nothing, errors are reported, deleted uploads are gone."""

import numpy as np
import pytest

from linkage.testing.objects import MemoryObjects
from linkage.testing.world import in_memory_world
from tests.driving import driver
from tests.promises.steps import MOST_EFFECTS, deliver_dying_after, objects_of, reconcile, reconcile_until_quiet
from tests.ways import WITH_BLOCKS, Sending, blocks_file, send, sending, upload

WAYS = (*WITH_BLOCKS, "binaryclks", "json file")


def blocks_for(way, datasets):
    """Blocks of each record, some in none and some in three, if the way has blocks."""
    if way not in WITH_BLOCKS:
        return [None] * len(datasets)
    return [[[str(row % 4), "b", str(row % 4)][: row % 5] for row in range(len(rows))] for rows in datasets]


@pytest.fixture
def service(make_world):
    return driver(make_world())


def prepare(service, datasets, way):
    project = service.create_project(len(datasets), uses_blocking=way in WITH_BLOCKS)
    for party, (encodings, blocks) in enumerate(zip(datasets, blocks_for(way, datasets), strict=True)):
        assert upload(service, project, party, way, encodings, blocks).status == 201
    return project, service.post_run(project)


def undisturbed(datasets, way):
    """The result of an undisturbed run."""
    service = driver(in_memory_world())
    project, run_id = prepare(service, datasets, way)
    service.deliver_all()
    return service.get_run(project, run_id, "result").body


def result_of(service, project, run_id):
    service.deliver_all()
    return service.get_run(project, run_id, "result").body


@pytest.mark.parametrize("way", WAYS)
def test_an_intake_that_dies_after_any_effect_and_comes_twice_changes_nothing(service, datasets, way):
    expected = undisturbed(datasets, way)
    service.use(service.world)
    project, run_id = prepare(service, datasets, way)
    first, *others = service.waiting("intake")
    deaths = 0
    while deliver_dying_after(service, "intake", first, deaths + 1):
        deaths += 1
        assert deaths < MOST_EFFECTS
    for body in (first, *others, *others):
        assert service.deliver("intake", body) == []

    assert deaths >= 8  # two in each of three objects, the report, the state
    assert result_of(service, project, run_id) == expected


@pytest.mark.parametrize("way", ["encodings and blocks", "binary file and blocks"])
def test_two_intakes_of_one_upload_at_once_change_nothing(service, datasets, way, monkeypatch):
    """The second one begins and ends while the first one writes."""
    expected = undisturbed(datasets, way)
    service.use(service.world)
    project, run_id = prepare(service, datasets, way)
    objects, seconds = service.world.objects, []
    original = objects.writer
    for body in service.waiting("intake"):

        def write_after_another(bucket, key, body=body):
            monkeypatch.setattr(objects, "writer", original)
            seconds.append(service.deliver("intake", body))
            return original(bucket, key)

        monkeypatch.setattr(objects, "writer", write_after_another)
        assert service.deliver("intake", body) == []

    assert seconds == [[]] * len(datasets)
    assert result_of(service, project, run_id) == expected


@pytest.mark.parametrize("way", WAYS)
def test_an_upload_whose_events_were_lost_is_taken_in(service, datasets, way):
    expected = undisturbed(datasets, way)
    service.use(service.world)
    project, run_id = prepare(service, datasets, way)
    assert len(service.waiting("intake")) == len(datasets)
    reconcile(service, later=service.world.settings.patience_s)
    reconcile_until_quiet(service)

    assert service.get_run(project, run_id, "result").body == expected


@pytest.mark.parametrize("steps", [(), ("intake",), ("intake", "plan", "compare")], ids=len)
@pytest.mark.parametrize("way", WAYS)
def test_a_deleted_project_leaves_no_object(service, datasets, way, steps):
    project, _ = prepare(service, datasets, way)
    service.deliver_all(steps)
    in_flight = service.waiting("intake")

    path = f"/projects/{project['project_id']}"
    assert service.request("DELETE", path, token=project["result_token"]).status == 204
    service.deliver_all()
    for body in in_flight:
        assert service.deliver("intake", body) == []

    assert objects_of(service, project["project_id"]) == []


def begin_multipart_upload(service, bucket, key):
    """Leave an object half written, as a worker does that is killed."""
    objects = service.world.objects
    if isinstance(objects, MemoryObjects):
        objects.multipart_uploads[bucket].add(key)
    else:
        objects._client.create_multipart_upload(Bucket=bucket, Key=key)


def test_a_deleted_project_leaves_nothing_half_written(service, datasets):
    project, run_id = prepare(service, datasets, "clknblocks")
    settings, project_id = service.world.settings, project["project_id"]
    in_store = (f"projects/{project_id}/p/u/encodings.bin", f"projects/{project_id}/runs/{run_id}/result")
    halves = {settings.store_bucket: in_store, settings.uploads_bucket: [f"{project_id}/p/encodings.json"]}
    for bucket, keys in halves.items():
        for key in keys:
            begin_multipart_upload(service, bucket, key)

    service.request("DELETE", f"/projects/{project_id}", token=project["result_token"])
    service.deliver_all()

    assert all(service.world.objects.abort_multipart_uploads(bucket, "") == 0 for bucket in halves)


def test_the_probe_of_the_client_stays_until_the_project_is_deleted(service, datasets):
    way = "json file and blocks"
    project = service.create_project(uses_blocking=True)
    probe = Sending(files={"upload-test": b"it works!"})
    send(service, project, 0, probe, 1, 8)
    assert upload(service, project, 0, way, datasets[0], blocks_for(way, datasets)[0]).status == 201
    service.deliver_all()

    kept = [key for key in objects_of(service, project["project_id"]) if not key.startswith("projects/")]
    assert [key.rpartition("/")[2] for key in kept] == ["upload-test"]


RIGHT_BLOCKS = [["a"]] * 50
WRONG_BLOCKS = {
    "for fewer": (blocks_file(RIGHT_BLOCKS[:-1]), "the blocks were made for 49 encodings ('meta.source.clk_count')"),
    "too many": (b'{"blocks": {"50": ["a"]}}', "'50' is not the index of a record in the blocks file"),
    "none": (b'{"blocks": {}}', "the blocks file lists no record"),
    "missing value": (b'{"blocks": {"0": [null]}}', "a block id of record 0 is neither a text nor a number"),
    "nul": (b'{"blocks": {"\\u0000": ["a"]}}', "is not the index of a record in the blocks file"),
    "half a character": (b'{"blocks": {"\\ud800": ["a"]}}', "is not the index of a record in the blocks file"),
    "not json": (b"nonsense", "the blocks file is not valid JSON"),
    "empty": (b"", "the blocks file is not valid JSON"),
    "deep": (b'{"meta": ' + b"[" * 100_000, "the blocks file is nested more than 100 deep"),
    "no map": (b'{"blocks": 7}', "'blocks' in the blocks file is not a map from record index to block ids"),
}


@pytest.mark.parametrize("wrong", WRONG_BLOCKS)
def test_a_wrong_blocks_file_is_an_error_that_says_why_and_the_party_may_try_again(service, datasets, wrong):
    body, reason = WRONG_BLOCKS[wrong]
    way = "binary file and blocks"
    all_blocks = blocks_for(way, datasets)
    project = service.create_project(uses_blocking=True)
    run_id = service.post_run(project)
    files = sending(way, datasets[0], all_blocks[0]).files | {"blocks.json": body}
    assert send(service, project, 0, Sending(files=files), 50, 16).status == 201
    service.deliver_all()

    status = service.get_run(project, run_id).json
    assert status["state"] == "error"
    assert "party 0" in status["message"]
    assert reason in status["message"]
    assert objects_of(service, project["project_id"]) == []
    for party in range(2):
        assert upload(service, project, party, way, datasets[party], all_blocks[party]).status == 201
    again = service.post_run(project)
    service.deliver_all()
    assert service.get_run(project, again).json["state"] == "completed"


@pytest.mark.parametrize("name", ["encodings.bin", "blocks.json"])
@pytest.mark.parametrize("gone", [True, False])
def test_a_file_that_is_no_more_what_was_announced_is_an_error(service, datasets, name, gone):
    way = "binary file and blocks"
    project = service.create_project(uses_blocking=True)
    run_id = service.post_run(project)
    assert upload(service, project, 0, way, datasets[0], blocks_for(way, datasets)[0]).status == 201
    bucket = service.world.settings.uploads_bucket
    (key,) = [entry.key for entry in service.world.objects.list(bucket, "") if entry.key.endswith(name)]
    if gone:
        service.world.objects.delete(bucket, [key])
    else:
        service.put_upload(bucket, key, b"something else", {})
    service.deliver_all()

    message = service.get_run(project, run_id).json["message"]
    assert ("removed" if gone else "changed") + " after it was announced" in message
    left = {entry.key for entry in service.world.objects.list(bucket, "") if project["project_id"] in entry.key}
    assert left == (set() if gone else {key})


def test_encodings_of_a_size_that_no_project_can_have_leave_nothing_with_blocks_either(service):
    project = service.create_project(uses_blocking=True)
    upload(service, project, 0, "clknblocks", np.ones((5, 20), dtype=np.uint8), [["a"]] * 5)
    service.deliver_all()

    assert objects_of(service, project["project_id"]) == []
