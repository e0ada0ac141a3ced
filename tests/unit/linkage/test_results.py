"""Every result type equals the definition, through the real routes and handlers: blocks or none, ties, records
in many blocks or in none, thresholds exactly on a score, parties of one record."""

import io
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linkage.testing.world import in_memory_world
from tests.driving import driver, texts
from tests.oracle import anonlink, candidates_by_definition, groups_by_definition, groups_of_result

THRESHOLDS = [0.5, 0.75, 0.8, 1.0, "on a score"]
ENGINES = ["native", "anonlink"]


@st.composite
def linkage_problems(draw, most_parties=4):
    """Data sets that share none to all of their entities, and blocks that records are in."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    entities = generator.integers(0, 256, (draw(st.integers(1, 10)), 8), dtype=np.uint8)
    datasets, blocks = [], []
    for _ in range(draw(st.integers(2, most_parties))):
        chosen = entities[generator.integers(0, len(entities), draw(st.integers(1, 8)))]
        flips = np.packbits(generator.random((len(chosen), 64)) < draw(st.sampled_from([0, 0.02, 0.2])), axis=1)
        datasets.append(chosen ^ flips)
        blocks.append([draw(st.lists(st.sampled_from("abcd"), max_size=3)) for _ in chosen])
    return datasets, draw(st.sampled_from([blocks, None]))


def choose(threshold, datasets):
    """A threshold that some pair's score lies exactly on, where there is one."""
    if threshold != "on a score":
        return threshold
    scores = sorted({-score for score, *_ in candidates_by_definition(datasets, 0.3)})
    return scores[len(scores) // 2] if scores else 0.5


def link(service, datasets, blocks, threshold, result_type):
    """Link the data sets and return the project, with the parties' receipt tokens, and the run's id."""
    project = service.create_project(len(datasets), result_type=result_type, uses_blocking=blocks is not None) | {
        "receipt_tokens": []
    }
    for party, encodings in enumerate(datasets):
        if blocks is None:
            body = {"clks": texts(encodings)}
        else:
            body = {"clknblocks": [[text, *ids] for text, ids in zip(texts(encodings), blocks[party], strict=True)]}
        answer = service.request(
            "POST", f"/projects/{project['project_id']}/clks", token=project["update_tokens"][party], body=body
        )
        assert answer.status == 201, answer.body
        project["receipt_tokens"].append(answer.json["receipt_token"])
    run_id = service.post_run(project, threshold)
    service.deliver_all()
    return project, run_id


@pytest.mark.parametrize("engine", ENGINES)
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(problem=linkage_problems(), threshold=st.sampled_from(THRESHOLDS), chunk=st.sampled_from([1, 7, 1000]))
def test_groups(engine, problem, threshold, chunk):
    datasets, blocks = problem
    threshold = choose(threshold, datasets)
    service = driver(in_memory_world(engine=engine, chunk_min_comparisons=1, chunk_max_comparisons=chunk))

    project, run_id = link(service, datasets, blocks, threshold, "groups")

    result = service.get_run(project, run_id, "result").body
    assert groups_of_result(result) == groups_by_definition(datasets, threshold, blocks)


@pytest.mark.parametrize("engine", ENGINES)
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(
    problem=linkage_problems(2),
    threshold=st.sampled_from(THRESHOLDS),
    chunk=st.sampled_from([1, 7, 1000]),
    held=st.sampled_from([1, 3, 1000]),
)
def test_similarity_scores(engine, problem, threshold, chunk, held):
    datasets, blocks = problem
    threshold = choose(threshold, datasets)
    few = {"spill_pairs": held, "batch_pairs": held, "window_pairs": held}
    service = driver(in_memory_world(engine=engine, chunk_min_comparisons=1, chunk_max_comparisons=chunk, **few))

    project, run_id = link(service, datasets, blocks, threshold, "similarity_scores")

    expected = [
        [[left, row], [right, column], -score]
        for score, left, right, row, column in candidates_by_definition(datasets, threshold, blocks)
    ]
    result = service.get_run(project, run_id, "result").json["similarity_scores"]
    assert result == expected
    assert file_of(service, project, run_id) == expected


def file_of(service, project, run_id):
    """Read the run's file of scores as the original's clients do."""
    path = f"/projects/{project['project_id']}/runs/{run_id}/result"
    answer = service.request("GET", path, token=project["result_token"], **{"RETURN-OBJECT-STORE-ADDRESS": "yes"})
    assert answer.status == 200
    assert set(answer.json["credentials"]) == {"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"}
    assert set(answer.json["object"]) == {"endpoint", "secure", "bucket", "path"}
    raw = service.world.objects.get(answer.json["object"]["bucket"], answer.json["object"]["path"])
    if len(raw) == 4:
        return []
    scores, (left, right), (rows, columns) = anonlink.serialization.load_candidate_pairs(io.BytesIO(raw))
    return [[[i, r], [j, c], s] for s, i, j, r, c in zip(scores, left, right, rows, columns, strict=True)]


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(problem=linkage_problems(2), threshold=st.sampled_from(THRESHOLDS))
def test_permutations(problem, threshold):
    datasets, blocks = problem
    threshold = choose(threshold, datasets)
    service = driver(in_memory_world())

    project, run_id = link(service, datasets, blocks, threshold, "permutations")

    mask = service.get_run(project, run_id, "result").json["mask"]
    positions = []
    for party, token in enumerate(project["receipt_tokens"]):
        path = f"/projects/{project['project_id']}/runs/{run_id}/result"
        answer = service.request("GET", path, token=token).json
        assert answer["rows"] == len(mask) == min(map(len, datasets))
        assert sorted(answer["permutation"]) == list(range(len(datasets[party])))
        positions.append({place: record for record, place in enumerate(answer["permutation"])})
    lined_up = {
        frozenset(((0, positions[0][place]), (1, positions[1][place]))) for place, match in enumerate(mask) if match
    }
    assert lined_up == groups_by_definition(datasets, threshold, blocks)


@pytest.mark.parametrize("result_type", ["groups", "similarity_scores", "permutations"])
def test_nothing_in_common(result_type):
    datasets = [np.full((3, 8), 0x0F, dtype=np.uint8), np.full((2, 8), 0xF0, dtype=np.uint8)]
    service = driver(in_memory_world())

    project, run_id = link(service, datasets, None, 0.5, result_type)

    empty = {"groups": {"groups": []}, "similarity_scores": {"similarity_scores": []}, "permutations": {"mask": [0, 0]}}
    assert service.get_run(project, run_id, "result").json == empty[result_type]


@pytest.mark.parametrize("result_type", ["groups", "permutations"])
def test_only_scores_have_a_file(result_type):
    datasets = [np.full((3, 8), 0x0F, dtype=np.uint8)] * 2
    service = driver(in_memory_world())
    project, run_id = link(service, datasets, None, 0.5, result_type)

    path = f"/projects/{project['project_id']}/runs/{run_id}/result"
    answer = service.request("GET", path, token=project["result_token"], **{"RETURN-OBJECT-STORE-ADDRESS": "yes"})

    assert answer.body == service.get_run(project, run_id, "result").body


def test_no_intermediate_is_left():
    generator = np.random.default_rng(3)
    datasets = [generator.integers(0, 256, (30, 8), dtype=np.uint8) for _ in range(2)]
    service = driver(in_memory_world(spill_pairs=10, batch_pairs=5, chunk_min_comparisons=1))
    project, run_id = link(service, datasets, None, 0.4, "permutations")

    kept = [key.rpartition(f"{run_id}/")[2] for _, key in service.world.objects.stored if run_id in key]
    assert sorted(kept) == ["permutations.npy", "result", "result-permutation-0", "result-permutation-1"]
    assert json.loads(service.get_run(project, run_id, "result").body)["mask"]


def test_a_chunk_that_is_spilled_gives_the_same_bytes():
    generator = np.random.default_rng(3)
    datasets = [generator.integers(0, 256, (60, 8), dtype=np.uint8) for _ in range(2)]
    results = set()
    for few in ({}, {"spill_pairs": 100, "batch_pairs": 40, "window_pairs": 64}):
        service = driver(in_memory_world(**few))
        project, run_id = link(service, datasets, None, 0.45, "similarity_scores")
        results.add(service.get_run(project, run_id, "result").body)

    assert len(results) == 1
    assert len(json.loads(results.pop())["similarity_scores"]) > 500
