"""Every way to upload is taken, or refused with the reason and without a trace."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.request_bodies import ClknblocksBody, ClksBody, EncodingsBody
from linkage.encodings.encoding_sets import BLOCKS, ENCODINGS, REPORT, ROWS, load_encodings
from linkage.encodings.wire import MEMBERSHIP_COST, needed_bytes
from linkage.models import Manifest
from linkage.testing.world import in_memory_world
from tests.driving import driver, texts
from tests.oracle import groups_by_definition, groups_of_result
from tests.ways import WITH_BLOCKS, WITHOUT_BLOCKS, announcement, blocks_file, send, sending, upload

ENCODINGS_20 = np.arange(160, dtype=np.uint8).reshape(20, 8)
BLOCKS_20 = [[index % 3, "all"] if index % 5 else [] for index in range(20)]
CLKS = texts(ENCODINGS_20)
BAD_TOKEN = "Invalid access token or project doesn't exist"
BLOCKS_EXPECTED = 'Expecting blocking information. Either in "blocks" or "clksnblocks"'
BLOCKS_DISABLED = "Blocking has been disabled for this project, but received blocking information"
MISSING = "Missing CLKs information"
ALL_WAYS = [(way, None) for way in WITHOUT_BLOCKS] + [(way, BLOCKS_20) for way in WITH_BLOCKS]


@pytest.fixture
def service():
    return driver(in_memory_world())


def project_for(service, blocks):
    return service.create_project(uses_blocking=blocks is not None)


def post(service, project, body, party=0, route="clks", token=None, **headers):
    path = f"/projects/{project['project_id']}/{route}"
    return service.request("POST", path, token=token or project["update_tokens"][party], body=body, **headers)


def is_problem(answer, status, detail):
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert detail in answer.json["detail"]
    return True


def leaves_no_trace(service, project, way="clks", blocks=None):
    """Nothing is kept of an upload that was refused, and the party may upload."""
    assert service.world.objects.stored == {}
    assert service.world.uploads.tables.uploads == {}
    assert upload(service, project, 0, way, ENCODINGS_20, blocks).status == 201


def stored_set(service):
    """The objects of the one encoding set there is, by their names."""
    sets = [key for _, key in service.world.objects.stored if key.endswith(REPORT)]
    assert len(sets) == 1
    prefix = sets[0].removesuffix(REPORT)
    return {name: service.world.objects.get("store", prefix + name) for name in (ENCODINGS, ROWS, BLOCKS, REPORT)}


# -- what is taken --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("way", "blocks"), ALL_WAYS, ids=[way for way, _ in ALL_WAYS])
def test_every_way_gives_a_receipt_and_an_encoding_set(service, way, blocks):
    project = project_for(service, blocks)

    answer = upload(service, project, 0, way, ENCODINGS_20, blocks)

    assert answer.status == 201, answer.body
    assert answer.json["message"] == "Updated"
    service.deliver_all()
    report = json.loads(stored_set(service)[REPORT])
    rows, in_blocks, alone = (20, 1, 0) if blocks is None else (32, 4, 4)
    expected = {"records": 20, "rows": rows, "blocks": in_blocks, "encoding_size": 8, "records_in_no_block": alone}
    assert report == expected


@pytest.mark.parametrize("ways", [[(way, None) for way in WITHOUT_BLOCKS], [(way, BLOCKS_20) for way in WITH_BLOCKS]])
def test_the_same_records_give_the_same_encoding_set_by_every_way(ways):
    sets = []
    for way, blocks in ways:
        service = driver(in_memory_world())
        upload(service, project_for(service, blocks), 0, way, ENCODINGS_20, blocks)
        service.deliver_all()
        sets.append(stored_set(service))

    assert all(objects == sets[0] for objects in sets)


@pytest.mark.parametrize(("way", "blocks"), ALL_WAYS, ids=[way for way, _ in ALL_WAYS])
def test_no_raw_file_outlives_its_intake(service, way, blocks):
    upload(service, project_for(service, blocks), 0, way, ENCODINGS_20, blocks)
    service.deliver_all()

    assert {key.partition("/")[0] for _, key in service.world.objects.stored} == {"projects"}


@st.composite
def blocked_problems(draw):
    """Data sets with duplicates and ties, each record in any number of few blocks, each party by any way."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    entities = generator.integers(0, 256, (draw(st.integers(1, 6)), 8), dtype=np.uint8)
    datasets, blocks, ways = [], [], []
    for _ in range(draw(st.integers(2, 4))):
        chosen = entities[generator.integers(0, len(entities), draw(st.integers(1, 8)))]
        flips = np.packbits(generator.random((len(chosen), 64)) < draw(st.sampled_from([0, 0.02])), axis=1)
        datasets.append(chosen ^ flips)
        ids = st.lists(st.sampled_from(["a", "b", "1", 1, "é", ""]), max_size=4)
        blocks.append(draw(st.lists(ids, min_size=len(chosen), max_size=len(chosen))))
        blocks[-1][0] = blocks[-1][0] or ["a"]  # a map without any record is refused
        ways.append(draw(st.sampled_from(WITH_BLOCKS)))
    return datasets, blocks, ways


