"""Streams as a network gives them."""

import io


class Drip(io.BytesIO):
    """A stream that gives few bytes at a time."""

    def __init__(self, content: bytes, most: int) -> None:
        super().__init__(content)
        self._most = most

    def read(self, size: int | None = -1) -> bytes:
        """Read at most the stream's few bytes, whatever is asked for."""
        return super().read(self._most if size is None else min(size, self._most))
