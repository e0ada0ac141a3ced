"""Queues in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from linkage.messages import WORKERS, Message
from linkage.models import (
    DeadLetter,
)


@dataclass
class MemoryQueues:
    """See `linkage.ports.Queues`. `sent` holds worker, message and delay in the order of sending.

    What waits and is none of our messages, such as S3's events, is in `held`: how many for each worker.
    """

    sent: list[tuple[str, Message, int]] = field(default_factory=list)
    dead: list[tuple[str, str]] = field(default_factory=list)
    held: dict[str, int] = field(default_factory=dict)

    def send(self, *messages: Message, delay_s: int = 0) -> None:
        """Keep the messages."""
        self.sent += [(WORKERS[type(message)], message, delay_s) for message in messages]

    def backlog(self, worker: str) -> int:
        """Return how many messages wait for a worker."""
        return sum(name == worker for name, _, _ in self.sent) + self.held.get(worker, 0)

    def dead_letters(self) -> Iterator[DeadLetter]:
        """Yield the dead letters, each once; one that is not dropped is there again later."""
        for worker, body in list(self.dead):
            yield DeadLetter(worker, body)

    def drop(self, letter: DeadLetter) -> None:
        """Remove a dead letter."""
        self.dead.remove((letter.worker, letter.body))

    def take(self, worker: str) -> list[Message]:
        """Take the messages that wait for a worker."""
        taken = [message for name, message, _ in self.sent if name == worker]
        self.sent = [entry for entry in self.sent if entry[0] != worker]
        return taken
