"""Run a worker on every message of an SQS batch, and report those that failed."""

import logging
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from botocore.exceptions import BotoCoreError, ClientError

from linkage.messages import Message

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

logger = Logger()
logging.getLogger("linkage")
copy_config_to_registered_loggers(logger, include={"linkage"})


BACKOFF_S = (2, 10, 60, 300, 900)
"""Seconds until a failed message is tried again, by the number of times it was received. The visibility timeout, six
times the worker's own, would be far too long to wait."""


def for_each_message[Body: Message](
    event: dict[str, Any], kind: type[Body], work: Callable[[Body], None]
) -> dict[str, Any]:
    """Do the work of each message; SQS redelivers only the ones that failed."""

    def work_on(body: str) -> None:
        message = kind.model_validate_json(body)
        logger.append_keys(**message.model_dump(mode="json"))
        work(message)

    return for_each_body(event, work_on)


def for_each_body(event: dict[str, Any], work: Callable[[str], None]) -> dict[str, Any]:
    """Do the work of each message's body.

    This is the one place that catches every exception: a message that fails must not take its neighbours down, and the
    dead-letter queue keeps it in the end.
    """
    failed = []
    for record in event["Records"]:
        logger.clear_state()
        started = time.monotonic()
        try:
            work(record["body"])
            duration_ms = round((time.monotonic() - started) * 1000, 1)
            logger.info("message handled", message_id=record["messageId"], duration_ms=duration_ms)
        except Exception:
            logger.exception("message failed", message_id=record["messageId"])
            failed.append({"itemIdentifier": record["messageId"]})
            _retry_soon(record)
    return {"batchItemFailures": failed}


def _retry_soon(record: dict[str, Any]) -> None:
    """Make the message visible again soon; where that fails, the visibility timeout does it later."""
    attempt = int(record["attributes"]["ApproximateReceiveCount"])
    delay_s = BACKOFF_S[min(attempt, len(BACKOFF_S)) - 1]
    try:
        url = _sqs().get_queue_url(QueueName=record["eventSourceARN"].rpartition(":")[2])["QueueUrl"]
        _sqs().change_message_visibility(QueueUrl=url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=delay_s)
    except (BotoCoreError, ClientError):
        logger.exception("message cannot be retried soon", message_id=record["messageId"])


@cache
def _sqs() -> "SQSClient":
    return boto3.client("sqs")