def link(service, project, datasets, blocks, ways):
    for party, (encodings, ids, way) in enumerate(zip(datasets, blocks, ways, strict=True)):
        assert upload(service, project, party, way, encodings, ids).status == 201
    run_id = service.post_run(project, 0.75)
    service.deliver_all()
    return service.get_run(project, run_id, "result").body


@settings(deadline=None, max_examples=40)
@given(problem=blocked_problems(), chunk=st.sampled_from([1, 7, 1000]))
def test_only_records_that_share_a_block_are_linked_whatever_the_ways(problem, chunk):
    datasets, blocks, ways = problem
    service = driver(in_memory_world(chunk_min_comparisons=1, chunk_max_comparisons=chunk))
    project = service.create_project(len(datasets), uses_blocking=True)

    result = link(service, project, datasets, blocks, ways)

    assert groups_of_result(result) == groups_by_definition(datasets, 0.75, blocks)


@settings(deadline=None, max_examples=20)
@given(ways=st.lists(st.sampled_from(WITHOUT_BLOCKS), min_size=2, max_size=3), seed=st.integers(0, 100))
def test_parties_who_upload_by_different_ways_are_linked(ways, seed):
    generator = np.random.default_rng(seed)
    datasets = [generator.permutation(ENCODINGS_20)[: generator.integers(1, 20)] for _ in ways]
    service = driver(in_memory_world())
    project = service.create_project(len(ways))

    result = link(service, project, datasets, [None] * len(ways), ways)

    assert groups_of_result(result) == groups_by_definition(datasets, 0.75)


def test_raw_bytes_are_in_the_one_block_of_those_without_blocks_even_if_the_project_uses_blocking(service):
    project = service.create_project(3, uses_blocking=True)
    blocks = [["1"]] * 20

    ways = ["binaryclks", "binaryclks", "clknblocks"]
    result = link(service, project, [ENCODINGS_20] * 3, [None, None, blocks], ways)

    assert groups_of_result(result) == {frozenset([(0, index), (1, index)]) for index in range(20)}


def test_line_breaks_in_base64_are_skipped(service):
    project = service.create_project()

    assert post(service, project, {"clks": ["AAAA\nAAAA\r\nAAA=\n"]}).status == 201
    service.deliver_all()
    assert load_encodings(stored_set(service)[ENCODINGS], 8).tolist() == [[0] * 8]


def test_blocks_may_come_beside_clks_too(service):
    project = project_for(service, BLOCKS_20)

    assert post(service, project, {"clks": CLKS, "blocks": {"3": ["a"]}}).status == 201


# -- what is refused ------------------------------------------------------------------------------------------------

