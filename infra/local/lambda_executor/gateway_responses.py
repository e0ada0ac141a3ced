"""Answer API Gateway's own errors by the template's gateway responses, headers and bodies; LocalStack takes the status.

Static headers and bodies are all that the service's template has, so no template language is needed.
"""

from collections.abc import Callable
from typing import Any

from localstack.services.apigateway.next_gen.execute_api.gateway_response import (
    get_gateway_response_or_default,
)
from localstack.services.apigateway.next_gen.execute_api.handlers.gateway_exception import (
    GatewayExceptionHandler,
)
from localstack.utils.patch import patch

_HEADER = "gatewayresponse.header."


def install() -> None:
    """Change LocalStack's behaviour; to be called once."""
    patch(GatewayExceptionHandler.create_exception_response)(_as_configured)


def _as_configured(original: Callable[..., Any], handler: Any, exception: Any, context: Any) -> Any:
    response = original(handler, exception, context)
    configured = get_gateway_response_or_default(exception.type, context.deployment.rest_api.gateway_responses)
    for name, value in (configured.get("responseParameters") or {}).items():
        if name.startswith(_HEADER):
            response.headers.set(name.removeprefix(_HEADER), value.strip("'"))
    body = (configured.get("responseTemplates") or {}).get("application/json", "")
    if body and "$context" not in body:
        response.set_data(body)
    return response
