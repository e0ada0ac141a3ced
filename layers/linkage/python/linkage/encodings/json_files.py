"""Read JSON of any size in bounded memory, whatever is in it: files, and the bodies of requests that hold the same.

Both come from strangers: one token may be many gigabytes, and arrays may be nested a million deep. So `member_events`
builds no objects: it yields one token at a time, and refuses tokens and depths that no honest file has. (ijson's own
`items` builds each item, and crashes the interpreter on deep ones.) `load_members` builds the objects of a body, whose
size is bounded, from the same tokens, so that the same JSON is read in the same way whichever way it comes.

A member that is there twice has no meaning: parsers differ in the one they take. It is refused where it matters.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, TypeVar

import ijson

from linkage.encodings.foreign_formats import refuse_foreign_format
from linkage.encodings.json_text import ByteStream, JsonText, reveal
from linkage.errors import UploadRejected

READ_BYTES = 2**20
"""Bytes that are read from the store's stream at a time."""
MOST_DEPTH = 100
_SHOWN = 20
"""Characters of a member's name that a message repeats."""

Token = tuple[int, str, Any]
"""Depth, event, value; events are ijson's. A container's start and end have its own depth."""
MemberToken = tuple[str, int, str, Any]
"""Member, depth inside of it, event, value."""

Container = TypeVar("Container", list[Any], dict[str, Any])

Paths = Mapping[str, Sequence[str]]
"""Members of which only the value at a path means something: in them, other names may be there twice."""
NO_PATHS: Paths = MappingProxyType({})

_STARTS, _ENDS = {"start_map", "start_array"}, {"end_map", "end_array"}


def member_events(stream: ByteStream, members: Collection[str], *, name: str) -> Iterator[MemberToken]:
    """Yield the tokens of some members of a top-level object while it is read.

    A member's own value has depth 0. All other members are passed over.

    Raises
    ------
    UploadRejected
        If the text is not JSON, is no object, has one of the members twice, or cannot be read in bounded memory. Its
        message begins with ``name``, as in "the file".
    """
    member, seen = None, set()
    for depth, event, value in _tokens(stream, name):
        if depth == 0 and event == "map_key":
            member = value if value in members else None
            if member in seen:
                raise UploadRejected(twice(name, value))
            if member is not None:
                seen.add(member)
        elif depth < 0:
            _check_object(event, name)
        elif member is not None:
            yield member, depth, event, value


def is_json(stream: ByteStream, name: str) -> bool:
    """Tell whether a document is JSON to its end, of whatever form."""
    try:
        for _ in _tokens(stream, name):
            pass
    except UploadRejected:
        return False
    return True


def load_members(stream: ByteStream, members: Collection[str], *, name: str, paths: Paths = NO_PATHS) -> object:
    """Return a top-level object with some of its members, and without the others.

    Whatever else a document is, it is returned as it is. Numbers that are no integers become floats.

    Raises
    ------
    UploadRejected
        As from `member_events`; and if a map, at any depth in one of the members, has a member twice (of those in
        ``paths``: one on the way to the value).
    """
    builder = _Builder(members, name, paths)
    for depth, event, value in _tokens(stream, name):
        if event == "string" and builder.items is not None:  # most tokens of an upload
            builder.items.append(value)
        else:
            builder.take(depth, event, value)
    document = builder.document
    if isinstance(document, dict):
        return {member: value for member, value in document.items() if member in members}
    return document


class _Builder:
    """Builds objects from tokens."""

    def __init__(self, members: Collection[str], name: str, paths: Paths) -> None:
        self.document: object = None
        self.items: list[Any] | None = None
        """The array that is open, if it is an array."""
        self._members, self._name, self._paths = members, name, paths
        self._open: list[Any] = []
        self._keys: list[str] = []
        self._means_something = False

    def take(self, depth: int, event: str, value: object) -> None:
        """Process the next token."""
        if event in _ENDS:
            self._open.pop()
            self._keys.pop()
            container = self._open[-1] if self._open else None
            self.items = container if isinstance(container, list) else None
        elif event == "start_array":
            self.items = self._begin([])
        elif event == "start_map":
            self._begin({})
            self.items = None
        elif event == "map_key":
            self._begin_member(depth, str(value))
        else:
            self._add(float(value) if isinstance(value, Decimal) else value)

    def _begin(self, container: Container) -> Container:
        if self.items is None:
            self._add(container)
        else:
            self.items.append(container)
        self._open.append(container)
        self._keys.append("")
        return container

    def _begin_member(self, depth: int, key: str) -> None:
        if depth == 0:
            self._means_something = key in self._members
        if self._means_something and key in self._open[-1] and self._is_on_path(key):
            raise UploadRejected(twice(self._name, key))
        self._keys[-1] = key

    def _is_on_path(self, key: str) -> bool:
        """Tell whether a member of the innermost map leads to what means something, or is that."""
        path = self._paths.get(self._keys[0])
        place = (*self._keys[1:-1], key)
        return path is None or len(self._keys) == 1 or place == tuple(path[: len(place)])

    def _add(self, value: object) -> None:
        if not self._open:
            self.document = value
        elif isinstance(container := self._open[-1], list):
            container.append(value)
        else:
            container[self._keys[-1]] = value


def _tokens(stream: ByteStream, name: str) -> Iterator[Token]:
    """Yield the tokens of a document. The members of a top-level object have depth 0, it itself has -1.

    It is one loop and calls nothing of ours, because there may be many millions of tokens.
    """
    depth, text = -1, JsonText(stream, name)
    try:
        for event, value in ijson.basic_parse(text, buf_size=READ_BYTES):
            text.unused = 0
            if event in _ENDS:
                depth -= 1
            if text.has_halves and isinstance(value, str):
                yield depth, event, reveal(value)
            else:
                yield depth, event, value
            if event in _STARTS:
                depth += 1
                if depth > MOST_DEPTH:
                    raise UploadRejected(f"{name} is nested more than {MOST_DEPTH} deep")
    except (ijson.JSONError, ValueError, ArithmeticError):
        # Not only ijson's own: texts that are no UTF-8, and numbers that Python does not read.
        refuse_foreign_format(text.head, name)
        raise UploadRejected(f"{name} is not valid JSON") from None


def _check_object(event: str, name: str) -> None:
    if event not in {"start_map", "end_map"}:
        raise UploadRejected(f"{name} is not a JSON object")


def twice(name: str, member: str) -> str:
    """Return the reason why a document is refused that has a member twice."""
    return f"{name} has the member {member[:_SHOWN]!a} twice"
