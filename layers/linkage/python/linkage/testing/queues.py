"""The workers' queues in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import override

from linkage.messages import WORKERS, Message
from linkage.models import DeadLetter
from linkage.ports import Queues


@dataclass
class MemoryQueues(Queues):
    """The workers' queues in memory. `sent` has worker, message and delay in the order of sending.

    `held` has the number of other messages that wait for each worker, such as S3's events.
    """

    sent: list[tuple[str, Message, int]] = field(default_factory=list)
    dead: list[tuple[str, str]] = field(default_factory=list)
    held: dict[str, int] = field(default_factory=dict)

    @override
    def send(self, *messages: Message, delay_s: int = 0) -> None:
        self.sent += [(WORKERS[type(message)], message, delay_s) for message in messages]

    @override
    def backlog(self, worker: str) -> int:
        return sum(name == worker for name, _, _ in self.sent) + self.held.get(worker, 0)

    @override
    def dead_letters(self) -> Iterator[DeadLetter]:
        for worker, body in list(self.dead):
            yield DeadLetter(worker, body)

    @override
    def drop(self, letter: DeadLetter) -> None:
        self.dead.remove((letter.worker, letter.body))

    def take(self, worker: str) -> list[Message]:
        """Remove and return the messages that wait for a worker."""
        taken = [message for name, message, _ in self.sent if name == worker]
        self.sent = [entry for entry in self.sent if entry[0] != worker]
        return taken