FILE = {"file": {"bucket": "uploads", "path": "p"}}
WRONG = {
    "nothing": ({}, 400, "exactly one of the members clks, clknblocks, encodings"),
    "no object": ([], 400, "[] is not of type 'object'"),
    "two shapes": ({"clks": CLKS, "encodings": CLKS}, 400, "exactly one of the members"),
    "three shapes": ({"clks": [], "encodings": [], "clknblocks": []}, 400, "exactly one of the members"),
    "no clks": ({"clks": []}, 400, MISSING),
    "no encodings": ({"encodings": []}, 400, MISSING),
    "null": ({"clks": None}, 400, "None is not of type 'array' - 'clks'"),
    "a text": ({"encodings": "AAAA"}, 400, "'AAAA' is not of type 'array' - 'encodings'"),
    "a number": ({"clks": [CLKS[0], 7]}, 400, "7 is not of type 'string' - 'clks.1'"),
    "bad base64": ({"clks": [CLKS[0], "A"]}, 400, "encoding 1 is not valid base64"),
    "ragged": ({"clks": [CLKS[0], "AAAA"]}, 400, "encoding 1 has 3 bytes, encoding 0 has 8"),
    "empty encoding": ({"clks": [""]}, 400, "encoding 0 is empty"),
    "no file": ({"encodings": {}}, 400, "'file' is a required property"),
    "no bucket": ({"encodings": {"file": {"path": "p"}}}, 400, "'bucket' is a required property"),
    "no path": ({"encodings": {"file": {"bucket": "b"}}}, 400, "'path' is a required property"),
    "NUL in a path": ({"encodings": {"file": {"bucket": "b", "path": "\0"}}}, 400, "encodings.file.path"),
    "half a path": ({"encodings": {"file": {"bucket": "b", "path": "\ud800"}}}, 400, "encodings.file.path"),
    "file is a text": ({"encodings": {"file": "p"}}, 400, "'p' is not of type 'object' - 'encodings.file'"),
    "blocks for those without": ({"encodings": CLKS, "blocks": {"0": ["a"]}}, 403, BLOCKS_DISABLED),
    "clknblocks for those without": ({"clknblocks": [[CLKS[0], "a"]]}, 403, BLOCKS_DISABLED),
    "block files for those without": ({"encodings": FILE, "blocks": FILE}, 403, BLOCKS_DISABLED),
}
WRONG_BLOCKED = {
    "no blocks": ({"clks": CLKS}, 403, BLOCKS_EXPECTED),
    "no blocks either": ({"encodings": CLKS}, 403, BLOCKS_EXPECTED),
    "no blocks file": ({"encodings": FILE}, 403, BLOCKS_EXPECTED),
    "empty map": ({"encodings": CLKS, "blocks": {}}, 400, MISSING),
    "empty clknblocks": ({"clknblocks": []}, 400, MISSING),
    "empty record": ({"clknblocks": [[]]}, 400, "clknblocks.0"),
    "a text for a record": ({"clknblocks": ["AAAA"]}, 400, "'AAAA' is not of type 'array' - 'clknblocks.0'"),
    "nested id": ({"clknblocks": [[CLKS[0], ["a"]]]}, 400, "neither a text nor a whole number - 'clknblocks.0.1'"),
    "boolean id": ({"clknblocks": [[CLKS[0], True]]}, 400, "clknblocks.0.1"),
    "fraction": ({"clknblocks": [[CLKS[0], 1.5]]}, 400, "clknblocks.0.1"),
    "null id": ({"clknblocks": [[CLKS[0], None]]}, 400, "clknblocks.0.1"),
    "a number for an encoding": ({"clknblocks": [[7, "a"]]}, 400, "encoding 0 is not a base64 string"),
    "index too high": ({"encodings": CLKS, "blocks": {"20": ["a"]}}, 400, "'20' is not the index of a record"),
    "negative index": ({"encodings": CLKS, "blocks": {"-1": ["a"]}}, 400, "'-1' is not the index of a record"),
    "no index": ({"encodings": CLKS, "blocks": {"x": ["a"]}}, 400, "'x' is not the index of a record"),
    "fraction as id": ({"encodings": CLKS, "blocks": {"0": [1.5]}}, 400, "a whole number - 'blocks.0.0'"),
    "one id": ({"encodings": CLKS, "blocks": {"0": "a"}}, 400, "'a' is not of type 'array' - 'blocks.0'"),
    "blocks as a list": ({"encodings": CLKS, "blocks": [["a"]]}, 400, "is not of type 'object' - 'blocks'"),
    "encodings here, blocks there": ({"encodings": CLKS, "blocks": FILE}, 400, "must both be in the body, or both in"),
    "blocks here, encodings there": ({"encodings": FILE, "blocks": {"0": ["a"]}}, 400, "must both be in the body"),
    "no path of blocks": ({"encodings": FILE, "blocks": {"file": {"bucket": "b"}}}, 400, "'path' is a required"),
    "half a surrogate pair": ({"encodings": CLKS, "blocks": {"0": ["\ud800"]}}, 400, "blocks.0.0"),
    "ragged": ({"clknblocks": [[CLKS[0], "a"], ["AAAA", "a"]]}, 400, "encoding 1 has 3 bytes"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_body_is_refused_with_the_reason_and_leaves_no_trace(service, wrong):
    body, status, detail = WRONG[wrong]
    project = service.create_project()

    assert is_problem(post(service, project, body), status, detail)

    leaves_no_trace(service, project)


@pytest.mark.parametrize("wrong", WRONG_BLOCKED)
def test_a_wrong_body_with_blocks_is_refused_with_the_reason_and_leaves_no_trace(service, wrong):
    body, status, detail = WRONG_BLOCKED[wrong]
    project = service.create_project(uses_blocking=True)

    assert is_problem(post(service, project, body), status, detail)

    leaves_no_trace(service, project, "clknblocks", BLOCKS_20)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (ClksBody, {"clks": [0] * 1000}),
        (EncodingsBody, {"encodings": [None] * 1000}),
        (EncodingsBody, {"encodings": CLKS, "blocks": {str(index): 0 for index in range(1000)}}),
        (EncodingsBody, {"encodings": CLKS, "blocks": {f"\ud800{index}": [] for index in range(1000)}}),
        (EncodingsBody, {"encodings": CLKS, "blocks": {"0": [1.5] * 1000}}),
        (ClksBody, {"clks": CLKS, "blocks": {str(index): [None] for index in range(1000)}}),
        (ClknblocksBody, {"clknblocks": [0] * 1000}),
        (ClknblocksBody, {"clknblocks": [[]] * 1000}),
        (ClknblocksBody, {"clknblocks": [[None] * 1000]}),
    ],
)
def test_the_first_wrong_value_of_many_ends_the_validation(kind, body):
    """Errors take hundreds of bytes each: millions of them would take the function's memory and time."""
    with pytest.raises(ValidationError) as raised:
        kind.model_validate(body)

    assert raised.value.error_count() == 1


