"""Stages on the screen: named as they begin, timed as they end."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

_TITLE_WIDTH = 58


@dataclass
class Stages:
    """Writes one line a stage to the screen, and between them what else there is."""

    screen: TextIO
    _started: float = field(default_factory=time.monotonic)
    _line_is_open: bool = False

    @contextmanager
    def stage(self, title: str) -> Iterator[None]:
        """Show the title at once, and at the end the time of the stage, or failure."""
        self._open(title)
        started = time.monotonic()
        try:
            yield
        except BaseException:
            self._close(title, "  failed")
            raise
        self._close(title, _seconds_since(started))

    def say(self, line: str) -> None:
        """Write a line; a stage that is under way is named again at its end."""
        self._write(f"\n{line}\n" if self._line_is_open else f"{line}\n")
        self._line_is_open = False

    def end(self, outcome: str) -> None:
        """Write how it all came out, and the time of it by the clock."""
        self._write("\n")
        self._close(outcome, _seconds_since(self._started))

    def _open(self, title: str) -> None:
        self._write(f"  {title:<{_TITLE_WIDTH}}")
        self._line_is_open = True

    def _close(self, title: str, ending: str) -> None:
        if not self._line_is_open:
            self._open(title)
        self._write(f"{ending}\n")
        self._line_is_open = False

    def _write(self, text: str) -> None:
        self.screen.write(text)
        self.screen.flush()


def _seconds_since(started: float) -> str:
    return f"{time.monotonic() - started:6.1f} s"
