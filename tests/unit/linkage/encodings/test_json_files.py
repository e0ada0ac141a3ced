"""JSON is read alike whatever its encoding, and wherever its pieces are cut."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.encodings.json_files import load_members, member_events
from linkage.errors import UploadRejected
from tests.streams import Drip

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
TEXTS = st.text(max_size=8) | st.text(st.sampled_from('\\ud8\U0001f600\ud83d\ude00/"0c'), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)


def load(content, members=("a",), most=2**20):
    return load_members(Drip(content, most), members, name="the file")


@given(value=VALUES, encoding=st.sampled_from(ENCODINGS), most=st.integers(1, 40), indent=st.sampled_from([None, 1]))
def test_json_is_read_as_it_was_meant(value, encoding, most, indent):
    text = json.dumps({"b": 1, "a": value}, indent=indent)

    assert load(text.encode(encoding), most=most) == {"a": json.loads(text)["a"]}


@given(text=TEXTS.filter(lambda text: text.isprintable()), encoding=st.sampled_from(ENCODINGS))
def test_characters_that_are_not_escaped_are_read_too(text, encoding):
    content = json.dumps({"a": text}, ensure_ascii=False)
    assert load(content.encode(encoding)) == {"a": text}


@pytest.mark.parametrize(
    "escapes", [r"\ud800", r"\udc00", r"\ud800A", r"\ud800\u0041", r"\\\ud800", r"\ud83d\ude00\ud800"]
)
@pytest.mark.parametrize("most", [1, 2, 3, 5, 7, 100])
def test_half_a_surrogate_pair_stays_what_it_is(escapes, most):
    content = f'{{"a": ["{escapes}", "?"]}}'

    assert load(content.encode(), most=most) == json.loads(content)


def test_backslashes_are_counted():
    assert load(rb'{"a": "\\ud800"}', most=1) == {"a": r"\ud800"}


@pytest.mark.parametrize(
    "content", [b"\xff\xfe{\x00\x00", b"\xfe\xff\xd8\x00\x00{", b'{"a": "\xed\xa0\x80"}', b'{"a": "\xe9"}']
)
def test_bytes_that_are_no_text_are_refused(content):
    with pytest.raises(UploadRejected, match="the file is not valid JSON"):
        load(content)


@pytest.mark.parametrize("content", [b"[1, 2]", b'"text"', b"7", b"null"])
def test_what_is_no_object_is_returned_as_it_is_or_refused(content):
    assert load(content) == json.loads(content)
    with pytest.raises(UploadRejected, match="the file is not a JSON object"):
        list(member_events(io.BytesIO(content), ["a"], name="the file"))


@pytest.mark.parametrize(
    ("content", "twice"),
    [
        (b'{"a": 1, "a": 1}', "a"),
        (b'{"a": 1, "\\u0061": 1}', "a"),
        (b'{"a": {"c": 1, "b": 2, "c": 1}}', "c"),
        (b'{"a": [{"c": {"d": 1, "d": 1}}]}', "d"),
    ],
)
def test_a_member_that_is_there_twice_is_refused(content, twice):
    with pytest.raises(UploadRejected, match=f"the file has the member '{twice}' twice"):
        load(content)


def test_it_does_not_matter_how_often_a_member_is_there_that_means_nothing():
    assert load(b'{"b": 1, "b": 2, "a": 1, "b": {"c": 1, "c": 2}}') == {"a": 1}


def test_integers_have_any_size_that_python_reads():
    assert load(b'{"a": [123456789012345678901234567890, -0, 1e3]}') == {"a": [123456789012345678901234567890, 0, 1e3]}


@pytest.mark.parametrize("most", [7, 999, 2**20])
@pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 5000, "0" * 2000])
def test_an_integer_of_very_many_digits_is_refused(number, most):
    for content in (f'{{"a": {number}}}', f'{{"b": [7,{number}]}}', number):
        with pytest.raises(UploadRejected, match="the file holds a number of more than 1000 digits"):
            load(content.encode(), most=most)


@pytest.mark.parametrize("most", [1, 7, 999, 2**20])
@pytest.mark.parametrize("before", [0, 504, 505, 506])  # the first piece ends about where the digits begin
def test_texts_and_fractions_have_any_number_of_digits(most, before):
    digits = "7" * 5000
    for value in (digits, f"a{digits}, b", float(f"1.{digits}")):
        content = f'{{"a": 1.{digits}}}' if isinstance(value, float) else json.dumps({"a": value})
        assert load(b" " * before + content.encode(), most=most) == {"a": value}
