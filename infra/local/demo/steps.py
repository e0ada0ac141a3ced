"""Steps on the screen: named as they begin, timed as they end."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

_TITLE_WIDTH = 58


@dataclass
class Steps:
    """Writes one line a step to the screen, and other lines between them."""

    screen: TextIO
    _started: float = field(default_factory=time.monotonic)
    _line_is_open: bool = False

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show the title at once, and at the end the step's time, or that it failed."""
        self._open(title)
        started = time.monotonic()
        try:
            yield
        except BaseException:
            self._close(title, "  failed")
            raise
        self._close(title, _seconds_since(started))

    def say(self, line: str) -> None:
        """Write a line; a step that is under way is named again at its end."""
        self._write(f"\n{line}\n" if self._line_is_open else f"{line}\n")
        self._line_is_open = False

    def end(self, outcome: str) -> None:
        """Write the outcome and the time that all steps took."""
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
