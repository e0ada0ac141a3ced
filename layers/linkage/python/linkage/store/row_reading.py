"""Read rows of encoding sets: one contiguous range of each of a set's two objects."""

from linkage.encodings.encoding_sets import ENCODINGS, RECORD_INDEX, ROWS, Encodings, Rows, load_encodings, load_rows
from linkage.ports import World


def read_encodings(prefix: str, encoding_size: int, start: int, stop: int, world: World) -> Encodings:
    """Return the encodings of the rows from ``start`` up to, not including, ``stop``."""
    bucket = world.settings.store_bucket
    return load_encodings(
        world.objects.get_fixed(bucket, prefix + ENCODINGS, start * encoding_size, stop * encoding_size), encoding_size
    )


def read_record_indices(prefix: str, start: int, stop: int, world: World) -> Rows:
    """Return the record index of each of the rows."""
    bucket, size = world.settings.store_bucket, RECORD_INDEX.itemsize
    return load_rows(world.objects.get_fixed(bucket, prefix + ROWS, start * size, stop * size))
