"""Tables in memory, in place of PostgreSQL."""

from dataclasses import dataclass, field
from datetime import datetime

from linkage.models import (
    Party,
    Project,
    Run,
    Tombstone,
    Upload,
)


@dataclass
class Tables:
    """Rows that the in-memory repositories share, as the tables of one database."""

    projects: dict[str, Project] = field(default_factory=dict)
    parties: dict[str, Party] = field(default_factory=dict)
    credentials: dict[str, datetime] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    tombstones: dict[tuple[str, str | None], tuple[Tombstone, datetime]] = field(default_factory=dict)
    audit: list[tuple[str, str, str | None]] = field(default_factory=list)
    timer: datetime | None = None


def check_storable(text: str) -> None:
    """Raise `ValueError` for a text that PostgreSQL does not store."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("a text cannot hold NUL characters or lone surrogates")


def drop_rows(rows: dict[str, Party] | dict[str, Upload] | dict[str, Run], project_id: str) -> None:
    """Remove the rows of a project."""
    for key in [key for key, row in rows.items() if row.project_id == project_id]:
        del rows[key]
