"""Make LocalStack's Lambda and API Gateway behave as on AWS.

Payloads beyond the limits are refused; event source mappings run batches side by side;
and a request that finds no free environment waits for one when there are already as
many as the processors can serve, instead of making all of them slower.
"""

import base64
import contextlib
import json
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from localstack.aws.api.lambda_ import InvocationType, RequestTooLargeException
from localstack.services.apigateway.next_gen.execute_api.gateway_response import (
    RequestTooLargeError,
)
from localstack.services.apigateway.next_gen.execute_api.handlers import (
    parse,
    preprocess_request,
)
from localstack.services.apigateway.next_gen.execute_api.integrations.aws import (
    RestApiAwsProxyIntegration,
)
from localstack.services.lambda_.event_source_mapping import esm_worker_factory
from localstack.services.lambda_.invocation.assignment import AssignmentService
from localstack.services.lambda_.invocation.lambda_service import LambdaService
from localstack.utils.patch import patch

from infra.local.localstack_plugin.functions import limits
from infra.local.localstack_plugin.polling import ConcurrentSqsPoller, concurrency

_Original = Callable[..., Any]

_ENVIRONMENTS_PER_FUNCTION = 4 * (os.cpu_count() or 1)
_TOO_LONG = "Request Too Long"
_BINARY = "application/octet-stream"


def install() -> None:
    """Patch LocalStack; call it once, before the first request."""
    preprocess_request.append(_refuse_large_request)
    parse.restore_payload = _raw_body
    patch(LambdaService.invoke)(_refuse_large_payload)
    patch(RestApiAwsProxyIntegration.create_lambda_input_event)(_refuse_large_event)
    RestApiAwsProxyIntegration.call_lambda = staticmethod(
        partial(_send_in_utf8, RestApiAwsProxyIntegration.call_lambda)
    )
    patch(AssignmentService.get_environment)(_await_place)
    patch(esm_worker_factory.EsmWorkerFactory.get_esm_worker)(_limit_batches)
    esm_worker_factory.SqsPoller = ConcurrentSqsPoller


def _refuse_large_request(_chain: object, context: Any, _response: object) -> None:
    if len(context.invocation_request["body"]) > limits.GATEWAY_REQUEST_BYTES:
        raise RequestTooLargeError(_TOO_LONG)


def _raw_body(request: Any) -> bytes:
    """Return a body as it came: LocalStack parses forms, and fails on malformed ones."""
    body: bytes = request.get_data(parse_form_data=False)
    return body


def _refuse_large_payload(original: _Original, service: LambdaService, **request: Any) -> Any:
    asynchronous = request["invocation_type"] == InvocationType.Event
    size = len(request["payload"] or b"")
    if complaint := limits.request_complaint(size, asynchronous=asynchronous):
        raise RequestTooLargeException(complaint, Type="User")
    return original(service, **request)


def _refuse_large_event(original: _Original, integration: Any, context: Any) -> Any:
    """Refuse a too large event with 413; LocalStack would answer that the integration failed.

    Raw bytes go as base64 whatever they are; LocalStack hands over as text what happens to be text.
    """
    event = original(integration, context)
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    if headers.get("content-type") == _BINARY and event.get("body") and not event.get("isBase64Encoded"):
        event["body"] = base64.b64encode(event["body"].encode()).decode()
        event["isBase64Encoded"] = True
    size = len(_in_utf8(event))
    if limits.request_complaint(size, asynchronous=False):
        raise RequestTooLargeError(_TOO_LONG)
    return event


def _send_in_utf8(original: _Original, *, event: bytes, **call: Any) -> Any:
    """Invoke a function with the event as it was measured; LocalStack would send each character beyond ASCII as six."""
    return original(event=_in_utf8(json.loads(event)), **call)


def _in_utf8(event: Any) -> bytes:
    """Return the payload of an event: JSON without spaces, in UTF-8.

    Whether API Gateway writes it so is not documented; a lone surrogate, which UTF-8 cannot carry, stays escaped.
    """
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(event, separators=(",", ":")).encode()


_places: defaultdict[str, threading.Semaphore] = defaultdict(lambda: threading.Semaphore(_ENVIRONMENTS_PER_FUNCTION))


@contextlib.contextmanager
def _await_place(original: _Original, service: AssignmentService, version: str, *rest: Any) -> Iterator[Any]:
    with _places[version], original(service, version, *rest) as environment:
        yield environment


def _limit_batches(original: _Original, factory: Any) -> Any:
    worker = original(factory)
    if isinstance(worker.poller, ConcurrentSqsPoller):
        worker.poller.limit(concurrency(factory.esm_config))
    return worker
