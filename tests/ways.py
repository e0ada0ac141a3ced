"""Every way in which a party can upload, as bytes that any client can send.

Blocks are a list of block ids for each record; None is no blocking.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.driving import Answer, Driver, Encodings, texts

Blocks = Sequence[Sequence[Any]]
SEED = 5
UNDESCRIBED = ("blocks.json", "upload-test")
"""Files whose metadata say nothing of encodings."""

WITHOUT_BLOCKS = ("clks", "encodings", "binaryclks", "json file", "binary file")
WITH_BLOCKS = ("clknblocks", "encodings and blocks", "json file and blocks", "binary file and blocks")


@dataclass(frozen=True)
class Sending:
    """A request or, if there are files, these files to be put and announced."""

    body: bytes = b""
    route: str = "clks"
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    files: dict[str, bytes] = field(default_factory=dict)


def as_map(blocks: Blocks) -> dict[str, list[str]]:
    """Blocks by record index, in no particular order; a record in no block may be listed or not."""
    order = np.random.default_rng(SEED).permutation(len(blocks))
    return {str(index): [str(block_id) for block_id in blocks[index]] for index in order}


def blocks_file(blocks: Blocks) -> bytes:
    """A file as the released client's `block` command makes it."""
    return json.dumps({"meta": {"source": {"clk_count": [len(blocks)]}}, "blocks": as_map(blocks)}).encode()


def sending(way: str, encodings: Encodings, blocks: Blocks | None = None) -> Sending:
    """Return the request or the files for a way."""
    clks = texts(encodings)
    if "file" in way:
        name, body = ("encodings.json", as_json(clks=clks)) if "json" in way else ("encodings.bin", encodings.tobytes())
        return Sending(files={name: body} | ({} if blocks is None else {"blocks.json": blocks_file(blocks)}))
    if way == "binaryclks":
        count, size = encodings.shape
        headers = {
            "Content-Type": "application/octet-stream",
            "Hash-Count": str(count),
            "Hash-Size": str(size),
        }
        return Sending(encodings.tobytes(), "binaryclks", headers)
    if way == "clknblocks":
        return Sending(as_json(clknblocks=[[clk, *ids] for clk, ids in zip(clks, blocks or [], strict=True)]))
    if way == "encodings and blocks":
        return Sending(as_json(encodings=clks, blocks={key: ids for key, ids in as_map(blocks or []).items() if ids}))
    return Sending(as_json(**{way: clks}))


def as_json(**members: Any) -> bytes:
    return json.dumps(members).encode()


def announcement(bucket: str, path: str, names: Sequence[str]) -> bytes:
    """Return the body that announces files: the encodings, then their blocks."""
    files = [{"file": {"bucket": bucket, "path": f"{path}/{name}"}} for name in names]
    return as_json(**dict(zip(("encodings", "blocks"), files, strict=False)))


def upload(
    service: Driver, project: dict[str, Any], party: int, way: str, encodings: Encodings, blocks: Blocks | None = None
) -> Answer:
    """Upload in one of the ways through the real routes."""
    return send(service, project, party, sending(way, encodings, blocks), *encodings.shape)


def send(service: Driver, project: dict[str, Any], party: int, sent: Sending, count: int, size: int) -> Answer:
    """Send a request, or put files and announce them."""
    path, token = f"/projects/{project['project_id']}", project["update_tokens"][party]
    body = sent.body
    if sent.files:
        place = service.request("GET", f"{path}/authorize-external-upload", token=token).json["upload"]
        metadata = {"hash-count": str(count), "hash-size": str(size)}
        for name, content in sent.files.items():
            described = {} if name in UNDESCRIBED else metadata
            service.put_upload(place["bucket"], f"{place['path']}/{name}", content, described)
        body = announcement(place["bucket"], place["path"], list(sent.files))
    return service.request("POST", f"{path}/{sent.route}", token=token, body=body, **sent.headers)
