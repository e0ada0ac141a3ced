"""The same request from many clients at once is one upload with one receipt, or one run: on a real PostgreSQL."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier

import numpy as np
import psycopg2
import pytest

from linkage.errors import DatabaseUnavailable, IdempotencyKeyReused, TokenAlreadyUsed
from linkage.messages import PlanRun
from linkage.migrations import migrate
from linkage.models import ResultType
from linkage.projects import NewProject, create_project
from linkage.receipts import describe_own_upload
from linkage.runs import NewRun, create_run, list_runs
from linkage.store.folders import PartyFolder
from linkage.uploads import AnnouncedUpload, BinaryUpload, Place, announce_files, permit_upload, receive_binary
from tests.driving import body_of, driver
from tests.worlds.servers import with_database

CLIENTS, ROUNDS = 12, 8
PROJECT = NewProject({}, ResultType.GROUPS, 2, "", "", uses_blocking=False)
ONE, OTHER = (bytes([value]) * 64 for value in (1, 2))


@pytest.fixture
def worlds(make_world):
    """A world for each client, with a connection of its own to the database."""
    return [make_world() for _ in range(CLIENTS)]


def at_once(worlds, request: Callable, errors: Sequence[type[Exception]] = ()):
    """Send a request from each world at the same time; return the answers, and the errors of these types."""
    barrier = Barrier(len(worlds))

    def send(number):
        worlds[number].projects.count()  # the connection is open
        barrier.wait()
        try:
            return request(number, worlds[number])
        except tuple(errors) as error:
            return type(error)

    with ThreadPoolExecutor(len(worlds)) as pool:
        return list(pool.map(send, range(len(worlds))))


def parked(world, project_id):
    return [each.key for each in world.objects.list(world.settings.store_bucket, f"parked/{project_id}/")]


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_the_same_upload_at_once_is_one_upload_with_one_receipt(worlds, rows_of_party, _round):
    project = create_project(PROJECT, worlds[0])
    token, sent = project.update_tokens[0], BinaryUpload(ONE, 8, 8)

    receipts = at_once(worlds, lambda _, world: receive_binary(project.project_id, token, sent, world))

    assert len(set(receipts)) == 1
    assert len(rows_of_party(project, 0)) == 1
    assert len(parked(worlds[0], project.project_id)) == 1
    assert describe_own_upload(project.project_id, receipts[0], worlds[0]).dataset_index == 0


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_of_two_uploads_at_once_one_is_taken_and_all_its_repeats_have_its_receipt(worlds, rows_of_party, _round):
    project = create_project(PROJECT, worlds[0])
    token = project.update_tokens[0]

    def send(number, world):
        return receive_binary(project.project_id, token, BinaryUpload((ONE, OTHER)[number % 2], 8, 8), world)

    answers = at_once(worlds, send, [TokenAlreadyUsed])

    winner = 0 if answers[0] is not TokenAlreadyUsed else 1
    assert len({*answers[winner::2]}) == 1
    assert {*answers[1 - winner :: 2]} == {TokenAlreadyUsed}
    assert len(rows_of_party(project, 0)) == 1
    assert len(parked(worlds[0], project.project_id)) == 1


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_the_same_files_announced_at_once_are_one_upload_with_one_receipt(worlds, rows_of_party, _round):
    world = worlds[0]
    project = create_project(PROJECT, world)
    token = project.update_tokens[0]
    party_id = world.projects.parties(project.project_id)[0].party_id
    bucket, key = world.settings.uploads_bucket, f"{PartyFolder(project.project_id, party_id, world).path}/clks.bin"
    driver(world).put_upload(bucket, key, ONE, {"hash-count": "8", "hash-size": "8"})
    announced = AnnouncedUpload(Place(bucket, key), None)

    receipts = at_once(worlds, lambda _, world: announce_files(project.project_id, token, announced, world))

    assert len(set(receipts)) == 1
    assert len(rows_of_party(project, 0)) == 1


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_an_upload_sent_at_once_while_it_is_taken_in_is_one_upload(worlds, rows_of_party, _round):
    """The files are put and announced again by every client, while the intake reads and removes them."""
    world = worlds[0]
    service = driver(world)
    project = create_project(PROJECT, world)
    token = project.update_tokens[0]
    access = permit_upload(project.project_id, token, world)
    key = f"{access.path}/clks.bin"
    announced = AnnouncedUpload(Place(access.bucket, key), None)

    def put():
        service.put_upload(access.bucket, key, ONE, {"hash-count": "8", "hash-size": "8"})

    put()
    first = announce_files(project.project_id, token, announced, world)
    events = service.waiting("intake")

    def send(number, other):
        if not number:
            return [service.deliver("intake", body) for body in events]
        put()
        return announce_files(project.project_id, token, announced, other)

    answers = at_once(worlds, send)
    service.delivered.clear()
    service.deliver_all(("intake",))

    assert answers[0] == [[]]
    assert {*answers[1:]} == {first}
    assert [state for _, state in rows_of_party(project, 0)] == ["ready"]
    assert list(world.objects.list(access.bucket, project.project_id)) == []


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_the_same_run_posted_at_once_is_one_run(worlds, _round):
    project = create_project(PROJECT, worlds[0])
    new = NewRun(0.8, "n", "o", "key")

    runs = at_once(worlds, lambda _, world: create_run(project.project_id, project.result_token, new, world))

    assert len({run.run_id for run in runs}) == 1
    assert [run.run_id for run in list_runs(project.project_id, project.result_token, worlds[0])] == [runs[0].run_id]


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_of_two_runs_with_one_key_at_once_one_is_posted(worlds, _round):
    project = create_project(PROJECT, worlds[0])

    def post(number, world):
        return create_run(project.project_id, project.result_token, NewRun((0.8, 0.9)[number % 2], "", "", "k"), world)

    answers = at_once(worlds, post, [IdempotencyKeyReused])

    winner = 0 if answers[0] is not IdempotencyKeyReused else 1
    assert len({run.run_id for run in answers[winner::2]}) == 1
    assert {*answers[1 - winner :: 2]} == {IdempotencyKeyReused}
    assert len(list_runs(project.project_id, project.result_token, worlds[0])) == 1


@pytest.fixture
def rows_of_party(worlds):
    """A function from a project and a party's index to the ids and states of the party's uploads in the database."""

    def rows(project, dataset_index):
        statement = """
            SELECT upload_id, state FROM uploads JOIN parties USING (party_id)
             WHERE uploads.project_id = %(project_id)s AND dataset_index = %(dataset_index)s
        """
        values = {"project_id": project.project_id, "dataset_index": dataset_index}
        return worlds[0].projects._database.fetch_all(statement, values)

    return rows


def test_the_tables_of_the_version_before_serve_all_but_keys_until_they_are_migrated(stack, worlds_on_servers):
    """During a deployment new code runs on old tables for seconds."""
    name = "promises_before"
    with closing(psycopg2.connect(stack.database_url)) as admin:
        admin.autocommit = True
        admin.cursor().execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.cursor().execute(f"CREATE DATABASE {name}")
    url = with_database(stack.database_url, name)
    migrate(url, revision="0002")
    world = worlds_on_servers.make(database_url=url)
    service = driver(world)
    project = service.create_project()
    with_key = {"Idempotency-Key": "k"}
    path = f"/projects/{project['project_id']}/runs"

    def post(**headers):
        return service.request("POST", path, token=project["result_token"], body={"threshold": 0.8}, **headers)

    encodings = np.ones((4, 8), dtype=np.uint8)
    assert [service.upload(project, party, encodings).status for party in (0, 1, 0)] == [201] * 3
    assert (post().status, post(**with_key).status) == (201, 503)
    with pytest.raises(DatabaseUnavailable):
        create_run(project["project_id"], project["result_token"], NewRun(0.8, "", "", "k"), world)
    migrate(url)

    first = post(**with_key)
    assert first.status == 201
    assert post(**with_key).json == first.json
    assert service.upload(project, 1, encodings).status == 201
    service.deliver_all()
    assert [
        service.deliver("plan", body_of(PlanRun(project_id=project["project_id"], run_id=run["run_id"])))
        for run in json.loads(service.request("GET", path, token=project["result_token"]).body)
    ] == [[], []]
