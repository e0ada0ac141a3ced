"""Stored objects are read back unchanged, lie in their folders, and are removed with the plan first."""

import numpy as np
import pytest

from linkage.candidates.pairs import PAIR, with_datasets
from linkage.encodings.encoding_sets import Memberships, sort_encodings
from linkage.models import ChunkCount
from linkage.plans.plan import Plan, PlannedChunk
from linkage.store.chunks import ChunkStore
from linkage.store.encoding_sets import EncodingSetStore
from linkage.store.folders import PartyFolder
from linkage.store.gathering import gather_candidates
from linkage.store.rectangles import put_rectangles, read_rectangles
from linkage.store.runs import RunStore
from linkage.testing.world import in_memory_world

PAIRS = np.array([(0, 1, 60, 120), (3, 2, 50, 120)], dtype=PAIR)
MANY_RECTANGLES = [np.array([[0, 4, 0, 5]]), np.array([[4, 6, 0, 5], [6, 9, 5, 7]])]


@pytest.fixture
def world():
    return in_memory_world()


@pytest.fixture
def run(world):
    return RunStore("project", "run", world)


def plan_with(rectangles_key):
    chunks = (PlannedChunk(0, 1, 0, 1, 20), PlannedChunk(0, 1, 1, 3, 16))
    return Plan(
        run_id="run",
        threshold=0.8,
        encoding_size=16,
        datasets=("left/", "right/"),
        record_counts=(9, 7),
        total_comparisons=36,
        rectangles_key=rectangles_key,
        chunks=chunks,
    )


def keys_of(world):
    return [stored.key for stored in world.objects.list(world.settings.store_bucket, "")]


def test_a_plan_and_its_rectangles_are_read_back(run, world):
    plan = plan_with(put_rectangles(run, MANY_RECTANGLES))

    assert run.read_plan() is None
    assert run.put_plan_if_absent(plan)
    assert not run.put_plan_if_absent(plan_with("another"))
    assert run.read_plan() == plan
    read = [read_rectangles(plan, chunk, world).tolist() for chunk in plan.chunks]
    assert read == [part.tolist() for part in MANY_RECTANGLES]


def test_a_chunk_is_the_same_bytes_in_one_piece_or_in_batches(run, world):
    whole, merged = ChunkStore(run, 0), ChunkStore(run, 1)
    whole.put(PAIRS)

    assert merged.write(with_datasets(PAIRS[place : place + 1], 0) for place in range(2)) == 2

    first, second = (world.objects.get(world.settings.store_bucket, key) for key in keys_of(world))
    assert first == second
    (batch,) = gather_candidates([whole.file(2, 5)], world)
    assert batch.tolist() == with_datasets(PAIRS, 5).tolist()


def test_stored_chunks_are_counted_with_what_the_plan_says_of_them(run):
    plan = plan_with("none")
    ChunkStore(run, 0).put(PAIRS)
    ChunkStore(run, 1).put_overflow()

    assert run.list_chunks(plan) == [ChunkCount(0, 20, 2), ChunkCount(1, 16, 0, overflow=True)]


def test_a_removed_chunk_leaves_nothing_of_any_attempt(run, world):
    chunk = ChunkStore(run, 7)
    chunk.put(PAIRS)
    chunk.spill(PAIRS, "one attempt", 0)
    chunk.remove_spilled([chunk.spill(PAIRS, "another", 0)])
    assert chunk.count_pairs() == 2

    chunk.remove()

    assert chunk.count_pairs() is None
    assert keys_of(world) == []


@pytest.mark.parametrize("remove", [RunStore.remove, RunStore.remove_with_uploads, RunStore.remove_intermediates])
def test_a_run_is_removed_with_its_plan_first(run, world, monkeypatch, remove):
    run.put_plan_if_absent(plan_with(put_rectangles(run, MANY_RECTANGLES)))
    ChunkStore(run, 0).put(PAIRS)
    ChunkStore(run, 0).spill(PAIRS, "attempt", 0)
    run.put_draw_if_absent(b"drawn")
    with run.result_writer("result") as file:
        file.write(b"{}")
    removed, delete = [], world.objects.delete
    monkeypatch.setattr(world.objects, "delete", lambda bucket, keys: (removed.extend(keys), delete(bucket, keys)))

    remove(run)

    assert removed[0] == "projects/project/runs/run/plan.json"
    kept = keys_of(world)
    assert "projects/project/runs/run/plan.json" not in kept
    assert [key.rpartition("/")[2] for key in kept] == (
        ["permutations.npy", "result"] if remove is RunStore.remove_intermediates else []
    )


def test_rows_of_an_encoding_set_are_read_back(world):
    encodings = np.random.default_rng(3).integers(0, 256, (9, 16), dtype=np.uint8)
    memberships = Memberships(
        np.array([b"%016d" % (record % 2) for record in range(8)], dtype="S16"), np.arange(8, dtype=np.uint32)
    )
    written, stored = sort_encodings(encodings, memberships), EncodingSetStore.of("project", "party", "upload", world)

    stored.write(written)

    assert stored.read_blocks().tolist() == written.blocks.tolist()
    assert stored.count_records() == 9
    indices = stored.read_record_indices(2, 5)
    assert indices.tolist() == written.rows[2:5].tolist()
    assert stored.read_encodings(16, 2, 5).tolist() == encodings[indices].tolist()
    assert all(key.startswith(stored.prefix) for key in keys_of(world))
    stored.remove()
    assert keys_of(world) == []


def test_an_encoding_set_that_is_not_there_is_an_error_with_its_name(world):
    with pytest.raises(FileNotFoundError, match="there is no left/blocks"):
        EncodingSetStore("left/", world).read_blocks()


@pytest.mark.parametrize(
    ("bucket", "key", "inside"),
    [
        ("uploads", "project/party/file.json", True),
        ("uploads", "project/party/deeper/file.json", True),
        ("store", "project/party/file.json", False),
        ("uploads", "project/party", False),
        ("uploads", "project/partying/file.json", False),
        ("uploads", "project/party/../other/file.json", False),
        ("uploads", "project/party/" + "x" * 1024, False),
    ],
)
def test_a_folder_contains_what_lies_under_its_path_alone(world, bucket, key, inside):
    assert PartyFolder("project", "party", world).contains(bucket, key) is inside
