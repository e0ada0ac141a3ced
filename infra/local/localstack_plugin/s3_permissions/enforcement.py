"""Check the signature of each request to S3, and enforce policies, as on AWS.

LocalStack checks neither (of a signature, only a presigned URL's). Here each request to S3 must be signed with
credentials that STS has issued and that have not expired, and be allowed by the session policy, by the role's own
policies and by its boundary: a party's temporary credentials and a function's role are held to what the template says.
What is not understood is refused.

The key `test` is whoever deploys, and may do anything. Bucket policies are not looked at, and neither is whether a body
is the one that was signed.
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
from localstack.aws.api import CommonServiceException
from localstack.http.request import get_raw_path

from infra.local.localstack_plugin.s3_permissions import sessions
from infra.local.localstack_plugin.s3_permissions.policies import Ask, Document, allows
from infra.local.localstack_plugin.s3_permissions.sessions import Session

ADMINISTRATOR = "test"
_ALGORITHM = "AWS4-HMAC-SHA256"
_PARTITION = "aws"

# The actions of requests that are not called like their action; a copy reads its source as well.
_ACTIONS = {
    "AbortMultipartUpload": "AbortMultipartUpload",
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListParts": "ListMultipartUploadParts",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
}
_VERSIONED = {"GetObject", "DeleteObject"}


def install() -> None:
    """Check every request to S3 from now on."""
    sessions.install()
    handlers.serve_custom_service_request_handlers.append(_check)


# Credentials that functions hold. On AWS a function's are renewed by Lambda, here they are those of its environment.
_of_functions: set[str] = set()


def keep_alive(access_key_id: str) -> None:
    """Let a function's credentials live as long as the function's environment."""
    _of_functions.add(access_key_id)


def _check(_chain: object, context: Any, _response: object) -> None:
    is_s3 = context.service is not None and context.service.service_name == "s3"
    # A preflight request of a browser is not signed, and answers nothing about an object.
    if not is_s3 or context.is_internal_call or context.operation is None or context.request.method == "OPTIONS":
        return
    signed = _signature_of(context.request)
    if signed.access_key_id == ADMINISTRATOR:
        _check_signature(context.request, signed, ADMINISTRATOR, None)
        return
    session = _session(signed.access_key_id)
    if signed.token != session.session_token:
        raise _refusal("InvalidToken", "The provided token is malformed or otherwise invalid.")
    if session.expiration < _now() and signed.access_key_id not in _of_functions:
        raise _refusal("ExpiredToken", "The provided token has expired.")
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
    if algorithm != _ALGORITHM:
        raise _refusal("AccessDenied", "Requests are signed with signature version 4, or not served.")
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
    raise _refusal("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")


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
        raise _refusal("AccessDenied", "The request's signature is incomplete.") from error
    if not hmac.compare_digest(expected, signed.signature):
        message = "The request signature we calculated does not match the signature you provided."
        raise _refusal("SignatureDoesNotMatch", message)


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
    for ask in _asks(context, session.account_id):
        if not all(allows(policies, ask) for policies in policy_sets):
            raise _refusal("AccessDenied", "Access Denied")


def _policy_sets(session: Session) -> Iterator[list[Document]]:
    """Yield sets of policies; a request must be allowed by each of them."""
    if session.policy:
        yield [json.loads(session.policy)]
    policies = sessions.policies_of_role(session)
    if policies is None:
        raise _refusal("AccessDenied", f"{session.role_arn} does not exist")
    yield [_document(each) for each in policies]
    boundary = sessions.boundary_of_role(session)
    if boundary is not None:
        yield [_document(each) for each in boundary]


def _document(text: Any) -> Document:
    if not isinstance(text, str):
        return dict(text)
    return dict(json.loads(text if text.lstrip().startswith("{") else unquote(text)))


def _asks(context: Any, account_id: str) -> Iterator[Ask]:
    request: dict[str, Any] = dict(context.service_request or {})
    bucket, operation = request.get("Bucket", "*"), context.operation.name
    conditions = {
        "aws:SecureTransport": "true",  # what is plain on loopback is TLS on AWS
        "aws:PrincipalAccount": account_id,
        "aws:ResourceAccount": account_id,
        "s3:ResourceAccount": account_id,
        "s3:prefix": request.get("Prefix", ""),
    }
    if operation == "DeleteObjects":
        for each in request["Delete"]["Objects"]:
            yield Ask(f"s3:DeleteObject{'Version' * ('VersionId' in each)}", _arn(bucket, each["Key"]), conditions)
        return
    action = _ACTIONS.get(operation, operation)
    if action in _VERSIONED and request.get("VersionId"):
        action += "Version"
    yield Ask(f"s3:{action}", _arn(bucket, request.get("Key")), conditions)
    if source := request.get("CopySource"):
        yield Ask("s3:GetObject", f"arn:{_PARTITION}:s3:::{_source(source)}", conditions)


def _arn(bucket: str, key: str | None) -> str:
    return f"arn:{_PARTITION}:s3:::{bucket}" + (f"/{key}" if key is not None else "")


def _source(copied: Any) -> str:
    return unquote(str(copied)).partition("?")[0].lstrip("/")


def _now() -> datetime:
    return datetime.now(UTC)


def _refusal(code: str, message: str) -> CommonServiceException:
    return CommonServiceException(code, message, status_code=403)
