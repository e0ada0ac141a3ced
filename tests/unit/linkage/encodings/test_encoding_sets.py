"""An encoding set holds every membership once, sorted, with the position of every block."""

import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.encodings.block_files import block_key, dump_block_file, order_by_record, read_block_file
from linkage.encodings.block_tables import BLOCK, WHOLE_DATASET, dump_blocks, load_blocks, shared_blocks
from linkage.encodings.encoding_sets import Memberships, dump_report, popcounts, sort_encodings
from linkage.encodings.wire import MEMBERSHIP_COST, RECORD_COST
from linkage.errors import UploadRejected

MANY = 1000
SLICES = 3 * 8 * 2**20
"""The memory of the slices in work at a time, independent of the upload's size."""


def read_blocks(text, count, most_rows=MANY):
    keys, records = read_block_file(io.BytesIO(text), count, most_rows=most_rows)
    return Memberships(np.frombuffer(keys, dtype="S16"), np.frombuffer(records, dtype=np.uint32))


def array_of(records):
    return np.frombuffer(b"".join(records), dtype=np.uint8).reshape(len(records), -1)


def check_order(encodings, encoding_set):
    """Check that rows are their records' encodings, and that blocks are sorted, contiguous, and describe their rows."""
    stored = np.concatenate([np.empty((0, encodings.shape[1]), np.uint8), *encoding_set.sorted_encodings()])
    assert (stored == encodings[encoding_set.rows]).all()
    table = load_blocks(dump_blocks(encoding_set.blocks))
    keys = [key.ljust(16, b"\0") for key in table["key"].tolist()]
    assert keys == sorted(set(keys))
    counts = popcounts(stored)
    row = 0
    for block in table:
        rows = slice(row, row + int(block["row_count"]))
        order = list(zip(counts[rows].tolist(), encoding_set.rows[rows].tolist(), strict=True))
        assert order == sorted(order)
        assert block["first_row"] == row
        assert (block["smallest_popcount"], block["largest_popcount"]) == (order[0][0], order[-1][0])
        row = rows.stop
    assert row == len(encoding_set.rows)
    return keys


RECORDS = st.lists(st.binary(min_size=16, max_size=16), min_size=1, max_size=30)


@given(records=RECORDS)
def test_without_blocks_every_record_is_in_the_one_block(records):
    encodings = array_of(records)
    encoding_set = sort_encodings(encodings)

    assert check_order(encodings, encoding_set) == [WHOLE_DATASET]
    assert sorted(encoding_set.rows) == list(range(len(records)))


@given(data=st.data(), records=RECORDS)
def test_a_record_has_one_row_in_each_of_its_blocks(data, records):
    ids = st.lists(st.sampled_from(["a", "b", 1, "1", "", "a" * 50, "é", -3]), max_size=6)
    blocks = data.draw(st.lists(ids, min_size=len(records), max_size=len(records)))
    encodings = array_of(records)
    encoding_set = sort_encodings(encodings, read_blocks(dump_block_file(blocks), len(records)))

    check_order(encodings, encoding_set)
    members = {(block_key(block_id), record) for record, ids in enumerate(blocks) for block_id in ids}
    rows = [
        (block["key"].ljust(16, b"\0"), int(record))
        for block in encoding_set.blocks
        for record in encoding_set.rows[block["first_row"] : block["first_row"] + block["row_count"]]
    ]
    assert len(rows) == len(set(rows))
    assert set(rows) == members
    assert encoding_set.report() == {
        "records": len(records),
        "rows": len(members),
        "blocks": len({key for key, _ in members}),
        "encoding_size": 16,
        "records_in_no_block": sum(not ids for ids in blocks),
    }
    assert json.loads(dump_report(encoding_set)) == encoding_set.report()


