"""A pair of records is compared once for each block that both are in."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from linkage.encodings.encoding_sets import Memberships, sort_encodings
from linkage.plans.repeats import count_shared_blocks

records = st.lists(st.sets(st.integers(0, 12), max_size=6), min_size=1, max_size=12)


def encoding_set(blocks):
    held = [(record, block) for record, ids in enumerate(blocks) for block in ids]
    keys = np.array([b"%016d" % block for _, block in held], dtype="S16")
    numbers = np.array([record for record, _ in held], dtype=np.uint32)
    return sort_encodings(np.ones((len(blocks), 8), dtype=np.uint8), Memberships(keys, numbers))


@given(left=records, right=records)
def test_shared_blocks_are_counted(left, right):
    sets = [encoding_set(blocks) for blocks in (left, right)]
    pairs = [(one, other) for one in range(len(left)) for other in range(len(right)) if left[one] and right[other]]
    columns = [np.array([pair[side] for pair in pairs], dtype=np.uint32) for side in (0, 1)]

    told = count_shared_blocks([each.blocks for each in sets], [each.rows for each in sets], columns)

    assert told.tolist() == [len(left[one] & right[other]) for one, other in pairs]
