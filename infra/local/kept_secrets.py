"""Secrets that are made at random and kept in a file of their own, for their owner alone."""

import secrets
from pathlib import Path


def kept_secret(file: Path) -> str:
    """Return the secret that a file keeps, made when it is first asked for."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".partial")
        partial.touch(mode=0o600)
        partial.write_text(secrets.token_hex())
        partial.replace(file)
    return file.read_text()
