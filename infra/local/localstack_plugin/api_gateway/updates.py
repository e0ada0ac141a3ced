"""Updates of a deployed API, which AWS's CloudFormation makes and LocalStack's does not.

A change of the API's definition is three: the REST API takes the definition, a new deployment is made of it, and the
stage goes over to that. LocalStack skips the first and the third; and it removes the old deployment first, the stage
along with it, so that the API would be gone.
"""

import json
from typing import Any

from localstack.services.apigateway.resource_providers.aws_apigateway_deployment import ApiGatewayDeploymentProvider
from localstack.services.apigateway.resource_providers.aws_apigateway_restapi import ApiGatewayRestApiProvider
from localstack.services.apigateway.resource_providers.aws_apigateway_stage import ApiGatewayStageProvider
from localstack.services.cloudformation.resource_provider import OperationStatus, ProgressEvent
from localstack.utils.patch import patch


def install() -> None:
    """Change LocalStack's behaviour; to be called once, before the first deployment."""
    ApiGatewayRestApiProvider.update = _update_api
    ApiGatewayStageProvider.update = _update_stage
    patch(ApiGatewayDeploymentProvider.delete)(_delete_unused)


def _update_api(_provider: Any, request: Any) -> Any:
    """Give the REST API its new definition."""
    previous, model = request.previous_state, request.desired_state
    model |= {name: previous[name] for name in ("RestApiId", "RootResourceId")}
    request.aws_client_factory.apigateway.put_rest_api(
        restApiId=model["RestApiId"],
        mode="overwrite",
        body=json.dumps(model["Body"]).encode(),
        parameters={"basepath": "ignore"},
    )
    return ProgressEvent(OperationStatus.SUCCESS, model)


def _update_stage(_provider: Any, request: Any) -> Any:
    """Have the stage serve another deployment."""
    model = request.desired_state
    request.aws_client_factory.apigateway.update_stage(
        restApiId=model["RestApiId"],
        stageName=model["StageName"],
        patchOperations=[{"op": "replace", "path": "/deploymentId", "value": model["DeploymentId"]}],
    )
    return ProgressEvent(OperationStatus.SUCCESS, model)


def _delete_unused(original: Any, provider: Any, request: Any) -> Any:
    """Delete a deployment that no stage serves; another goes when its API does."""
    model = request.desired_state
    stages = request.aws_client_factory.apigateway.get_stages(
        restApiId=model["RestApiId"], deploymentId=model["DeploymentId"]
    )["item"]
    return ProgressEvent(OperationStatus.SUCCESS, model) if stages else original(provider, request)
