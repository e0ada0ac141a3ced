"""The same data gives one encoding set, or a refusal, by every way that can carry it."""

import base64
import json
import re
from hashlib import sha256

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from linkage.encodings.encoding_sets import REPORT
from tests.doors import ALPHABETS, Case, Members, Verbatim, Writer, check_alike, outcome
from tests.ways import Sending

# -- any data -------------------------------------------------------------------------------------------------------

TEXT_IDS = st.text(max_size=5) | st.sampled_from(["1", "a", "é", "", "\U0001f600", "�", "﷐", "x" * 300])
IDS = TEXT_IDS | st.integers() | st.integers(0, 3)
WRONG_IDS = st.sampled_from([None, True, 1.5, 1.0, ["a"], {}, "\ud800", "\udc00a", Verbatim("1e2"), Verbatim("NaN")])
NO_BASE64 = [
    "",
    "A",
    "AAAA",
    "AAAAAAAAAAA",
    "AAAAAAAAAA-=",
    "AAAAAAAAAA_=",
    "AAAAAAAAAAA=AAAA",
    "AAAAAAAAAAA*=",
    "é" * 12,
]
NO_TEXT = [
    None,
    7,
    ["AAAAAAAAAAA="],
    Verbatim("NaN"),
    Verbatim("'AAAAAAAAAAA='"),
    "\ud800",
    "data:;base64,AAAAAAAAAAA=",
]
WRONG_KEYS = st.sampled_from(["-1", "99", "x", "", "0 ", "1.0", "²", "\ud800", "00000"])
SPOIL = {
    "cut": lambda text: text[: len(text) // 2],
    "cut at the end": lambda text: text[:-1] if not text[-1:].isspace() else text.rstrip(b" \t\r\n\0")[:-1],
    "a letter behind it": lambda text: text + b"x",
    "a zero behind it": lambda text: text + b"\0\0\0\0",
    "twice": lambda text: text + text,
    "no text": lambda text: text[:4] + b"\xff\xff\xff" + text[4:],
    "compressed": lambda text: b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + text,
    "nothing": lambda text: b"",
    "two marks": lambda text: b"\xef\xbb\xbf\xef\xbb\xbf" + text,
}


@st.composite
def cases(draw):
    size = draw(st.sampled_from([8, 16, 24, 128] * 3 + [1, 7, 20, 1032]))
    raws = draw(st.lists(st.binary(min_size=size, max_size=size), min_size=1, max_size=5))
    clks = [base64.b64encode(raw).decode() for raw in raws]
    blocks = meta = None
    if draw(st.booleans()):
        blocks = draw(st.dictionaries(st.sampled_from([str(i) for i in range(len(clks))]), st.lists(IDS, max_size=3)))
        meta = draw(st.none() | st.just({"source": {"clk_count": [len(clks)]}}) | st.just({"source": [1]}))
    wrong = draw(st.sampled_from(["clk", "size", "id", "key", "meta", "twice", "spoil", "shape", "space", ""]))
    event(f"wrong: {wrong}")
    return draw(spoilt(wrong, clks, blocks, meta))


@st.composite
def spoilt(draw, wrong, clks, blocks, meta):
    place = draw(st.integers(0, len(clks) - 1))
    if wrong == "clk":
        clks[place] = draw(st.sampled_from(NO_BASE64 + NO_TEXT))
    elif wrong == "space":
        clks[place] = draw(st.sampled_from([" {}", "{}\n", "{}\r\n"])).format(clks[place])
    elif wrong == "size":
        clks[place] = base64.b64encode(draw(st.binary(max_size=30))).decode()
    elif wrong == "id" and blocks:
        blocks[draw(st.sampled_from(sorted(blocks)))] = [draw(IDS), draw(WRONG_IDS)]
    elif wrong == "key" and blocks is not None:
        blocks[draw(WRONG_KEYS)] = ["a"]
    elif wrong == "meta" and blocks is not None:
        meta = {"source": {"clk_count": draw(st.sampled_from([[99], 99, [99, len(clks)], [float(99)]]))}}
    elif wrong == "shape" and blocks is not None:
        blocks = draw(st.sampled_from([[["a"]], "a", 7, {"0": "a"}, {"0": {"a": 1}}, {"0": None}]))
    spoil = SPOIL[draw(st.sampled_from(sorted(SPOIL)))] if wrong == "spoil" else None
    return Case(clks, blocks, meta, spoil, twice=wrong == "twice")


@settings(deadline=None, max_examples=150)
@given(
    case=cases(),
    seed=st.integers(0, 2**32),
    alphabet=st.sampled_from(ALPHABETS),
    most=st.sampled_from([1, 2, 3, 7, 64, 2**20]),
)
def test_the_same_data_is_judged_alike_by_every_way(case, seed, alphabet, most):
    if case.blocks == {}:  # a record of `clknblocks` may have no block; a map must name a record
        event("an empty map")
    found, _ = check_alike(case, Writer(seed, alphabet), most)
    event("refused" if found is None else "taken")


# -- data of which the outcome is known -----------------------------------------------------------------------------

CLKS = [base64.b64encode(bytes([n] * 16)).decode() for n in range(4)]


@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_any_encoding_of_unicode_is_taken(alphabet):
    found, _ = check_alike(Case(CLKS, {"0": ["é", 3], "2": ["3"]}), Writer(1, alphabet))

    assert json.loads(found[REPORT])["rows"] == 3


def test_a_record_that_the_map_does_not_name_is_in_no_block():
    found, _ = check_alike(Case(CLKS, {"1": ["a"], "3": []}), Writer(1))

    assert json.loads(found[REPORT]) == {
        "records": 4,
        "rows": 1,
        "blocks": 1,
        "encoding_size": 16,
        "records_in_no_block": 3,
    }


def test_whole_numbers_are_blocks_of_their_text():
    numbers = {"0": [7], "1": [-7], "2": [10**30], "3": [0, Verbatim("-0")]}
    texts = {key: [str(int(number)) for number in ids] for key, ids in numbers.items()}

    assert check_alike(Case(CLKS, numbers), Writer(1))[0] == check_alike(Case(CLKS, texts), Writer(2))[0]


ORIGINS = {
    "a name twice that means nothing": Members([("a", 1), ("a", 2)]),
    "a name twice in the source": {"source": Members([("a", 1), ("a", 2)])},
    "the names elsewhere": Members([("b", Members([("source", 1), ("source", 2)])), ("source", {"clk_count": [4]})]),
    "a fraction that no float has": {"source": {"clk_count": Verbatim("4.00000000000000000001")}},
    "a fraction of zero": {"source": {"clk_count": [Verbatim("4e0")]}},
}


@pytest.mark.parametrize("name", ORIGINS)
def test_what_means_nothing_in_the_origin_of_blocks_is_ignored(name):
    found, reasons = check_alike(Case(CLKS, {"0": ["a"]}, ORIGINS[name]), Writer(1))

    assert found is not None, reasons


@pytest.mark.parametrize("members", ['"meta": 1, "meta": 2', '"meta": {"source": {}, "source": {}}'])
def test_members_that_mean_something_are_refused_twice_beside_encodings(members):
    document = f'{{"clks": {json.dumps(CLKS)}, {members}}}'.encode()
    for sent in Sending(document), Sending(files={"encodings.json": document}):
        found, reason = outcome(sent, Case(CLKS), 2**20)

        assert found is None
        assert re.search("has the member '(meta|source)' twice", reason)


def test_blocks_that_are_null_are_none():
    document = f'{{"clks": {json.dumps(CLKS)}, "blocks": null}}'.encode()
    sets = [outcome(sent, Case(CLKS), 2**20)[0] for sent in (Sending(document), Sending(files={"a": document}))]

    assert sets[0] == sets[1]
    assert sets[0] is not None


HEXADECIMAL = [sha256(bytes([n])).hexdigest().encode() for n in range(4)]
REASONS = {
    "different sizes": (Case([*CLKS[:3], "AAAAAAAAAAA="]), "encoding 3 has 8 bytes, encoding 0 has 16"),
    "different sizes, the first": (Case(["AAAAAAAAAAA=", *CLKS]), "encoding 1 has 16 bytes, encoding 0 has 8"),
    "no base64": (Case([*CLKS, "A"]), "encoding 4 is not valid base64"),
    "another alphabet": (Case([CLKS[0], "_" * 22 + "=="]), "encoding 1 is not valid base64"),
    "no padding": (Case([CLKS[0].rstrip("=")]), "encoding 0 is not valid base64"),
    "an empty one": (Case(["", ""]), "encoding 0 is empty|metadata 'hash-size' must be a positive"),
    "a size that there cannot be": (Case(["A" * 40]), "Encoding size must be multiple of 8 bytes"),
    "text": (Case([base64.b64encode(text).decode() for text in HEXADECIMAL]), "the encodings are text, not bits"),
    "no index": (Case(CLKS, {"4": ["a"]}), "'4' is not the index of a record"),
    "an index twice": (Case([*CLKS] * 3, {"01": [], "1": []}), "lists record 1 twice"),
    "made for others": (Case(CLKS, {"0": []}, {"source": {"clk_count": [5]}}), "the blocks were made for 5 encodings"),
    "made for others, a number": (Case(CLKS, {"0": []}, {"source": {"clk_count": 5}}), "there are 4"),
    "an origin twice": (
        Case(CLKS, {"0": []}, {"source": Members([("clk_count", 4), ("clk_count", 4)])}),
        "has the member 'clk_count' twice",
    ),
    "a source twice": (Case(CLKS, {"0": []}, Members([("source", 1), ("source", 1)])), "has the member 'source' twice"),
    "binary digits": (Case([base64.b64encode(b"01" * 32).decode()] * 4), "the encodings are text, not bits"),
    "compressed": (Case(CLKS, spoil=SPOIL["compressed"]), r"is compressed \(gzip\): decompress it, then upload it"),
    "cut": (Case(CLKS, spoil=SPOIL["cut"]), "is not valid JSON"),
    "more behind it": (Case(CLKS, spoil=SPOIL["twice"]), "is not valid JSON"),
    "a member twice": (Case(CLKS, twice=True), "has the member '(clks|encodings)' twice"),
    "blocks twice": (Case(CLKS, {"0": ["a"]}, twice=True), "has the member '(clks|encodings|blocks|clknblocks)' twice"),
    "a record twice": (Case(CLKS, Members([("0", ["a"]), ("0", ["b"])])), "lists record 0 twice|the member '0' twice"),
}


@pytest.mark.parametrize("name", REASONS)
@pytest.mark.parametrize("alphabet", ["utf-8", "utf-8-sig"])
def test_a_refusal_gives_one_reason_by_every_way(name, alphabet):
    case, reason = REASONS[name]
    found, reasons = check_alike(case, Writer(3, alphabet))

    assert found is None
    for way, told in reasons.items():
        assert re.search(reason, told), (way, told)
