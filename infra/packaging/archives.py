"""Write reproducible zip files, and compute digests of many files.

A zip usually records when, by whom and in what order it was made. Here the names are
sorted and time and mode are fixed, so the same files make the same bytes.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold
_MODE = 0o644 << 16  # Lambda's user must be able to read; nothing here is run by name


def files_below(folder: Path, *, prefix: str = "") -> dict[str, Path]:
    """Map the path of each file below a folder, relative to it, to the file; leave compiled Python out."""
    return {
        prefix + path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    }


def write_zip(target: Path, files: Mapping[str, Path]) -> None:
    """Write the files to a zip, which appears whole or not at all."""
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in sorted(files):
                entry = zipfile.ZipInfo(name, _EPOCH)
                entry.external_attr = _MODE
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, files[name].read_bytes())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def digest_of(files: Mapping[str, Path], *facts: str) -> str:
    """Return a digest of the files' names and contents, and of further facts."""
    digest = hashlib.sha256()
    for part in _parts(files, facts):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:16]


def _parts(files: Mapping[str, Path], facts: Iterable[str]) -> Iterable[bytes]:
    for name in sorted(files):
        yield name.encode()
        yield files[name].read_bytes()
    for fact in facts:
        yield fact.encode()
