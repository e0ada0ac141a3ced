"""Runs through the deployed local stack, from POST to result: the time, and the share in which no worker links.

The stack is warm: a small run goes first. Uploads go through the object store, as a party's do.
"""

import json
import os
import re
import statistics
import time
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from linkage.cli import bounds_of
from linkage.cost.assumptions import FUNCTIONS, Assumptions
from linkage.cost.model import CostModel
from linkage.cost.workloads import Workload, expect_run
from linkage.settings import Settings
from tests.benchmarks.function_logs import count_reports, spent_since
from tests.benchmarks.people import make_people
from tests.e2e.client import Client, object_store

pytestmark = pytest.mark.benchmark
LINKING = ("compare", "solve")
WORKERS = 4 * (os.cpu_count() or 1)
"""At most n chunks are compared at a time on the local stack."""


@pytest.fixture(scope="module")
def client(stack):
    client = Client(stack.server_url)
    for _ in range(2):
        client.run_to_result(upload(client, make_people(100)))
    return client


def upload(client, datasets, blocks=None):
    """Upload data sets as binary files, wait until they are taken in, and return the project."""
    project = client.create_project(len(datasets), uses_blocking=blocks is not None)
    for party, encodings in enumerate(datasets):
        started = time.monotonic()
        put(client, project, party, encodings, None if blocks is None else blocks[party])
        wait_ready(client, project, party + 1)
        print(f"    upload of {len(encodings):,} records: {time.monotonic() - started:.1f} s")
    return project


def put(client, project, party, encodings, blocks):
    permit = client.permit(project, party)
    store, place, token = object_store(permit), permit["upload"], project["update_tokens"][party]
    names = {"encodings": f"{place['path']}/encodings.bin"}
    metadata = {"hash-count": str(len(encodings)), "hash-size": str(encodings.shape[1])}
    store.put_object(Bucket=place["bucket"], Key=names["encodings"], Body=encodings.tobytes(), Metadata=metadata)
    if blocks is not None:
        names["blocks"] = f"{place['path']}/blocks.json"
        text = json.dumps({"blocks": {str(record): ids for record, ids in enumerate(blocks)}})
        store.put_object(Bucket=place["bucket"], Key=names["blocks"], Body=text.encode())
    body = {name: {"file": {"bucket": place["bucket"], "path": key}} for name, key in names.items()}
    answer = client.request("POST", client.path(project, "clks"), token=token, json=body)
    assert answer.status_code == 201, answer.text


def wait_ready(client, project, parties):
    """Wait until the uploads are taken in: the store bucket's encoding sets tell."""
    client.await_true(lambda: client.describe(project)["parties_contributed"] >= parties)


def timed_run(client, project, threshold=0.8):
    """Return seconds from POST to result, the run's id, and the result."""
    started = time.monotonic()
    run_id = client.post_run(project, threshold)
    path, token = client.path(project, "runs", run_id), project["result_token"]
    while (state := client.request("GET", f"{path}/status", token=token).json()["state"]) != "completed":
        assert state != "error"
        time.sleep(0.05)
    result = client.request("GET", f"{path}/result", token=token).json()
    return time.monotonic() - started, run_id, result


def linked_seconds(stack, run_id):
    """Return the seconds in which at least one worker compared or solved, from the workers' logs."""
    spans = []
    for worker in LINKING:
        for log in (stack.logs_dir / "functions").glob(f"*{worker.capitalize()}*"):
            for line in log.read_text().splitlines():
                if run_id in line and "message handled" in line:
                    entry = json.loads(line[line.index("{") :])
                    stamp = re.sub(r"([+-]\d{4})$", "", entry["timestamp"]).replace(",", ".")
                    end = datetime.fromisoformat(stamp).timestamp()
                    spans.append((end - entry["duration_ms"] / 1000, end))
    return _covered(sorted(spans)), len(spans)