@given(records=RECORDS, seed=st.integers(0, 100))
def test_the_order_of_the_file_does_not_matter(records, seed):
    members = [(str(index), [f"block {index % 3}", "all"]) for index in range(len(records))]
    in_order = json.dumps({"blocks": dict(members)}).encode()
    members = [members[place] for place in np.random.default_rng(seed).permutation(len(members))]
    shuffled = json.dumps({"meta": {"blocks": {"0": []}}, "blocks": dict(members), "other": [1]}).encode()
    one, other = (sort_encodings(array_of(records), read_blocks(text, len(records))) for text in (in_order, shuffled))

    assert (one.rows == other.rows).all()
    assert dump_blocks(one.blocks) == dump_blocks(other.blocks)


def test_large_sets_are_worked_on_in_slices():
    encodings = np.random.default_rng(1).integers(0, 256, (40_000, 512), dtype=np.uint8)
    encoding_set = sort_encodings(encodings)

    assert len(list(encoding_set.sorted_encodings())) > 1
    check_order(encodings, encoding_set)
    assert (popcounts(encodings) == np.bitwise_count(encodings).sum(axis=1)).all()


def test_the_fullest_encoding_there_may_be_is_counted_right():
    assert popcounts(np.full((1, 4096), 255, dtype=np.uint8)).tolist() == [32_768]


@pytest.mark.parametrize("block_id", ["", "1", "x" * 1000, "é", "\ud800"])
def test_a_key_has_sixteen_bytes_and_is_that_of_the_text(block_id):
    assert len(block_key(block_id)) == 16
    assert block_key(block_id) != WHOLE_DATASET


def test_ids_are_compared_as_text():
    assert block_key(1) == block_key("1")
    assert block_key(1.5) == block_key("1.5")
    assert block_key("a") != block_key("A")
    memberships = read_blocks(b'{"blocks": {"0": ["1", 1, "1.5", -7, 123456789012345678901234567890]}}', 1)
    texts = ("1", "1", "1.5", "-7", "123456789012345678901234567890")
    assert memberships.keys.tolist() == [block_key(text) for text in texts]


@pytest.mark.parametrize("value", ["1.5", "1.0", "1e3", "true", "null", "[]", "{}"])
def test_values_that_are_no_text_and_no_whole_number_are_no_block_ids(value):
    with pytest.raises(
        UploadRejected, match=r"a block id of record 0 is (neither a text nor a number|a number that is not whole)"
    ):
        read_blocks(f'{{"blocks": {{"0": ["a", {value}]}}}}'.encode(), 1)


@given(left=st.sets(st.integers(0, 30)), right=st.sets(st.integers(0, 30)))
def test_shared_blocks_are_those_of_both(left, right):
    tables = [np.zeros(len(ids), dtype=BLOCK) for ids in (left, right)]
    for table, ids in zip(tables, (left, right), strict=True):
        table["key"] = sorted(block_key(block_id) if block_id else WHOLE_DATASET for block_id in ids)

    in_left, in_right = shared_blocks(*tables)

    assert len(in_left) == len(left & right)
    assert tables[0]["key"][in_left].tolist() == tables[1]["key"][in_right].tolist()
    assert sorted(in_left) == list(in_left)


