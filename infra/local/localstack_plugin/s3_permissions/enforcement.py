"""Check the signature of each request to S3, and enforce policies, as on AWS.

LocalStack checks neither (of a signature, only a presigned URL's). Here each request to S3 must be signed with
credentials that STS has issued and that have not expired, and be allowed by the session policy, by the role's own
policies and by its boundary: a party's temporary credentials and a function's role are held to what the template says.
What is not understood is refused.

The key `test` is whoever deploys, and may do anything. Bucket policies are not looked at.
"""

import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials
from localstack.aws import handlers
from localstack.http.request import get_raw_path
from localstack.services.s3.presigned_url import S3PreSignedURLRequestHandler
from localstack.utils.patch import patch

from infra.local.localstack_plugin.s3_permissions import sessions
from infra.local.localstack_plugin.s3_permissions.asks import asks_of
from infra.local.localstack_plugin.s3_permissions.policies import Document, allows
from infra.local.localstack_plugin.s3_permissions.refusals import ALGORITHM, Refusal, refuse_ill_formed, refuse_long_key
from infra.local.localstack_plugin.s3_permissions.sessions import Session

ADMINISTRATOR = "test"


def install() -> None:
    """Check every request to S3 from now on."""
    sessions.install()
    patch(S3PreSignedURLRequestHandler.__call__)(_check_form)
    handlers.serve_custom_service_request_handlers.append(_check)


# Credentials that functions hold. On AWS a function's are renewed by Lambda, here they are those of its environment.
_of_functions: set[str] = set()


def keep_alive(access_key_id: str) -> None:
    """Let a function's credentials live as long as the function's environment."""
    _of_functions.add(access_key_id)


def _check_form(original: Any, handler: Any, chain: object, context: Any, response: object) -> Any:
    """Refuse what S3 refuses for its form, before LocalStack reads the signature of a presigned URL."""
    if _is_checked(context):
        try:
            refuse_ill_formed(context.request, _now())
        except Refusal:
            # LocalStack's answer needs it.
            context.operation = handler._get_op_from_request(context.request)  # noqa: SLF001
            raise
    return original(handler, chain, context, response)


def _is_checked(context: Any) -> bool:
    """Tell whether a request is one to S3 from outside; a browser's preflight is not signed, and tells nothing."""
    is_s3 = context.service is not None and context.service.service_name == "s3"
    return is_s3 and not context.is_internal_call and context.request.method != "OPTIONS"


def _check(_chain: object, context: Any, _response: object) -> None:
    if not _is_checked(context) or context.operation is None:
        return
    refuse_long_key((context.service_request or {}).get("Key"))
    signed = _signature_of(context.request)
    if signed.access_key_id == ADMINISTRATOR:
        _check_signature(context.request, signed, ADMINISTRATOR, None)
        return
    session = _session(signed.access_key_id)
    if signed.token != session.session_token:
        raise Refusal("InvalidToken", "The provided token is malformed or otherwise invalid.")
    if session.expiration < _now() and signed.access_key_id not in _of_functions:
        raise Refusal("ExpiredToken", "The provided token has expired.")
    _check_signature(context.request, signed, session.secret_access_key, session.session_token)
    _check_permission(context, session)


@dataclass(frozen=True)
class _Signed:
    """The signature of a request, and the access key that it names."""

    access_key_id: str
    token: str | None
    scope: tuple[str, ...] = ()
    header_names: tuple[str, ...] = ()
    signature: str = ""
    """Empty where LocalStack has checked it already: in a presigned URL."""


def _signature_of(request: Any) -> _Signed:
    query = request.args
    if "X-Amz-Signature" in query:
        return _Signed(query.get("X-Amz-Credential", "").partition("/")[0], query.get("X-Amz-Security-Token"))
    algorithm, _, rest = request.headers.get("Authorization", "").partition(" ")
    if algorithm != ALGORITHM:
        raise Refusal("AccessDenied", "Requests are signed with signature version 4, or not served.")
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    access_key_id, *scope = fields.get("Credential", "").split("/")
    return _Signed(
        access_key_id,
        request.headers.get("X-Amz-Security-Token"),
        tuple(scope),
        tuple(fields.get("SignedHeaders", "").split(";")),
        fields.get("Signature", "none"),
    )


def _session(access_key_id: str) -> Session:
    if session := sessions.find(access_key_id):
        return session
    raise Refusal("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")


class _Verifier(S3SigV4Auth):
    """Signs the headers that a request names, instead of those that boto3 would."""

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        headers = HTTPHeaders()
        for name, value in request.headers.items():
            headers[name] = value
        return headers

    def payload(self, request: AWSRequest) -> str:
        return str(request.headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD"))


def _check_signature(request: Any, signed: _Signed, secret: str, token: str | None) -> None:
    if not signed.signature:
        return
    try:
        expected = _expected_signature(request, signed, Credentials(signed.access_key_id, secret, token))
    except (KeyError, ValueError) as error:
        raise Refusal("AccessDenied", "The request's signature is incomplete.") from error
    if not hmac.compare_digest(expected, signed.signature):
        message = "The request signature we calculated does not match the signature you provided."
        raise Refusal("SignatureDoesNotMatch", message)


def _expected_signature(request: Any, signed: _Signed, credentials: Credentials) -> str:
    _date, region, service, _ = signed.scope
    query = request.query_string.decode()
    url = f"http://{request.headers['Host']}{get_raw_path(request)}" + (f"?{query}" if query else "")
    headers = {name: request.headers[name] for name in signed.header_names}
    asked = AWSRequest(request.method, url, headers=headers)
    asked.context["timestamp"] = request.headers["X-Amz-Date"]
    verifier = _Verifier(credentials, service, region)
    return str(verifier.signature(verifier.string_to_sign(asked, verifier.canonical_request(asked)), asked))


def _check_permission(context: Any, session: Session) -> None:
    policy_sets = list(_policy_sets(session))
    request: dict[str, Any] = dict(context.service_request or {})
    headers = {name.lower(): value for name, value in context.request.headers.items()}
    for ask in asks_of(context.operation.name, request, headers, session.account_id):
        if not all(allows(policies, ask) for policies in policy_sets):
            raise Refusal("AccessDenied", "Access Denied")


def _policy_sets(session: Session) -> Iterator[list[Document]]:
    """Yield sets of policies; a request must be allowed by each of them."""
    if session.policy:
        yield [json.loads(session.policy)]
    policies = sessions.policies_of_role(session)
    if policies is None:
        raise Refusal("AccessDenied", f"{session.role_arn} does not exist")
    yield [_document(each) for each in policies]
    boundary = sessions.boundary_of_role(session)
    if boundary is not None:
        yield [_document(each) for each in boundary]


def _document(text: Any) -> Document:
    if not isinstance(text, str):
        return dict(text)
    return dict(json.loads(text if text.lstrip().startswith("{") else unquote(text)))


def _now() -> datetime:
    return datetime.now(UTC)
