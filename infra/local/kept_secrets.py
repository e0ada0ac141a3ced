"""Random secrets, each in a file that only its owner can read."""

import secrets
from pathlib import Path


def kept_secret(file: Path) -> str:
    """Return the secret in a file; make both if there is no file yet."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".partial")
        partial.touch(mode=0o600)
        partial.write_text(secrets.token_hex())
        partial.replace(file)
    return file.read_text()
