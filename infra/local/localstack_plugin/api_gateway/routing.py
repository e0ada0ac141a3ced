"""The two addresses that LocalStack serves, on loopback alone.

One is AWS: every service under one endpoint URL. The other is the API under a URL that
stays the same from one deployment to the next, while API Gateway's own hold a generated
id: whatever arrives there goes to the deployed REST API of the given name, its path
beginning with the stage, as under a domain name on AWS.
"""

import os
from typing import Any

from localstack.http import Response
from localstack.runtime.server.twisted import TwistedRuntimeServer
from localstack.services.apigateway.models import apigateway_stores
from localstack.services.apigateway.next_gen.execute_api.router import (
    ApiGatewayEndpoint,
)
from rolo.gateway import Gateway
from rolo.serving.twisted import TwistedGateway
from twisted.internet import reactor

API_PORT = "LINKAGE_API_PORT"
API_NAME = "LINKAGE_API_NAME"


class LoopbackServer(TwistedRuntimeServer):
    """Listen where told and nowhere else; LocalStack's own listens on every address."""

    def register(self, gateway: Gateway, listen: list[Any], *_ssl: object) -> None:
        """Serve AWS on the addresses given, and the API on its own port."""
        for address in listen:
            _serve(gateway, address.host, address.port)
        api = Gateway(request_handlers=[ApiRoute(os.environ[API_NAME])])
        _serve(api, "127.0.0.1", int(os.environ[API_PORT]))


class ApiRoute:
    """Hand each request to the deployed API of a name, untouched."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._endpoint = ApiGatewayEndpoint(store=apigateway_stores)

    def __call__(self, chain: Any, context: Any, response: Response) -> None:
        """Answer a request; a path that begins with no stage is refused as on AWS."""
        stage = context.request.path.lstrip("/").partition("/")[0]
        api_id = self._deployed(stage)
        if api_id is None:
            chain.respond(403, {"message": "Forbidden"})
        else:
            response.update_from(self._endpoint(context.request, api_id=api_id, stage=stage))
            chain.stop()

    def _deployed(self, stage: str) -> str | None:
        for _account, _region, store in apigateway_stores.iter_stores():
            for api_id, api in store.rest_apis.items():
                stages = store.active_deployments.get(api_id, {})
                if api.rest_api.get("name") == self._name and stage in stages:
                    return str(api_id)
        return None


def _serve(gateway: Gateway, host: str, port: int) -> None:
    reactor.listenTCP(port, TwistedGateway(gateway), interface=host)
