"""Encodings are never taken for text or another program's file, however many bits they have."""

import numpy as np
import pytest

from linkage.encodings.foreign_formats import check_content
from linkage.errors import UploadRejected


@pytest.mark.parametrize("share", [0.002, 0.01, 0.05, 0.2, 0.3, 0.5, 0.8, 0.99])
@pytest.mark.parametrize("different", [1, 2, 1000])
def test_bits_are_no_text_whatever_their_share_and_however_often_an_encoding_is_there(share, different):
    generator = np.random.default_rng(int(share * 1000) + different)
    for _ in range(50):
        size = 8 * int(generator.choice([1, 2, 4, 16, 128]))
        bits = generator.random((min(different, 20_000 // size), size * 8)) < share
        encodings = np.packbits(bits, axis=1)
        if encodings.any():
            check_content(encodings[np.arange(100) % len(encodings)].tobytes(), size)


def test_one_encoding_of_printable_bytes_many_times_is_no_text():
    """It is there by chance, once in 2,000 encodings of 8 bytes."""
    check_content(b"sMi7 q~x" * 1000, 8)


@pytest.mark.parametrize("latin", [0, 1, 13])
def test_text_is_that_of_which_nine_in_ten_bytes_are_printable(latin):
    with pytest.raises(UploadRejected, match="are text, not bits"):
        check_content(_text_with(latin), 136)


def test_bytes_of_which_fewer_are_printable_are_no_text():
    check_content(_text_with(14), 136)


def _text_with(latin):
    """120 printable bytes, some of Latin-1, and zeros that do not count."""
    return (bytes(range(0x30, 0x58)) * 3 + b"\xfc" * latin).ljust(136, b"\0")


@pytest.mark.parametrize("size", [8, 16])
@pytest.mark.parametrize("byte", [b"\0", b" ", b"A", b"{", b"\xff"])
def test_bytes_that_are_all_the_same_are_encodings(byte, size):
    check_content(byte * size, size)
    check_content(byte * 40 * size, size)