WRONG_FILES = {
    "no json": (b"nonsense", "not valid JSON"),
    "no blocks": (b'{"other": {"0": [], "1": []}}', "lists no record in 'blocks'"),
    "empty": (b'{"blocks": {}}', "lists no record in 'blocks'"),
    "member twice": (b'{"blocks": {"0": []}, "blocks": {"1": []}}', "has the member 'blocks' twice"),
    "half a character": (b'{"blocks": {"0": ["\\ud800"]}}', "a block id of record 0 holds a lone surrogate"),
    "for others": (b'{"blocks": {"0": []}, "meta": {"source": {"clk_count": [3]}}}', "were made for 3 encodings"),
    "for others, first": (b'{"meta": {"source": {"clk_count": 3}}, "blocks": {"0": []}}', "there are 2"),
    "compressed": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", "is compressed (gzip): decompress it"),
    "a list": (b'{"blocks": [["a"], ["b"]]}', "not a map from record index to block ids"),
    "a text": (b'{"blocks": "a"}', "not a map from record index to block ids"),
    "too many": (b'{"blocks": {"0": [], "1": [], "2": []}}', "'2' is not the index of a record"),
    "twice": (b'{"blocks": {"0": [], "0": []}}', "lists record 0 twice"),
    "with zeros": (b'{"blocks": {"0": [], "01": []}}', "'01' is not the index of a record"),
    "no number": (b'{"blocks": {"a": []}}', "'a' is not the index of a record"),
    "an identifier": (b'{"blocks": {"Mary Smith": []}}', "a key of 10 characters is not the index of a record"),
    "negative": (b'{"blocks": {"-1": []}}', "is not the index of a record"),
    "another alphabet": ('{"blocks": {"²": []}}'.encode(), "is not the index of a record"),
    "long": (b'{"blocks": {"' + b"9" * 5000 + b'": []}}', "is not the index of a record"),
    "no list of ids": (b'{"blocks": {"0": "a", "1": []}}', "the blocks of record 0 are not an array of block ids"),
    "nested ids": (b'{"blocks": {"0": [["a"]], "1": []}}', "neither a text nor a number"),
    "ids in a map": (b'{"blocks": {"0": [{}], "1": []}}', "neither a text nor a number"),
    "cut off": (b'{"blocks": {"0": ["a"], "1": ["b"', "not valid JSON"),
    "too many ids": (b'{"blocks": {"0": ' + json.dumps(["a"] * 1001).encode() + b"}}", "more than 1000 block ids"),
}


@pytest.mark.parametrize("wrong", WRONG_FILES)
def test_a_wrong_blocks_file_is_refused_with_the_reason(wrong):
    text, reason = WRONG_FILES[wrong]
    with pytest.raises(UploadRejected) as refusal:
        read_blocks(text, 2)
    assert reason in str(refusal.value)


def test_a_map_of_blocks_is_put_in_the_order_of_the_records():
    assert order_by_record({"2": ["a"], "0": ["b", "c"]}, 3) == [["b", "c"], (), ["a"]]


@pytest.mark.parametrize("key", ["3", "-1", "x", "", "1.0", " 1", "²", "9" * 5000])
def test_a_map_that_names_no_record_is_refused(key):
    with pytest.raises(UploadRejected, match="is not the index of a record in 'blocks': there are 3 encodings"):
        order_by_record({key: ["a"]}, 3)


MEASURE = """
import sys
import numpy as np
from linkage.encodings.encoding_sets import Memberships, sort_encodings

def peak_bytes():
    (peak,) = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
    return int(peak) * 1024

records, memberships = map(int, sys.argv[1:])
generator = np.random.default_rng(1)
encodings = generator.integers(0, 256, (records, 8), dtype=np.uint8)
keys = np.frombuffer(generator.integers(0, 256, 16 * memberships, dtype=np.uint8), dtype="S16")
found = Memberships(keys, generator.integers(0, records, memberships, dtype=np.uint32)) if memberships else None
sort_encodings(encodings[:1000])
before = peak_bytes() - 20 * memberships
sorted_set = sort_encodings(encodings, found)
sum(len(part) for part in sorted_set.sorted_encodings())
print(peak_bytes() - before)
"""


@pytest.mark.parametrize(("records", "memberships"), [(4_000_000, 0), (1_000_000, 2_000_000)])
def test_sorting_takes_no_more_memory_than_an_upload_is_admitted_with(records, memberships):
    command = [sys.executable, "-c", MEASURE, str(records), str(memberships)]
    paths = os.environ | {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(command, check=True, capture_output=True, env=paths)

    assert int(done.stdout) <= RECORD_COST * records + MEMBERSHIP_COST * memberships + SLICES
