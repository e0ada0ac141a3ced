"""Write a function's output line by line to its log, and keep it for the next report.

All environments of a function append to one file, so that one grep finds everything;
whole lines are appended at once, so that they do not run into each other.
"""

import array
import fcntl
import os
import select
import termios
import threading
import time
from pathlib import Path

_CHUNK_BYTES = 65_536


class FunctionOutput:
    """Collects the output of one environment, of one process after another."""

    def __init__(self, log_file: Path) -> None:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        self._log = log_file.open("ab", buffering=0)
        self._lock = threading.Lock()
        self._gathered = bytearray()
        self._line = b""
        self._pipe: int | None = None

    def follow(self, pipe: int) -> None:
        """Collect the output of a pipe until its other end is closed."""
        self._pipe = pipe
        threading.Thread(target=self._pump, args=(pipe,), daemon=True).start()

    def write(self, text: str) -> None:
        """Add lines to the function's log that are not part of its output."""
        with self._lock:
            if not self._log.closed:
                self._log.write(text.encode())

    def take(self) -> str:
        """Return the output since the last call, including the pipe's content."""
        self._drain()
        with self._lock:
            gathered, self._gathered = self._gathered, bytearray()
        return gathered.decode(errors="replace")

    def close(self) -> None:
        """Close the function's log."""
        with self._lock:
            self._log.close()

    def _pump(self, pipe: int) -> None:
        while True:
            select.select([pipe], [], [])
            with self._lock:
                chunk = os.read(pipe, _CHUNK_BYTES)
                if not chunk or self._log.closed:
                    break
                self._gather(chunk)
        os.close(pipe)

    def _gather(self, chunk: bytes) -> None:
        self._gathered += chunk
        lines, newline, self._line = (self._line + chunk).rpartition(b"\n")
        if newline:
            self._log.write(lines + newline)

    def _drain(self, patience_s: float = 1.0) -> None:
        """Wait until the pipe is empty: output before the answer belongs to its report."""
        deadline = time.monotonic() + patience_s
        while self._unread() and time.monotonic() < deadline:
            time.sleep(0.001)

    def _unread(self) -> int:
        size = array.array("i", [0])
        with self._lock:
            try:
                fcntl.ioctl(self._pipe or -1, termios.FIONREAD, size)
            except OSError:  # closed: there is nothing more to come
                return 0
        return size[0]