@pytest.mark.parametrize("body", [WRONG["bad base64"][0], WRONG["no clks"][0], WRONG["blocks for those without"][0]])
def test_who_may_not_upload_learns_no_more(service, body):
    project, other = service.create_project(), service.create_project()

    for token in ("0" * 48, project["result_token"], other["update_tokens"][0]):
        assert is_problem(post(service, project, body, token=token), 403, BAD_TOKEN)


@pytest.mark.parametrize(("way", "blocks"), ALL_WAYS, ids=[way for way, _ in ALL_WAYS])
def test_a_token_uploads_once_by_whatever_ways(service, way, blocks):
    project = project_for(service, blocks)
    first = ("clks", None) if blocks is None else ("clknblocks", blocks)
    assert upload(service, project, 0, first[0], ENCODINGS_20, first[1]).status == 201
    before = set(service.world.objects.stored)

    again = upload(service, project, 0, way, ENCODINGS_20[::-1], blocks)

    assert is_problem(again, 403, "This token has already been used to upload clks.")
    added = set(service.world.objects.stored) - before
    assert {bucket for bucket, _ in added} <= {"uploads"}  # what the party itself put there


HEADERS = {"Content-Type": "application/octet-stream", "Hash-Count": "20", "Hash-Size": "8"}
WRONG_BINARY = {
    "no count": ({"Hash-Count": None}, "Missing header parameter 'Hash-Count'"),
    "no size": ({"Hash-Size": None}, "Missing header parameter 'Hash-Size'"),
    "count no number": ({"Hash-Count": "x"}, "Wrong type, expected 'integer' for header parameter 'Hash-Count'"),
    "size no number": ({"Hash-Size": "8.0"}, "Wrong type, expected 'integer' for header parameter 'Hash-Size'"),
    "empty": ({"Hash-Size": ""}, "Wrong type, expected 'integer' for header parameter 'Hash-Size'"),
    "another alphabet": ({"Hash-Count": "\u0662"}, "Wrong type, expected 'integer' for header parameter 'Hash-Count'"),
    "endless": ({"Hash-Count": "9" * 5000}, "Wrong type, expected 'integer' for header parameter 'Hash-Count'"),
    "count zero": ({"Hash-Count": "0"}, "Invalid value for Hash-Count header"),
    "count negative": ({"Hash-Count": "-20"}, "Invalid value for Hash-Count header"),
    "size too small": ({"Hash-Count": "40", "Hash-Size": "4"}, "Invalid value for Hash-Size header"),
    "size too large": ({"Hash-Size": "1025"}, "Invalid value for Hash-Size header"),
    "too many": ({"Hash-Count": "21"}, "Uploaded data did not match the expected size. Check request headers"),
    "too few": ({"Hash-Count": "19"}, "Uploaded data did not match the expected size. Check request headers"),
}


@pytest.mark.parametrize("wrong", WRONG_BINARY)
def test_wrong_raw_bytes_are_refused_with_the_reason_and_leave_no_trace(service, wrong):
    change, detail = WRONG_BINARY[wrong]
    project = service.create_project()
    headers = {name: value for name, value in (HEADERS | change).items() if value is not None}

    assert is_problem(post(service, project, ENCODINGS_20.tobytes(), route="binaryclks", **headers), 400, detail)

    leaves_no_trace(service, project, "binaryclks")


