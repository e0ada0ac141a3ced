"""The linkage of the demo, step by step, as its two parties and its analyst do it."""

from collections.abc import Sequence
from pathlib import Path

from infra.local.demo.client import AnonlinkClient
from infra.local.demo.febrl4 import (
    LINKAGE_SCHEMA,
    read_record_ids,
    true_links,
    write_party_files,
)
from infra.local.demo.reference import link_locally
from infra.local.demo.steps import Steps
from infra.local.demo.verdict import (
    Groups,
    as_groups,
    describe_difference,
    describe_figures,
    judge,
)

# Real parties choose a secret at random and tell nobody. These people are made up, and
# the figures of the demo should be the same everywhere.
_SECRET = "demonstration"  # noqa: S105


def demonstrate(client: AnonlinkClient, folder: Path, threshold: float, steps: Steps) -> bool:
    """Link FEBRL4 through the server, and tell whether the result is as promised.

    The files on the way are left in ``folder`` to be looked at.
    """
    with steps.step("read FEBRL4, 5,000 + 5,000 records"):
        parties = write_party_files(folder)
        truth = true_links(*map(read_record_ids, parties))
    with steps.step("encode them: anonlink hash"):
        encodings = [_encode(client, records) for records in parties]
    groups = link(client, encodings, threshold, steps)
    with steps.step("link the same with anonlink alone, for comparison"):
        local_groups = link_locally(encodings, threshold)
    verdict = judge(groups, truth)
    steps.say("\n" + describe_figures(verdict, threshold))
    steps.say(describe_difference(groups, local_groups))
    return groups == local_groups and verdict.keeps_promise(threshold)


def link(client: AnonlinkClient, encodings: Sequence[Path], threshold: float, steps: Steps) -> Groups:
    """Have the server group the records of the parties' files.

    Nothing is left on the server, unless it failed: then there is something to look at.
    """
    with steps.step("ask the server: anonlink status"):
        client.status()
    with steps.step("create-project --type groups"):
        project = client.create_project(LINKAGE_SCHEMA, parties=len(encodings))
    project_id, result_token = project["project_id"], project["result_token"]
    for token, file in zip(project["update_tokens"], encodings, strict=True):
        with steps.step(f"upload {file.name} to the object store"):
            client.upload(project_id, token, file)
    with steps.step(f"create --threshold {threshold:g}"):
        run = client.create_run(project_id, result_token, threshold)
    with steps.step("results --watch: compare, solve, download"):
        result = client.results(project_id, result_token, run["run_id"])
    with steps.step("delete-project"):
        client.delete_project(project_id, result_token)
    return as_groups(result["groups"])


def _encode(client: AnonlinkClient, records: Path) -> Path:
    encodings = records.with_suffix(".json")
    client.encode(records, _SECRET, LINKAGE_SCHEMA, encodings)
    return encodings
