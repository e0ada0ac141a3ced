"""Fixtures of the end-to-end tests: third-party programs that talk to the service, or make files for it."""

import csv
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.local.demo.febrl4 import LINKAGE_SCHEMA, write_party_files
from infra.local.environments import ENVIRONMENTS, make_environments

LatestClient = Callable[..., None]
ONE_IN = 40
"""One in n people of FEBRL4 is taken, the same on both sides."""
BLOCKING_SCHEMA = {
    "type": "p-sig",
    "version": 1,
    "config": {
        "blocking-features": ["surname", "postcode"],
        "filter": {"type": "ratio", "max": 0.2, "min": 0.0},
        "blocking-filter": {"type": "bloom filter", "number-hash-functions": 4, "bf-len": 2048},
        "signatureSpecs": [
            [{"type": "characters-at", "config": {"pos": ["0:3"]}, "feature": "surname"}],
            [{"type": "feature-value", "feature": "postcode"}],
        ],
    },
}


@dataclass(frozen=True)
class PartyFiles:
    """A party's records, and the files that the latest client made of them."""

    records: Path
    encodings: Path
    blocks: Path


def program(environment: str, name: str) -> Path:
    """Return a program of an environment; make the environment first if it is missing."""
    make_environments((environment,))
    return ENVIRONMENTS / environment / "bin" / name


@pytest.fixture(scope="session")
def latest_client() -> LatestClient:
    """A function that runs the latest client; it encodes and blocks, and does not talk to a server."""
    anonlink = program("client-0.1.9", "anonlink")

    def run(*arguments: object) -> None:
        quiet = os.environ | {"PYTHONWARNINGS": "ignore::UserWarning"}
        done = subprocess.run([anonlink, *map(str, arguments)], capture_output=True, text=True, env=quiet, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    return run


@pytest.fixture(scope="session")
def parties(tmp_path_factory: pytest.TempPathFactory, latest_client: LatestClient) -> list[PartyFiles]:
    """Two parties with some records of the same people, and the files that the latest client makes of them."""
    folder = tmp_path_factory.mktemp("parties")
    blocking_schema = folder / "blocking-schema.json"
    blocking_schema.write_text(json.dumps(BLOCKING_SCHEMA))
    made = []
    for records in write_party_files(folder):
        keep_some(records)
        files = PartyFiles(records, records.with_suffix(".json"), records.with_suffix(".blocks.json"))
        latest_client("encode", files.records, "a secret", LINKAGE_SCHEMA, files.encodings)
        latest_client("block", files.records, blocking_schema, files.blocks)
        made.append(files)
    return made


def keep_some(records: Path) -> None:
    with records.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with records.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(row for row in rows if int(row["rec_id"].split("-")[1]) % ONE_IN == 0)
