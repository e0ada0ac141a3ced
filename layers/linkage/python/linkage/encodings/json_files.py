"""Read JSON files of any size in bounded memory, whatever is in them.

Files come from strangers: one token may be many gigabytes, and arrays may be nested a million deep. So no objects are
built: `member_events` yields one token at a time, and refuses tokens and depths that no honest file has.
(ijson's own `items` builds each item, and crashes the interpreter on deep ones.)
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

import ijson

from linkage.errors import UploadRejected

READ_BYTES = 2**20
"""Bytes that are read from the store's stream at a time."""
MOST_TOKEN_BYTES = 16 * 2**20
MOST_DEPTH = 100

Event = tuple[int, str, Any]
"""Depth inside of the member, event, value; events are ijson's. A container's start and end have its own depth."""

_STARTS, _ENDS = {"start_map", "start_array"}, {"end_map", "end_array"}


def member_events(stream: BinaryIO, member: str, *, name: str) -> Iterator[Event]:
    """Yield the tokens of one member of a file's top-level object while the file is read.

    The member's own value has depth 0. All other members are passed over.

    Raises
    ------
    UploadRejected
        If the file is not JSON, or cannot be read in bounded memory. Its message calls the file ``name``.
    """
    try:
        yield from _inside(_TokenBound(stream, name), member, name)
    except (ijson.JSONError, ValueError, ArithmeticError):
        # Not only ijson's own: texts that are no UTF-8, and numbers that Python does not read.
        raise UploadRejected(f"the {name} is not valid JSON") from None


def _inside(file: "_TokenBound", member: str, name: str) -> Iterator[Event]:
    """Yield the tokens of the member; their depth is counted from its value.

    It is one loop and calls nothing of ours, because there may be many millions of tokens.
    """
    depth, inside = -1, False
    for event, value in ijson.basic_parse(file, use_float=True, buf_size=READ_BYTES):
        file.unused = 0
        if event in _ENDS:
            depth -= 1
        if depth == 0 and event == "map_key":
            inside = value == member
        elif inside and depth >= 0:
            yield depth, event, value
        if event in _STARTS:
            depth += 1
            if depth > MOST_DEPTH:
                raise UploadRejected(f"the {name} is nested more than {MOST_DEPTH} deep")


class _TokenBound:
    """A stream for ijson that bounds the bytes of a token: those read since the last token came."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream, self._name, self.unused = stream, name, 0

    def read(self, size: int) -> bytes:
        """Read some bytes. ijson asks for none at first, to see that they are bytes."""
        if self.unused > MOST_TOKEN_BYTES:
            raise UploadRejected(f"the {self._name} holds something of more than {MOST_TOKEN_BYTES} bytes")
        piece = self._stream.read(size)
        self.unused += len(piece)
        return piece
