"""The workers' queues in SQS."""

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, override

from linkage.adapters.unavailable import report_unavailable
from linkage.messages import WORKERS, Message
from linkage.models import DeadLetter
from linkage.ports import Queues

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef, SendMessageBatchRequestEntryTypeDef

_BATCH = 10


class SqsQueues(Queues):
    """The workers' queues in SQS. Both mappings have a queue's URL for each worker's name."""

    def __init__(self, client: "SQSClient", queue_urls: Mapping[str, str], dead_letter_urls: Mapping[str, str]) -> None:
        report_unavailable(client)
        self._client = client
        self._queue_urls = queue_urls
        self._dead_letter_urls = dead_letter_urls

    @override
    def send(self, *messages: Message, delay_s: int = 0) -> None:
        by_worker: dict[str, list[Message]] = {}
        for message in messages:
            by_worker.setdefault(WORKERS[type(message)], []).append(message)
        for worker, batch in by_worker.items():
            for start in range(0, len(batch), _BATCH):
                self._send_batch(self._queue_urls[worker], batch[start : start + _BATCH], delay_s)

    @override
    def backlog(self, worker: str) -> int:
        response = self._client.get_queue_attributes(
            QueueUrl=self._queue_urls[worker], AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(response["Attributes"]["ApproximateNumberOfMessages"])

    @override
    def dead_letters(self) -> Iterator[DeadLetter]:
        for worker, url in self._dead_letter_urls.items():
            seen: set[str] = set()
            while letters := self._receive(url, seen):
                for letter in letters:
                    seen.add(letter["MessageId"])
                    yield DeadLetter(worker, letter["Body"], letter["ReceiptHandle"])

    @override
    def drop(self, letter: DeadLetter) -> None:
        self._client.delete_message(QueueUrl=self._dead_letter_urls[letter.worker], ReceiptHandle=letter.receipt)

    def _receive(self, url: str, seen: Collection[str]) -> "list[MessageTypeDef]":
        """Return messages that were not seen before; none if the queue is empty or repeats itself."""
        received = self._client.receive_message(QueueUrl=url, MaxNumberOfMessages=_BATCH).get("Messages", [])
        return [message for message in received if message["MessageId"] not in seen]

    def _send_batch(self, url: str, messages: list[Message], delay_s: int) -> None:
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {"Id": str(number), "MessageBody": message.model_dump_json(), "DelaySeconds": delay_s}
            for number, message in enumerate(messages)
        ]
        response = self._client.send_message_batch(QueueUrl=url, Entries=entries)
        if failed := response.get("Failed"):
            raise OSError(f"cannot send {len(failed)} messages, the first because of {failed[0].get('Code')}")