def _covered(spans):
    total, until = 0.0, 0.0
    for start, end in spans:
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def report(stack, name, seconds, run_id, result):
    linking, messages = linked_seconds(stack, run_id)
    print(
        f"  {name}: {seconds:.2f} s from POST to result, {len(result['groups']):,} groups, {messages} messages of"
        f" compare and solve; {1 - linking / seconds:.0%} of the time nobody compared or solved"
    )


def report_spending(spent, model):
    """Print each function's spending beside the cost model's for this machine: fewer processors, no cold starts."""
    told = model.scenario(WORKERS)
    for name, each in spent.items():
        print(
            f"    {name}: {each.invocations} invocations, {each.cold_starts} cold, {each.seconds:.2f} s,"
            f" {each.gb_seconds:.1f} GB-seconds; model: {told.uses[name].invocations}, {told.uses[name].seconds:.2f} s,"
            f" {told.uses[name].gb_seconds:.1f}"
        )


def local_model(*counts, threshold, candidate_share=None):
    """The cost model, of functions that share this machine's processors and are warm."""
    bounds = bounds_of(Settings(uploads_bucket="", store_bucket=""))
    run = expect_run(Workload(counts, threshold, candidate_share=candidate_share), bounds)
    chunks = len(run.chunks)
    processors = (os.cpu_count() or 1) / min(WORKERS, chunks)
    parallel = min(1.0, processors / FUNCTIONS["compare"].vcpus)
    return CostModel(run, bounds, assumptions=replace(Assumptions(), parallel=parallel, cold_start_s=0.0))


@pytest.mark.parametrize(
    ("records", "threshold", "candidate_share"), [(20_000, 0.8, None), (100_000, 0.8, None), (100_000, 0.7, 5.9e-4)]
)
def test_what_a_run_spends(stack, client, records, threshold, candidate_share):
    """One chunk, which has the machine to itself; many, which share it; and many candidate pairs.

    How many: see what test_rates.py says of this data.
    """
    datasets = make_people(records)
    client.run_to_result(upload(client, datasets), 0.95)
    counted = count_reports(stack)

    project = upload(client, datasets)
    seconds, _, result = timed_run(client, project, threshold)

    assert len(result["groups"]) > 0.4 * records
    print(
        f"\n  {records:,} x {records:,} at {threshold}: {seconds:.2f} s from POST to result;"
        f" load average {os.getloadavg()[0]:.1f}"
    )
    time.sleep(1)
    spent = spent_since(stack, counted)
    model = local_model(records, records, threshold=threshold, candidate_share=candidate_share)
    assert spent["compare"].invocations == len(model.chunks)
    report_spending(spent, model)


def test_a_hundred_by_a_hundred(stack, client):
    project = upload(client, make_people(100))
    client.run_to_result(project)

    runs = [timed_run(client, project) for _ in range(9)]

    assert all(run[2] == runs[0][2] for run in runs)
    print(f"\n  100 x 100: median {statistics.median(run[0] for run in runs):.2f} s from POST to result")


def test_a_hundred_thousand_by_a_hundred_thousand(stack, client):
    project = upload(client, make_people(100_000))
    client.run_to_result(project, 0.95)

    seconds, run_id, result = timed_run(client, project)

    assert 50_000 < len(result["groups"]) < 75_000
    report(stack, "100,000 x 100,000", seconds, run_id, result)


def test_tiny_blocks(stack, client):
    """Blocks as P-Sig makes them: five a record, most of them of one record."""
    datasets = make_people(100_000)
    blocks = [signatures(encodings) for encodings in datasets]
    project = upload(client, datasets, blocks)
    client.run_to_result(project, 0.95)

    seconds, run_id, result = timed_run(client, project)

    assert len(result["groups"]) > 10_000
    report(stack, "100,000 x 100,000, five tiny blocks a record", seconds, run_id, result)


def signatures(encodings):
    """Name blocks by parts of the encodings: alike records share some of them."""
    parts = np.ascontiguousarray(encodings[:, :20].reshape(len(encodings), 5, 4)).view(np.uint32)[:, :, 0]
    return [[f"{place}:{part:x}" for place, part in enumerate(row)] for row in parts.tolist()]