def test_no_raw_bytes_are_refused(service):
    project = service.create_project()

    assert is_problem(post(service, project, b"", route="binaryclks", **HEADERS), 400, "Uploaded data did not match")


@pytest.mark.parametrize("schema", [{"clkConfig": {"l": 128}}, {}])
def test_raw_bytes_of_another_size_than_the_projects_are_refused(service, schema):
    project = service.create_project(schema=schema)
    upload(service, project, 1, "clks", np.ones((5, 16), dtype=np.uint8))
    service.deliver_all()

    answer = post(service, project, ENCODINGS_20.tobytes(), route="binaryclks", **HEADERS)

    assert is_problem(answer, 400, "Upload 'Hash-Size' doesn't match project settings")


def test_raw_bytes_need_a_token(service):
    project = service.create_project()
    path = f"/projects/{project['project_id']}/binaryclks"

    missing = service.request("POST", path, body=ENCODINGS_20.tobytes(), **HEADERS)
    wrong = service.request("POST", path, token="0" * 48, body=ENCODINGS_20.tobytes(), **HEADERS)

    assert is_problem(missing, 400, "Missing header parameter 'Authorization'")
    assert is_problem(wrong, 403, BAD_TOKEN)


def test_another_type_of_body_is_no_raw_bytes(service):
    project = service.create_project()

    answer = post(service, project, b"x", route="binaryclks", **HEADERS | {"Content-Type": "text/plain"})

    assert is_problem(answer, 400, "Content Type not supported")


ELSEWHERE = ["{other}/b", "{own}x/b", "{own}", "b", "{own}/../{other}/b", "{own}/./b", "{own}/" + "b" * 1024]


@pytest.mark.parametrize("place", ELSEWHERE, ids=range(len(ELSEWHERE)))
def test_blocks_outside_of_the_own_place_are_403(service, place):
    project = service.create_project(uses_blocking=True)
    own, other = (
        service.request(
            "GET", f"/projects/{project['project_id']}/authorize-external-upload", token=project["update_tokens"][party]
        ).json["upload"]["path"]
        for party in range(2)
    )
    key = place.format(own=own, other=other)
    for name in (f"{own}/encodings.json", key):
        service.put_upload("uploads", name, b"{}", {"hash-count": "20", "hash-size": "8"})
    body = json.loads(announcement("uploads", own, ["encodings.json"]))

    answer = post(service, project, body | {"blocks": {"file": {"bucket": "uploads", "path": key}}})

    assert is_problem(answer, 403, "Provided object store path is not allowed")


def test_more_encodings_than_intake_has_memory_for_are_refused_with_how_many_there_may_be():
    service = driver(in_memory_world(max_upload_bytes=needed_bytes(20, 8) - 1))
    project = service.create_project()

    answer = upload(service, project, 0, "binary file", ENCODINGS_20)

    assert is_problem(answer, 400, "'hash-count' is 20, an upload can have at most 19 of that size")


def test_an_upload_whose_manifest_could_not_be_stored_is_taken_in_a_little_later(service, monkeypatch):
    project = service.create_project()
    objects, original = service.world.objects, service.world.objects.put

    def refuse_manifest(bucket, key, body, **rest):
        if key.startswith("intake/"):
            raise ConnectionError
        return original(bucket, key, body, **rest)

    monkeypatch.setattr(objects, "put", refuse_manifest)
    assert upload(service, project, 0, "clks", ENCODINGS_20).status == 500
    monkeypatch.undo()
    service.world.now.sleep(service.world.settings.patience_s)
    (message,) = service.queues.take("reconcile")
    assert service.deliver("reconcile", message.model_dump_json()) == []
    service.deliver_all()

    assert json.loads(stored_set(service)[REPORT])["records"] == 20


# -- uploads that the version before announced or parked ------------------------------------------------------------

STORED_BEFORE = """{{"project_id":"{project_id}","party_id":"{party_id}","upload_id":"{upload_id}",
"encodings":{{"bucket":"{bucket}","key":"{key}","etag":{etag},"size_bytes":{size_bytes}}},
"format":"{format}","encoding_count":20,"encoding_size":8,"blocks":null}}"""
"""The manifest of an upload, as 0.1.0 wrote it into the upload's row and into the store bucket."""


