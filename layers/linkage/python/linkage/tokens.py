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


def hash_token(token: str) -> bytes:
    """Return the SHA-256 of a token, 32 bytes: the only form that is stored."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def verify_token(token: str, token_hash: bytes) -> bool:
    """Tell, in constant time, whether the token has the hash."""
    return hmac.compare_digest(hash_token(token), token_hash)
