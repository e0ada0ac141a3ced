"""Kill a worker after any of its side effects, or have something happen before any of its steps.

`Mortal` wraps every port of a world and counts what changes something. After the effect that a test chose it raises
`Killed`, which no handler survives: it is no `Exception`, so that nothing on the way can swallow it. `Watched` wraps
them too, and tells of every call, reads included, before it is made.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any

from linkage.ports import World

READS = {
    "get", "get_range", "open", "head", "list", "presign", "parties", "contributions", "ready",
    "received", "backlog", "waiting", "unfinished", "rate", "due", "read", "dead_letters", "take", "sent",
    "issue_for_upload", "contribution", "newest", "of_receipt", "of_key",
}  # fmt: skip
PORTS = ("projects", "uploads", "runs", "tombstones", "timer", "objects", "queues", "progress", "cache", "credentials")


class Killed(BaseException):
    """The worker dies here."""


@dataclass
class Mortality:
    """Number of effects left to the worker; None is no end."""

    left: int | None = None
    effects: int = 0

    def note(self) -> None:
        self.effects += 1
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                raise Killed


class Mortal:
    """A port whose user may die after an effect."""

    def __init__(self, port: Any, name: str, mortality: Mortality) -> None:
        self._port, self._name, self._mortality = port, name, mortality

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        counts = name == "count" and self._name != "progress"
        if name in READS or counts or not callable(method):
            return method
        if name == "writer":
            return lambda *args: self._written(method(*args))

        def effect(*args: Any, **kwargs: Any) -> Any:
            answer = method(*args, **kwargs)
            self._mortality.note()
            return answer

        return effect

    @contextmanager
    def _written(self, writing: Any) -> Iterator[Any]:
        """Storing piece by piece: its user may die in the middle, or once the object is there."""
        with writing as writer:
            yield writer
            self._mortality.note()
        self._mortality.note()


def mortal(world: World, mortality: Mortality) -> World:
    """Wrap every port of the world."""
    assert {field.name for field in fields(world)} == {*PORTS, "settings", "now"}
    ports: dict[str, Any] = {name: Mortal(getattr(world, name), name, mortality) for name in PORTS}
    return replace(world, **ports)


class Watched:
    """A port that tells of each call before it is made, and of each piece of an object before it is written."""

    def __init__(self, port: Any, tell: Callable[[], None]) -> None:
        self._port, self._tell = port, tell

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if not callable(method):
            return method
        if name == "writer":
            return lambda *args: self._written(method(*args))

        def call(*args: Any, **kwargs: Any) -> Any:
            self._tell()
            return method(*args, **kwargs)

        return call

    @contextmanager
    def _written(self, writing: Any) -> Iterator[Any]:
        self._tell()
        with writing as writer:
            yield Watched(writer, self._tell)
            self._tell()


def watched(world: World, tell: Callable[[], None]) -> World:
    """Wrap every port of the world."""
    ports: dict[str, Any] = {name: Watched(getattr(world, name), tell) for name in PORTS}
    return replace(world, **ports)
