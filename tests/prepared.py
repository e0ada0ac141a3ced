"""A run in a world, its data sets taken in already: for tests that begin with the plan and need no upload."""

from collections.abc import Sequence

import numpy as np

from linkage.encodings.block_files import block_key
from linkage.encodings.block_tables import BLOCK
from linkage.encodings.encoding_sets import Memberships, sort_encodings
from linkage.messages import PlanRun
from linkage.models import (
    FileFormat,
    Manifest,
    Party,
    Project,
    ResultType,
    Run,
    RunState,
    StoredFile,
    Upload,
    UploadState,
)
from linkage.planning import plan_run
from linkage.plans.plan import Plan
from linkage.ports import World
from linkage.store.encoding_sets import EncodingSetStore
from linkage.store.runs import RunStore
from tests.driving import Encodings

PROJECT, RUN = "p" * 48, "r" * 48


def plan_of(
    world: World, datasets: Sequence[Encodings], threshold: float, blocks: Sequence[Sequence[object]] | None = None
) -> Plan:
    """Plan a run of the data sets; ``blocks`` has a block id for each record of each data set."""
    now, size = world.now(), datasets[0].shape[1]
    project = Project(PROJECT, b"", "{}", ResultType.GROUPS, len(datasets), "", "", blocks is not None, now, size)
    parties = [Party(f"{index:048x}", PROJECT, index, bytes([index])) for index in range(len(datasets))]
    world.projects.create(project, parties)
    for index, (party, encodings) in enumerate(zip(parties, datasets, strict=True)):
        _take_in(world, party, encodings, None if blocks is None else blocks[index])
    world.runs.create(Run(RUN, PROJECT, threshold, "", "", RunState.CREATED, now))
    plan_run(PlanRun(project_id=PROJECT, run_id=RUN), world)
    plan = RunStore(PROJECT, RUN, world).read_plan()
    assert plan is not None
    return plan


def _take_in(world: World, party: Party, encodings: Encodings, blocks: Sequence[object] | None) -> None:
    upload_id = party.party_id
    stored = EncodingSetStore.of(PROJECT, party.party_id, upload_id, world)
    memberships = None
    if blocks is not None:
        keys = np.array([block_key(block) for block in blocks], dtype=BLOCK["key"])
        memberships = Memberships(keys, np.arange(len(keys), dtype=np.uint32))
    stored.write(sort_encodings(encodings, memberships))
    raw = StoredFile(bucket=world.settings.uploads_bucket, key="taken in", etag="", size_bytes=encodings.nbytes)
    manifest = Manifest(
        project_id=PROJECT,
        party_id=party.party_id,
        upload_id=upload_id,
        encodings=raw,
        format=FileFormat.BINARY,
        encoding_count=len(encodings),
        encoding_size=encodings.shape[1],
    )
    now = world.now()
    world.uploads.begin(Upload(upload_id, PROJECT, party.party_id, b"", manifest, UploadState.RECEIVED, now))
    world.uploads.finish(upload_id, encoding_size=manifest.encoding_size, expected_size=None, now=now)
