"""A result above what a function can answer is read from the object store: what real programs make of the redirect.

S3 refuses a presigned URL with an Authorization header beside it, so programs that keep the header over a redirect do
not get the result, and each has a way of its own not to keep it (`docs/compatibility.md`).
"""

import os
import shutil
import subprocess
import urllib.error
import urllib.request

import numpy as np
import pytest
import requests

from infra.local.stack import LOCALSTACK
from tests.e2e.client import Client

SIDE = 450
PROXYLESS = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


class Result:
    """A large result, and the token that reads it."""

    def __init__(self, url, token):
        self.url, self.token = url, token
        self.header = f"Authorization: {token}"

    def is_whole(self, body):
        return len(body) > 4 * 2**20 and body.startswith(b'{"similarity_scores"') and body.count(b"1.0]") == SIDE**2


@pytest.fixture(scope="module")
def result(stack):
    """Every record is like every other: 450 x 450 scores are more than 4 MiB."""
    client = Client(stack.server_url)
    project = client.create_project(result_type="similarity_scores")
    for party in range(2):
        assert client.post_encodings(project, party, np.full((SIDE, 8), 255, dtype=np.uint8)).status_code == 201
    run_id = client.post_run(project)
    assert client.watch(project, run_id)[-1]["state"] == "completed"
    path = client.path(project, "runs", run_id, "result")
    return Result(f"{stack.server_url}/api/v1{path}", project["result_token"])


def run(program, *arguments):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    return subprocess.run([program, *arguments], capture_output=True, check=False, timeout=60, env=PROXYLESS)


def opened(request):
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60)


def test_the_address_stands_in_the_answer(result):
    answer = requests.get(result.url, headers={"Authorization": result.token}, allow_redirects=False, timeout=60)

    assert answer.status_code == 307
    assert result.is_whole(requests.get(answer.headers["Location"], timeout=60).content)


def test_requests_drops_the_token(result):
    answer = requests.get(result.url, headers={"Authorization": result.token}, timeout=60)

    assert len(answer.history) == 1
    assert result.is_whole(answer.content)


def test_curl_drops_the_token_if_it_is_not_told_to_trust(result):
    assert result.is_whole(run("curl", "--silent", "--location", "--header", result.header, result.url).stdout)

    trusting = run("curl", "--silent", "--location-trusted", "--header", result.header, result.url).stdout
    assert not result.is_whole(trusting)


def test_curl_tells_the_address_of_the_result(result):
    told = run(
        "curl",
        "--silent",
        "--output",
        os.devnull,
        "--write-out",
        "%{redirect_url}",
        "--header",
        result.header,
        result.url,
    )

    assert result.is_whole(run("curl", "--silent", told.stdout.decode()).stdout)


def test_wget_tells_the_address_of_the_result(result):
    told = run(
        "wget", "--server-response", "--max-redirect=0", "--output-document=-", f"--header={result.header}", result.url
    )
    (address,) = {line.split()[1] for line in told.stderr.decode().splitlines() if line.startswith("  Location: ")}

    assert result.is_whole(run("wget", "--quiet", "--output-document=-", address).stdout)


def test_urllib_is_told_not_to_send_the_token_again(result):
    request = urllib.request.Request(result.url)
    request.add_unredirected_header("Authorization", result.token)

    with opened(request) as answer:
        assert result.is_whole(answer.read())


def test_whoever_sends_the_token_again_is_refused(result, stack):
    if stack.object_store != LOCALSTACK:
        pytest.skip("MinIO ignores the header")

    with pytest.raises(urllib.error.HTTPError) as refused:
        opened(urllib.request.Request(result.url, headers={"Authorization": result.token}))

    assert refused.value.code == 400
    assert b"Only one auth mechanism allowed" in refused.value.read()
    kept = run("wget", "--content-on-error", "--quiet", "--output-document=-", f"--header={result.header}", result.url)
    assert not result.is_whole(kept.stdout)
