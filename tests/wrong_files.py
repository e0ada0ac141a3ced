"""Ways to get a wrong file linked, as a table.

Each row of the table is one way: files and their announcement, or a body, and what happens. `READ` means that the
linkage finds every group; otherwise the row has a part of the reason.
"""

import bz2
import gzip
import json
import lzma
import pickle
import tarfile
import zlib

import numpy as np

from tests.ways import blocks_file
from tests.wrong_contents import (
    ALL_IDS,
    BLOCKS,
    BLOCKS_FILE,
    CLKS,
    COUNT,
    ENCODINGS,
    ESCAPED,
    FIRST_IDS,
    HEX,
    JSON,
    LAST_ZERO,
    LATIN,
    LATIN_JSON,
    LIKE_JSON,
    LINES,
    NO_JSON,
    PICKLED,
    RAGGED,
    RAW,
    READ,
    SIZE,
    TEXT,
    TWICE_ENCODED,
    URLSAFE,
    Way,
    digits,
    in_base64,
    listing,
    multiple,
    numpy_file,
    of_sizes,
    tar,
    tolerated,
    with_blocks,
    with_meta,
    zipped,
)

WAYS = {
    # names
    "JSON without an ending": Way(READ, JSON, "encodings"),
    "JSON in capitals": Way(READ, JSON, "CLKS.JSON"),
    "JSON of another ending": Way(READ, JSON, "site1.clks"),
    "JSON with an ending of raw bytes": Way(READ, JSON, "encodings.bin"),
    "raw bytes with an ending of JSON": Way(READ, RAW, "encodings.json"),
    "JSON, announced as 8 bytes": Way(READ, JSON, "clks.bin", size=8),
    "raw bytes, announced as 8 bytes": Way(READ, RAW, size=8),
    "raw bytes that begin like JSON": Way(READ, LIKE_JSON.tobytes(), meant=LIKE_JSON),
    "raw bytes that begin like JSON, announced as 8 bytes": Way(READ, LIKE_JSON.tobytes(), size=8, meant=LIKE_JSON),
    # numbers and sizes
    "one byte too many": Way(
        "40 encodings were announced, the file has 40 of 64 bytes and 1 bytes more", RAW + b"\0", name="encodings.bin"
    ),
    "one byte too few": Way(
        "40 encodings were announced, the file has 39 of 64 bytes and 63 bytes more", RAW[:-1], name="encodings.bin"
    ),
    "one byte too many, announced as 8 bytes": Way(
        "the file has 320 of 8 bytes and 1 bytes more", RAW + b"\0", size=8, name="encodings.bin"
    ),
    "a record too many": Way("40 encodings were announced, the file has 41", RAW + RAW[:SIZE], name="encodings.bin"),
    "an old count, raw": Way("39 encodings were announced, the file has 40", RAW, count=39, name="encodings.bin"),
    "an old count, raw, announced as 8 bytes": Way(
        "39 encodings were announced, the file has 320 of 8 bytes", RAW, count=39, size=8
    ),
    "an old count, JSON": Way("39 encodings were announced, there are more", JSON, count=39),
    "a count for more, JSON": Way("41 encodings were announced, the file has 40", JSON, count=41),
    "an old count, JSON, announced as 8 bytes": Way("there are more", JSON, count=20, size=8),
    "half the size, twice the count": Way(
        "its encodings have 32 bytes, the project's 64", RAW, count=80, size=32, name="encodings.bin"
    ),
    "count and size exchanged": Way(
        "its encodings have 40 bytes, the project's 64", RAW, count=SIZE, size=COUNT, name="encodings.bin"
    ),
    "a fraction of the count, announced as 8 bytes": Way(
        "have 128 bytes, the project's 64", RAW, count=20, size=8, name="encodings.bin"
    ),
    "another size, JSON": Way("encoding 0 has 64 bytes, 128 were announced", JSON, size=128),
    "shorter ones among them": Way(RAGGED, of_sizes(*[64] * 20, *[32] * 20)),
    "shorter ones among them, announced as 8 bytes": Way(RAGGED, of_sizes(*[64] * 20, *[32] * 20), size=8),
    "longer ones among them": Way("encoding 1 has 64 bytes, encoding 0 has 32", of_sizes(32, *[64] * 39), size=32),
    "an empty one among them": Way("encoding 39 has 0 bytes", of_sizes(*[64] * 39, 0)),
    # other formats
    "gzip": Way(r"is compressed \(gzip\)", gzip.compress(JSON)),
    "gzip of raw bytes": Way(r"is compressed \(gzip\)", gzip.compress(RAW), "encodings.bin.gz"),
    "gzip of a size that could be raw bytes": Way(
        r"\(gzip\)", gzip.compress(RAW).ljust(40 * 80, b"\1"), size=8, name="encodings.bin"
    ),
    "bzip2": Way(r"is compressed \(bzip2\)", bz2.compress(JSON)),
    "xz": Way(r"is compressed \(xz\)", lzma.compress(JSON)),
    "zip": Way(r"is compressed \(zip\)", zipped(JSON)),
    "Zstandard": Way(r"is compressed \(Zstandard\)", b"\x28\xb5\x2f\xfd" + RAW[4:], name="encodings.bin"),
    "a NumPy file": Way("is a file of NumPy", numpy_file(ENCODINGS), name="encodings.bin"),
    "a NumPy file, announced as 8 bytes": Way(
        "is a file of NumPy", numpy_file(ENCODINGS[:16]), count=16, size=8, name="encodings.bin"
    ),
    "deflated": Way(NO_JSON, zlib.compress(JSON)),
    "hexadecimal digits": Way(TEXT, HEX, "encodings.bin", size=8),
    "hexadecimal digits, announced so": Way(TEXT, HEX, "encodings.bin", size=128),
    "base64 without JSON": Way(TEXT, "".join(CLKS).encode(), size=88),
    "base64 in lines": Way(NO_JSON, LINES, size=8),
    "a table": Way(TEXT, LINES.ljust(COUNT * 96), size=8),
    "base64 of base64": Way(TEXT, json.dumps({"clks": TWICE_ENCODED}).encode(), size=8),
    "a list of JSON": Way("is not a JSON object", json.dumps(CLKS).encode(), size=8),
    "a list of JSON of a size that could be raw bytes": Way("object", tolerated(json.dumps(CLKS).encode()), size=8),
    "a line of JSON for each record": Way(NO_JSON, b"\n".join(json.dumps({"clks": [clk]}).encode() for clk in CLKS)),
    "a schema": Way("'clks'", tolerated(json.dumps({"version": 3, "clkConfig": {"l": 512}}).encode()), size=8),
    "a page of HTML": Way(
        TEXT, tolerated(b"<html><body>502 Bad Gateway: the proxy could not reach it</body>" * 9), size=8
    ),
    "binary digits": Way(TEXT, digits("08b"), "encodings.bin", size=8),
    "binary digits, announced so": Way(TEXT, digits("08b"), "encodings.bin", size=512),
    "octal digits": Way(TEXT, digits("03o"), "encodings.bin", size=8),
    "decimal digits": Way(TEXT, digits("03d"), "encodings.bin", size=8),
    "a table in Latin-1": Way(TEXT, multiple(LATIN, b"\n"), "encodings.csv", size=8),
    "a table that DOS ended": Way(TEXT, LINES + b"\x1a" * (COUNT * 96 - len(LINES)), "encodings.bin", size=8),
    "base64 in fields filled up with zeros": Way(TEXT, np.array(CLKS, dtype="S96").tobytes(), size=96),
    "wide base64 in fields filled up with zeros": Way(TEXT, np.array(CLKS, dtype="U96").tobytes(), size=8),
    "UTF-16 of hexadecimal digits": Way(TEXT, HEX.decode().encode("utf-16-le"), "encodings.bin", size=8),
    "zeros before JSON": Way(TEXT, bytes(-len(JSON) % (8 * COUNT)) + JSON, size=8),
    "JSON in Latin-1": Way(TEXT, tolerated(LATIN_JSON), size=8),
    "JSON in Latin-1, announced so": Way(TEXT, LATIN_JSON.ljust(COUNT * 96), size=96),
    "a record of zeros among them": Way(READ, LAST_ZERO.tobytes(), meant=LAST_ZERO, linked=COUNT - 1),
    "a tar archive": Way(r"archive \(tar\): unpack it", tar(JSON, tarfile.GNU_FORMAT), "clks.tar", size=8),
    "a tar archive of raw bytes": Way(r"\(tar\)", tar(RAW, tarfile.USTAR_FORMAT), "clks.tar", size=256),
    "a tar archive with long names": Way(r"\(tar\)", tar(RAW, tarfile.PAX_FORMAT), "clks.tar", size=8),
    "pickle, the second protocol": Way("Python's pickle", PICKLED[2], "clks.pkl", size=8),
    "pickle, the third protocol": Way("Python's pickle", PICKLED[3], "clks.pkl", size=8),
    "pickle of an array": Way("Python's pickle", multiple(pickle.dumps(ENCODINGS, 2)), "clks.pkl", size=8),
    "PDF": Way("is a file of PDF", multiple(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n" + zlib.compress(JSON)), size=8),
    "a workbook": Way("Microsoft Office", multiple(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + RAW), "clks.xls", size=8),
    "MATLAB": Way("MATLAB", multiple(b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM" + RAW), "clks.mat", size=8),
    "Avro": Way("Avro", multiple(b'Obj\1\4\x16avro.schema\x0c"null"\0' + RAW), "clks.avro", size=8),
    "zlib": Way(r"is compressed \(zlib\)", multiple(zlib.compress(RAW)), "clks.z", size=8),
    "zlib of JSON": Way(r"is compressed \(zlib\)", multiple(zlib.compress(JSON)), "clks.z", size=8),
    "lzma": Way(r"is compressed \(lzma\)", multiple(lzma.compress(RAW, lzma.FORMAT_ALONE)), "clks.lzma", size=8),
    "the begin of JSON, as one record": Way(NO_JSON, b'{"clks":', count=1, size=8),
    "the begin of JSON with a space, as one record": Way(NO_JSON, b'{ "clks"', count=1, size=8),
    # the bytes of JSON
    "a byte order mark": Way(READ, b"\xef\xbb\xbf" + JSON),
    "UTF-16, as of PowerShell": Way(READ, JSON.decode().encode("utf-16")),
    "UTF-32": Way(READ, JSON.decode().encode("utf-32"), size=8),
    "escapes": Way(READ, ESCAPED),
    "cut": Way(NO_JSON, JSON[:2000]),
    "cut where raw bytes would end": Way(NO_JSON, JSON[: COUNT * SIZE]),
    "cut where raw bytes could end": Way(NO_JSON, JSON[: COUNT * 56], size=8),
    "UTF-16, cut where raw bytes could end": Way(NO_JSON, JSON.decode().encode("utf-16")[: COUNT * 88], size=8),
    "zeros behind it": Way(NO_JSON, JSON.ljust(COUNT * 96, b"\0"), size=8),
    "zeros in its place": Way(NO_JSON, JSON[:1000].ljust(COUNT * SIZE, b"\0")),
    "two documents": Way(NO_JSON, JSON + JSON),
    "not a number": Way(NO_JSON, JSON.replace(b"]", b", NaN]")),
    "a comment": Way(NO_JSON, b"// encodings of site 1\n" + JSON),
    # members
    "its encodings twice": Way("'clks' twice", JSON[:-1] + b', "clks": []}'),
    "its encodings twice, one escaped": Way("'clks' twice", JSON[:-1] + rb', "\u0063lks": []}'),
    "no encodings": Way("without the member 'clks'", b'{"encodings_": []}'),
    "encodings with blocks, without a file of blocks": Way("has the member 'blocks'", JSON[:-1] + b', "blocks": {}}'),
    "two shapes": Way("has the member 'clknblocks'", JSON[:-1] + b', "clknblocks": []}'),
    "null in place of an encoding": Way("encoding 40 is not", JSON.replace(b"]", b", null]"), count=41),
    "padding left out": Way(
        "encoding 0 is not valid base64", json.dumps({"clks": [c.rstrip("=") for c in CLKS]}).encode()
    ),
    "base64 for addresses": Way(r"encoding \d+ is not valid base64", json.dumps({"clks": URLSAFE}).encode(), size=8),
    "a prefix": Way(
        "encoding 0 is not valid base64", json.dumps({"clks": ["b:" + clk for clk in CLKS]}).encode(), size=8
    ),
    # blocks
    "the files exchanged": Way("has the member 'blocks'", BLOCKS_FILE, blocks=JSON),
    "one file for both": Way("lists no record|has the member", JSON, blocks=JSON),
    "blocks of another file": Way("were made for 41 encodings", JSON, blocks=blocks_file([*BLOCKS, ["a"]])),
    "blocks of a longer file": Way("'40' is not the index", JSON, blocks=listing(ALL_IDS | {"40": ["a"]})),
    "blocks of some records": Way(READ, JSON, blocks=listing(FIRST_IDS), linked=20),
    "no blocks": Way("lists no record in 'blocks'", JSON, blocks=listing({})),
    "blocks twice": Way("'blocks' twice", JSON, blocks=listing(ALL_IDS)[:-1] + b', "blocks": {"0": ["b"]}}'),
    "a record's blocks twice": Way("lists record 0 twice", JSON, blocks=with_blocks(b'{"0": ["a"], "0": ["b"]}')),
    "a record's blocks twice, with a zero": Way(
        "lists record 1 twice", JSON, blocks=with_blocks(b'{"1": [], "01": []}')
    ),
    "a missing block": Way("neither a text nor a number", JSON, blocks=listing({"0": [None]})),
    "a fraction as block": Way("a number that is not whole", JSON, blocks=listing(ALL_IDS | {"0": [3170.0]})),
    "half a character as block": Way("lone surrogate", JSON, blocks=listing(ALL_IDS | {"0": ["\ud800"]})),
    "compressed blocks": Way(r"the blocks file is compressed \(gzip\)", JSON, blocks=gzip.compress(BLOCKS_FILE)),
    "blocks with a byte order mark": Way(READ, JSON, blocks=b"\xef\xbb\xbf" + BLOCKS_FILE),
    "blocks as numbers": Way(READ, RAW, blocks=listing({key: [7] for key in ALL_IDS}), ids=("7",)),
    "blocks that are null beside the encodings": Way(READ, JSON[:-1] + b', "blocks": null}'),
    "the origin of the blocks twice": Way(
        "'clk_count' twice", JSON, blocks=with_meta(b'{"source": {"clk_count": [40], "clk_count": [40]}}')
    ),
    "the source of the blocks twice": Way("'source' twice", JSON, blocks=with_meta(b'{"source": 1, "source": 2}')),
    "what means nothing twice": Way(READ, JSON, blocks=with_meta(b'{"a": 1, "a": 2, "b": {"source": 1, "source": 2}}')),
    "their origin with a tiny fraction": Way(
        READ, JSON, blocks=with_meta(b'{"source": {"clk_count": 40.00000000000000000001}}')
    ),
    # bodies
    "body: encodings twice": Way("'clks' twice", body=JSON[:-1] + b', "clks": []}'),
    "body: base64 of base64": Way(TEXT, body={"clks": TWICE_ENCODED}),
    "body: binary digits": Way(TEXT, body={"clks": in_base64(digits("08b"))}),
    "body: a table in Latin-1": Way(TEXT, body={"clks": in_base64(multiple(LATIN, b"\n"))}),
    "body: a tar archive in base64": Way(r"\(tar\)", body={"clks": in_base64(tar(RAW, tarfile.GNU_FORMAT))}),
    "body: base64 for addresses": Way("is not valid base64", body={"clks": URLSAFE}),
    "body: shorter ones among them": Way(RAGGED, body=of_sizes(*[64] * 20, *[32] * 20)),
    "body: compressed": Way(r"is compressed \(gzip\)", body=gzip.compress(JSON)),
    "body: UTF-16": Way(READ, body=JSON.decode().encode("utf-16")),
    "body: a record's blocks twice": Way(
        "lists record 1 twice", body={"clks": CLKS, "blocks": {"1": ["a"], "01": ["b"]}}
    ),
    "body: blocks of another file": Way("made for 41", body={"clks": CLKS} | json.loads(blocks_file([*BLOCKS, ["a"]]))),
    "body: a missing block": Way(
        "neither a text nor a whole number", body={"clknblocks": [[clk, None] for clk in CLKS]}
    ),
}
