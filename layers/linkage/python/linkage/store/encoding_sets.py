"""Stored encoding sets: intake writes them whole, the plan and compare workers read ranges of rows."""

import json
from dataclasses import dataclass, field
from typing import Self

from linkage.encodings.block_tables import BlockTable, dump_blocks, load_blocks
from linkage.encodings.encoding_sets import (
    BLOCKS,
    ENCODINGS,
    RECORD_INDEX,
    REPORT,
    ROWS,
    Encodings,
    EncodingSet,
    Rows,
    dump_report,
    load_encodings,
    load_rows,
)
from linkage.ports import World
from linkage.store import object_keys
from linkage.store.removal import remove_prefix


@dataclass(frozen=True, slots=True)
class EncodingSetStore:
    """The objects of one encoding set. A plan names it by its prefix."""

    prefix: str
    world: World = field(repr=False)

    @classmethod
    def of(cls, project_id: str, party_id: str, upload_id: str, world: World) -> Self:
        """Return the encoding set of an upload."""
        return cls(object_keys.encoding_set(project_id, party_id, upload_id), world)

    def write(self, encoding_set: EncodingSet) -> None:
        """Store the set, in bounded memory."""
        objects = self.world.objects
        with objects.writer(self._bucket, self.prefix + ENCODINGS) as writer:
            for encodings in encoding_set.sorted_encodings():
                writer.write(encodings.data)
        with objects.writer(self._bucket, self.prefix + ROWS) as writer:
            writer.write(encoding_set.rows.data)
        with objects.writer(self._bucket, self.prefix + BLOCKS) as writer:
            writer.write(dump_blocks(encoding_set.blocks))
        objects.put(self._bucket, self.prefix + REPORT, dump_report(encoding_set))

    def read_blocks(self) -> BlockTable:
        """Return the block table."""
        return load_blocks(self._read(BLOCKS))

    def count_records(self) -> int:
        """Return the number of records, including those in no block."""
        return int(json.loads(self._read(REPORT))["records"])

    def read_encodings(self, encoding_size: int, start: int, stop: int) -> Encodings:
        """Return the encodings of the rows from ``start`` up to, not including, ``stop``."""
        raw = self.world.objects.get_cached_range(
            self._bucket, self.prefix + ENCODINGS, start * encoding_size, stop * encoding_size
        )
        return load_encodings(raw, encoding_size)

    def read_record_indices(self, start: int, stop: int) -> Rows:
        """Return the record index of each of the rows."""
        size = RECORD_INDEX.itemsize
        return load_rows(
            self.world.objects.get_cached_range(self._bucket, self.prefix + ROWS, start * size, stop * size)
        )

    def remove(self) -> None:
        """Remove the set, complete or not."""
        remove_prefix(self._bucket, self.prefix, self.world)

    def _read(self, name: str) -> bytes:
        body = self.world.objects.get(self._bucket, self.prefix + name)
        if body is None:
            raise FileNotFoundError(f"there is no {self.prefix}{name}")
        return body

    @property
    def _bucket(self) -> str:
        return self.world.settings.store_bucket
