"""A clock for tests."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass
class Clock:
    """A clock that moves only when it is asked or told to."""

    time: datetime = datetime(2025, 1, 1)  # noqa: DTZ001  naive UTC, as everywhere here

    def __call__(self) -> datetime:
        """Return the time, a microsecond later at each call, so that no two events have the same."""
        self.time += timedelta(microseconds=1)
        return self.time

    def sleep(self, seconds: float) -> None:
        """Move the clock forward."""
        self.time += timedelta(seconds=seconds)
