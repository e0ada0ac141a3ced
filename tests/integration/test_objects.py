"""Objects of many parts, on the object store of the stack."""

import numpy as np
import pytest

from linkage.adapters.multipart import PART_BYTES

KEY = "projects/p/q/r/encodings.bin"


@pytest.fixture
def objects(make_world):
    return make_world().objects


@pytest.fixture
def body():
    return np.random.default_rng(1).integers(0, 256, 2 * PART_BYTES + 1000, dtype=np.uint8)


def test_an_object_of_many_parts_is_whole(objects, body):
    with objects.writer("promises-store", KEY) as writer:
        for start in range(0, len(body), PART_BYTES // 3):
            writer.write(body[start : start + PART_BYTES // 3].data)

    assert objects.get("promises-store", KEY) == body.tobytes()
    assert objects.abort_multipart_uploads("promises-store", "projects/") == 0


def write_half(objects, body):
    with objects.writer("promises-store", KEY) as writer:
        writer.write(body.data)
        raise ZeroDivisionError


def test_an_object_that_is_given_up_leaves_no_part(objects, body):
    with pytest.raises(ZeroDivisionError):
        write_half(objects, body)

    assert objects.get("promises-store", KEY) is None
    assert objects.abort_multipart_uploads("promises-store", "projects/") == 0
