"""Time and memory of the deployed intake for a million records of 128 bytes, reading and writing included.

Figures are those that the function itself reports, as on AWS.
"""

import io
import json
import re

import boto3
import numpy as np
import pytest

from linkage.encodings.encoding_sets import REPORT
from tests.driving import texts
from tests.e2e.client import Client, object_store
from tests.ways import announcement

pytestmark = pytest.mark.benchmark
SEED, RECORDS, SIZE, BLOCKS_A_RECORD = 20_250_101, 1_000_000, 128, 5
REPORTED = re.compile(r"\tDuration: ([0-9.]+) ms.*\tMax Memory Used: ([0-9]+) MB")


@pytest.fixture(scope="module")
def encodings():
    return np.random.default_rng(SEED).integers(0, 256, (RECORDS, SIZE), dtype=np.uint8)


def binary(encodings):
    return {"encodings.bin": encodings.tobytes()}


def as_json(encodings):
    return {"encodings.json": json.dumps({"clks": texts(encodings)}).encode()}


def blocked(encodings):
    """Blocks as P-Sig makes them: most are tiny, and the records come in no order."""
    generator = np.random.default_rng(SEED)
    ids = generator.integers(0, RECORDS // 3, (len(encodings), BLOCKS_A_RECORD)).tolist()
    order = generator.permutation(len(encodings)).tolist()
    blocks = {str(record): [f"{n}_{block}" for n, block in enumerate(ids[record])] for record in order}
    return as_json(encodings) | {"blocks.json": json.dumps({"blocks": blocks}).encode()}


@pytest.mark.parametrize("make", [binary, as_json, blocked])
def test_intake_of_a_million_records(benchmark, stack, encodings, make):
    client, files = Client(stack.server_url), make(encodings)
    uses_blocking = "blocks.json" in files
    project = client.create_project(uses_blocking=uses_blocking)
    permit = client.permit(project, 0)
    place, store = permit["upload"], object_store(permit)
    metadata = {"hash-count": str(RECORDS), "hash-size": str(SIZE)}
    for name, body in files.items():
        key = f"{place['path']}/{name}"
        store.upload_fileobj(io.BytesIO(body), place["bucket"], key, ExtraArgs={"Metadata": metadata})
    body = announcement(place["bucket"], place["path"], list(files))
    headers, token = {"Content-Type": "application/json"}, project["update_tokens"][0]
    before = len(reports(stack))

    def take_in():
        answer = client.request("POST", client.path(project, "clks"), token=token, data=body, headers=headers)
        assert answer.status_code == 201, answer.text
        client.await_true(lambda: len(reports(stack)) > before)

    benchmark.pedantic(take_in, rounds=1)

    assert report_of(stack, project["project_id"])["rows"] == RECORDS * (BLOCKS_A_RECORD if uses_blocking else 1)
    duration_ms, memory_mb = reports(stack)[-1]
    benchmark.extra_info |= {"function_seconds": float(duration_ms) / 1000, "function_peak_mb": int(memory_mb)}


def reports(stack):
    """The reported duration and memory of each invocation of the intake."""
    logs = (stack.logs_dir / "functions").glob("*Intake*")
    return [report for log in logs for report in REPORTED.findall(log.read_text())]


def report_of(stack, project_id):
    """The report of the project's one encoding set."""
    s3 = boto3.client(
        "s3",
        endpoint_url=stack.aws_endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    bucket = stack.outputs["StoreBucket"]
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"projects/{project_id}/")["Contents"]
    (key,) = [entry["Key"] for entry in listed if entry["Key"].endswith(REPORT)]
    return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
