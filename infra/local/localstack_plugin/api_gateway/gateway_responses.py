"""API Gateway's own errors, in the words of the API's definition.

LocalStack keeps gateway responses that are made one by one, and uses nothing of them but the status. Here those in the
definition are kept too, and bodies and headers are used.
"""

import json
from functools import partial
from typing import Any

from localstack.services.apigateway.legacy import provider
from localstack.services.apigateway.models import apigateway_stores
from localstack.services.apigateway.next_gen.execute_api.gateway_response import get_gateway_response_or_default
from localstack.services.apigateway.next_gen.execute_api.handlers.gateway_exception import GatewayExceptionHandler
from localstack.utils.patch import patch

_DEFINED = "x-amazon-apigateway-gateway-responses"
_HEADER = "gatewayresponse.header."
_JSON = "application/json"


def install() -> None:
    """Change LocalStack's behaviour; to be called once, before the first request."""
    provider.import_api_from_openapi_spec = partial(_keep_responses, provider.import_api_from_openapi_spec)
    patch(GatewayExceptionHandler.create_exception_response)(_word_error)


def _keep_responses(original: Any, rest_api: Any, context: Any, open_api_spec: dict[str, Any], mode: Any) -> Any:
    """Import a definition with its gateway responses."""
    imported = original(rest_api, context, open_api_spec, mode)
    responses = apigateway_stores[context.account_id][context.region].rest_apis[rest_api.id].gateway_responses
    for kind, response in open_api_spec.get(_DEFINED, {}).items():
        responses[kind] = response | {"responseType": kind, "defaultResponse": False}
    return imported


def _word_error(original: Any, handler: Any, exception: Any, context: Any) -> Any:
    """Answer an error with the text and the headers that the definition has for it."""
    response = original(handler, exception, context)
    defined = get_gateway_response_or_default(exception.type, context.deployment.rest_api.gateway_responses)
    if template := (defined.get("responseTemplates") or {}).get(_JSON):
        message = json.dumps(exception.message)
        response.data = template.replace("$context.error.messageString", message).encode()
    for name, value in (defined.get("responseParameters") or {}).items():
        if name.startswith(_HEADER):
            response.headers[name.removeprefix(_HEADER)] = value.strip("'")
    return response
