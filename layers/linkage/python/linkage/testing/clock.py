"""A clock that only moves when it is told to."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass
class Clock:
    """A clock that stands still until it is moved on."""

    time: datetime = datetime(2025, 1, 1)  # noqa: DTZ001  naive UTC, as everywhere here

    def __call__(self) -> datetime:
        """Return the time, a microsecond later than before: no two things happen at once."""
        self.time += timedelta(microseconds=1)
        return self.time

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.time += timedelta(seconds=seconds)
