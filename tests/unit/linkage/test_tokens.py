"""Tokens are random or derived from random ones, and stored as hashes alone."""

import re

import pytest

from linkage.tokens import derive_token, fingerprint, hash_token, new_token, verify_token

TOKEN = re.compile("[0-9a-f]{48}")


def test_a_derived_token_is_a_token_and_always_the_same():
    token = new_token()
    derived = derive_token(token, "upload")

    assert TOKEN.fullmatch(derived)
    assert derive_token(token, "upload") == derived
    assert verify_token(derived, hash_token(derived))


@pytest.mark.parametrize(
    ("token", "subject"), [("other", "upload"), ("token", "uploads"), ("", ""), ("upload", "token")]
)
def test_another_token_or_subject_gives_another_token(token, subject):
    assert derive_token(token, subject) != derive_token("token", "upload")


def test_a_fingerprint_keeps_its_parts_apart_and_is_no_token():
    fingerprints = {
        fingerprint("token", *parts) for parts in [(b"a", b"bc"), (b"ab", b"c"), (b"abc",), (b"abc", b""), ()]
    }

    assert len(fingerprints) == 5
    assert fingerprint("token", b"a") != fingerprint("other", b"a")
    assert derive_token("token", "a") not in fingerprint("token", b"a")


def test_a_token_that_no_text_can_hold_is_hashed_too():
    assert TOKEN.fullmatch(derive_token("\ud800", "upload"))