@pytest.mark.parametrize(("way", "written"), [("json file", "json"), ("binary file", "binary"), ("clks", "binary")])
def test_an_upload_that_the_version_before_took_is_taken_in(service, way, written):
    project = service.create_project()
    upload(service, project, 0, way, ENCODINGS_20)
    ((upload_id, row),) = service.world.uploads.tables.uploads.items()
    file = row.manifest.encodings
    members = row.manifest.model_dump() | file.model_dump() | {"format": written, "etag": json.dumps(file.etag)}
    text = STORED_BEFORE.format(**members)
    before = Manifest.model_validate_json(text)
    service.world.uploads.tables.uploads[upload_id] = replace(row, manifest=before)
    service.world.objects.put("store", f"intake/{project['project_id']}/{upload_id}.json", text.encode())
    service.deliver_all()

    stored = json.loads(row.manifest.model_dump_json())
    assert json.loads(text).items() <= stored.items()  # so that the version before can read it, too: it ignores others
    assert json.loads(stored_set(service)[REPORT])["records"] == 20


# -- what turns out to be wrong when it is read ---------------------------------------------------------------------


def test_more_blocks_than_intake_has_memory_for_are_an_error():
    service = driver(in_memory_world(max_upload_bytes=needed_bytes(20, 8) + 30 * MEMBERSHIP_COST))
    project = service.create_project(uses_blocking=True)
    upload(service, project, 0, "binary file and blocks", ENCODINGS_20, [["a", "b"]] * 20)
    run_id = service.post_run(project)
    service.deliver_all()

    assert "more than 30 block ids" in service.get_run(project, run_id).json["message"]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
    | st.sampled_from(["AAAAAAAAAAA=", "AAAA", "file", "uploads"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text() | st.sampled_from(["file", "bucket", "path", "0", "1"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
BODIES = st.dictionaries(st.sampled_from(["clks", "clknblocks", "encodings", "blocks", "other"]), JSON_VALUES)


@settings(deadline=None, max_examples=150)
@given(body=BODIES, uses_blocking=st.booleans())
def test_no_body_whatever_is_a_defect_or_stands_in_the_way(body, uses_blocking):
    service = driver(in_memory_world())
    project = service.create_project(uses_blocking=uses_blocking)
    way, blocks = ("clknblocks", BLOCKS_20) if uses_blocking else ("clks", None)

    answer = post(service, project, body)

    assert answer.status in {201, 400, 403}
    if answer.status != 201:
        assert answer.json["detail"]
        leaves_no_trace(service, project, way, blocks)
    service.deliver_all()


@settings(deadline=None, max_examples=100)
@given(body=st.binary(max_size=50), count=st.integers(-1, 5), size=st.sampled_from([0, 7, 8, 16]))
def test_no_raw_bytes_whatever_are_a_defect_or_stand_in_the_way(body, count, size):
    service = driver(in_memory_world())
    project = service.create_project()
    headers = HEADERS | {"Hash-Count": str(count), "Hash-Size": str(size)}

    answer = post(service, project, body, route="binaryclks", **headers)

    assert answer.status == (201 if len(body) == count * size > 0 and size >= 8 else 400)
    if answer.status == 400:
        leaves_no_trace(service, project, "binaryclks")


JUNK = st.binary(max_size=60) | JSON_VALUES.map(lambda value: json.dumps({"clks": value, "blocks": value}).encode())


@settings(deadline=None, max_examples=100)
@given(encodings=JUNK | st.none(), blocks=JUNK | st.none(), name=st.sampled_from(["encodings.json", "encodings.bin"]))
def test_no_files_whatever_make_intake_fail_or_stand_in_the_way(encodings, blocks, name):
    service = driver(in_memory_world())
    project = service.create_project(uses_blocking=True)
    way = "json file and blocks" if name.endswith("json") else "binary file and blocks"
    right = sending(way, ENCODINGS_20, BLOCKS_20)
    files = {
        name: right.files[name] if encodings is None else encodings,
        "blocks.json": blocks_file(BLOCKS_20) if blocks is None else blocks,
    }
    assert send(service, project, 0, type(right)(files=files), 20, 8).status == 201
    service.deliver_all()

    described = service.request("GET", f"/projects/{project['project_id']}", token=project["result_token"]).json
    if described["error"]:
        assert {key for _, key in service.world.objects.stored} == set()
        assert upload(service, project, 0, "binary file and blocks", ENCODINGS_20, BLOCKS_20).status == 201
        service.deliver_all()
    assert json.loads(stored_set(service)[REPORT])["records"] == 20
