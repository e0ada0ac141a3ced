"""Poll event source mappings without pauses, and run their batches concurrently.

LocalStack polls a queue with one thread that waits for each batch's invocation, and
rests up to ten seconds when the queue was empty. AWS polls at all times and runs up to
`MaximumConcurrency` batches at once, as here.
"""

import logging
import os
import threading
from typing import Any

from localstack.aws.api.sqs import MessageSystemAttributeName
from localstack.services.lambda_.event_source_mapping.pollers.sqs_poller import (
    SqsPoller,
)

_LOG = logging.getLogger(__name__)

# Without a MaximumConcurrency AWS begins with five batches at once.
_DEFAULT_CONCURRENCY = 5
# More processes than this would only wait for each other's processor time.
_SENSIBLE_CONCURRENCY = 4 * (os.cpu_count() or 1)
_LONGEST_WAIT_S = 20


def concurrency(mapping: dict[str, Any]) -> int:
    """Return the maximum number of concurrent batches of an event source mapping."""
    scaling = mapping.get("ScalingConfig") or {}
    wanted = scaling.get("MaximumConcurrency") or _DEFAULT_CONCURRENCY
    return int(min(wanted, _SENSIBLE_CONCURRENCY))


class ConcurrentSqsPoller(SqsPoller):
    """Polls a queue and handles each batch in a thread of its own."""

    def limit(self, batches: int) -> None:
        """Set the maximum number of concurrent batches; call it before the first poll."""
        self._free = threading.Semaphore(batches)

    def poll_events(self) -> None:
        """Receive one batch once another may run, and handle it in a thread."""
        with self._free:
            pass
        messages = self._receive()
        if messages:
            self._free.acquire()
            threading.Thread(target=self._handle, args=(messages,), daemon=True).start()

    def _receive(self) -> list[dict[str, Any]]:
        answer = self.source_client.receive_message(
            QueueUrl=self.queue_url,
            MaxNumberOfMessages=min(self.batch_size, 10),
            WaitTimeSeconds=_LONGEST_WAIT_S,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=[MessageSystemAttributeName.All],
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def _handle(self, messages: list[dict[str, Any]]) -> None:
        try:
            self.handle_messages(messages)
        except Exception as error:  # noqa: BLE001 - the messages come again, as on AWS
            _LOG.warning("a batch of %s failed: %s", self.source_arn, error)
        finally:
            self._free.release()
