"""Identifiers and tokens: 48 lower-case hexadecimal digits each, from the operating system's generator.

Only the SHA-256 of a token is ever stored. A token holds 192 random bits, so a plain hash cannot be searched; a salt
or a slow hash would buy nothing.
"""

import hashlib
import hmac
import secrets

_TOKEN_BYTES = 24


def new_id() -> str:
    """Return a fresh identifier of a project, party, upload or run."""
    return secrets.token_hex(_TOKEN_BYTES)


def new_token() -> str:
    """Return a fresh result, update or receipt token."""
    return secrets.token_hex(_TOKEN_BYTES)


def derive_token(token: str, subject_id: str) -> str:
    """Return the token that belongs to a subject: the same each time, and to be had with the other token alone.

    It is an HMAC of the subject's id, keyed with the other token: whoever knows only ids, or only hashes of tokens,
    cannot calculate it.
    """
    return _keyed_digest(token, b"token of", subject_id.encode())[:_TOKEN_BYTES].hex()


def fingerprint(token: str, *parts: bytes) -> str:
    """Return a digest of the parts, keyed with a token: whoever reads it cannot check a guess at the parts."""
    return _keyed_digest(token, b"fingerprint of", *parts).hex()


def _keyed_digest(token: str, *parts: bytes) -> bytes:
    """Return the HMAC-SHA-256 of the parts; each is preceded by its length, so that none can run into the next."""
    digest = hmac.new(token.encode("utf-8", "surrogatepass"), digestmod=hashlib.sha256)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def hash_token(token: str) -> bytes:
    """Return the SHA-256 of a token, 32 bytes: the only form that is stored."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def verify_token(token: str, token_hash: bytes) -> bool:
    """Tell, in constant time, whether the token has the hash."""
    return hmac.compare_digest(hash_token(token), token_hash)
