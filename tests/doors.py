"""Send the same data by every way that can carry it, its JSON written in any way that JSON allows.

A case is a list of encodings, as texts that should be base64, and perhaps the blocks of their records. Any of it
may be wrong.
"""

import base64
import json
import random
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from linkage.encodings.encoding_sets import BLOCKS, ENCODINGS, REPORT, ROWS
from linkage.testing.world import in_memory_world
from tests.driving import driver
from tests.streams import Drip
from tests.ways import Sending, send

ALPHABETS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
NAMES = ["encodings.json", "encodings.bin", "encodings", "encodings.JSON", "encodings.txt.gz"]


class Verbatim(str):
    """Text that is written into JSON as it is."""


class Members(list[tuple[str, Any]]):
    """The members of an object, in this order; a name may be there twice."""


@dataclass(frozen=True)
class Case:
    """Encodings and blocks, or what is in their place; and what is wrong with the JSON around them."""

    clks: list[Any]
    blocks: Any = None
    meta: Any = None
    spoil: Callable[[bytes], bytes] | None = None
    twice: bool = False


@dataclass
class Writer:
    """Writes JSON in one of the ways that there are."""

    seed: int
    alphabet: str = "utf-8"
    generator: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.generator = random.Random(self.seed)  # noqa: S311  nothing secret

    def document(self, case: Case, **members: Any) -> bytes:
        """An object with these members and others that mean nothing, in any order."""
        listed = Members(members.items())
        listed += [("other", {"clks": [None], "x": Members([("a", 1), ("a", 2)])})] * self.generator.randrange(3)
        self.generator.shuffle(listed)
        if case.twice:
            listed.append(listed[0] if listed[0][0] != "other" else next(iter(members.items())))
        text = f"{self.space()}{self.write(listed)}{self.space()}".encode(self.alphabet)
        return case.spoil(text) if case.spoil else text

    def write(self, value: Any) -> str:
        if isinstance(value, Verbatim):
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Members | dict):
            members = value if isinstance(value, Members) else value.items()
            return (
                "{"
                + self.joined(f"{self.text(k)}{self.space()}:{self.space()}{self.write(v)}" for k, v in members)
                + "}"
            )
        if isinstance(value, list | tuple):
            return "[" + self.joined(self.write(item) for item in value) + "]"
        return json.dumps(value)

    def joined(self, parts: Any) -> str:
        return ",".join(f"{self.space()}{part}{self.space()}" for part in parts) or self.space()

    def space(self) -> str:
        return "".join(self.generator.choices(" \t\r\n", k=self.generator.choice([0, 0, 0, 0, 1, 3])))

    def text(self, text: str) -> str:
        as_ascii = any("\ud800" <= character <= "\udfff" for character in text) or self.generator.random() < 0.5
        return '"' + "".join(self.character(character, as_ascii=as_ascii) for character in text) + '"'

    def character(self, character: str, *, as_ascii: bool) -> str:
        if character == "/" and self.generator.random() < 0.5:
            return r"\/"
        if character.isascii() and character.isalnum() and self.generator.random() < 0.05:
            return f"\\u{ord(character):04x}"
        return json.dumps(character, ensure_ascii=as_ascii)[1:-1]


def raw_of(clks: list[Any]) -> bytes | None:
    """The encodings' raw bytes, if these texts are encodings of one size."""
    try:
        raws = [base64.b64decode("".join(text.split()), validate=True) for text in clks]
    except (ValueError, AttributeError):
        return None
    return b"".join(raws) if len({len(raw) for raw in raws}) == 1 and raws[0] else None


def size_of(clks: list[Any]) -> int:
    """The size that the released client announces: that of the first encoding."""
    try:
        return len(base64.b64decode(clks[0]))
    except (ValueError, TypeError, IndexError):
        return 16


def doors(case: Case, writer: Writer) -> dict[str, Sending]:
    """What is sent by each way that can carry the case."""
    name = writer.generator.choice(NAMES)
    meta = {} if case.meta is None else {"meta": case.meta}
    extra = {} if case.blocks is None else {"blocks": case.blocks} | meta
    ways = {member: Sending(writer.document(case, **{member: case.clks}, **extra)) for member in ("clks", "encodings")}
    blocks_file = {} if case.blocks is None else {"blocks.json": writer.document(case, **extra)}
    ways["json file"] = Sending(files={name: writer.document(case, clks=case.clks)} | blocks_file)
    raw = raw_of(case.clks)
    if raw is not None and (case.blocks is not None or not (case.spoil or case.twice)):
        ways["raw file"] = Sending(files={name: raw} | blocks_file)
        if case.blocks is None:
            headers = {"Hash-Count": str(len(case.clks)), "Hash-Size": str(size_of(case.clks))}
            ways["binaryclks"] = Sending(raw, "binaryclks", {"Content-Type": "application/octet-stream"} | headers)
    if as_records := _as_records(case):
        ways["clknblocks"] = Sending(writer.document(case, clknblocks=as_records, **meta))
    return ways


def _as_records(case: Case) -> list[Any]:
    """Each record with its block ids; none where only a map can say it."""
    count, blocks = len(case.clks), case.blocks
    is_map = isinstance(blocks, dict) and blocks
    if not is_map or not all(key in map(str, range(count)) and isinstance(ids, list) for key, ids in blocks.items()):
        return []
    return [[text, *blocks.get(str(index), [])] for index, text in enumerate(case.clks)]


def drip(objects: Any, most: int) -> None:
    """Have the store give few bytes at a time."""
    original = objects.open

    @contextmanager
    def open_dripping(file: Any) -> Any:
        with original(file) as stream:
            yield Drip(stream.read(), most)

    objects.open = open_dripping


def outcome(sent: Sending, case: Case, most: int) -> tuple[Any, str]:
    """The objects of the encoding set, or None; and the reason of the refusal."""
    world: Any = in_memory_world()
    service = driver(world)
    drip(world.objects, most)
    project = service.create_project(uses_blocking=case.blocks is not None)
    answer = send(service, project, 0, sent, len(case.clks), size_of(case.clks))
    if answer.status != 201:
        assert answer.status == 400, answer.body
        assert world.uploads.tables.uploads == {}
        return None, answer.json["detail"]
    service.deliver_all()
    (upload,) = world.uploads.tables.uploads.values()
    stored = world.objects.stored
    sets = {key.rpartition("/")[2]: body for (bucket, key), (body, _) in stored.items() if bucket == "store"}
    if upload.state == "error":
        assert sets == {}
        return None, str(upload.message)
    assert set(sets) == {ENCODINGS, ROWS, BLOCKS, REPORT}
    return sets, ""


def check_alike(case: Case, writer: Writer, most: int = 2**20) -> tuple[Any, dict[str, str]]:
    """The one outcome by all ways, and the reasons of the refusals by their ways."""
    outcomes = {way: outcome(sent, case, most) for way, sent in doors(case, writer).items()}
    sets = [found for found, _ in outcomes.values()]
    reasons = {way: reason for way, (_, reason) in outcomes.items()}
    assert all(found == sets[0] for found in sets), reasons
    assert all(reasons.values()) or not any(reasons.values())
    return sets[0], reasons
