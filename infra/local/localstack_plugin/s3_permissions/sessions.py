"""Remember the sessions that STS has begun: LocalStack keeps their credentials, but not what they may do."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from localstack.aws.api import CommonServiceException
from localstack.services.iam.models import IamStore, RoleEntity, iam_stores
from localstack.services.sts.provider import StsProvider
from localstack.utils.aws.arns import extract_account_id_from_arn
from localstack.utils.patch import patch

MOST_POLICY_CHARACTERS = 2_048
"""Of a session policy. AWS also packs it, by rules that it does not tell, and refuses what is too large then."""
_ANY_REGION = "us-east-1"  # IAM's store is the same in all of them


@dataclass(frozen=True)
class Session:
    """Temporary credentials, and the policies that bound them."""

    secret_access_key: str
    session_token: str
    expiration: datetime
    role_arn: str
    policy: str | None
    """The session policy: a JSON document."""

    @property
    def account_id(self) -> str:
        """The account of the role."""
        return str(extract_account_id_from_arn(self.role_arn))


_sessions: dict[str, Session] = {}


def install() -> None:
    """Remember each session from now on."""
    patch(StsProvider.assume_role)(_remember)


def find(access_key_id: str) -> Session | None:
    """Return the session of an access key, or None if STS did not issue it."""
    return _sessions.get(access_key_id)


def policies_of_role(session: Session) -> list[Any] | None:
    """Return the documents of the role's own policies, or None if there is no such role."""
    store = iam_stores[session.account_id][_ANY_REGION]
    role = _role(store, session)
    if role is None:
        return None
    return [*role.inline_policies.values(), *_managed(store, role.attached_policy_arns)]


def boundary_of_role(session: Session) -> list[Any] | None:
    """Return the document of the role's permissions boundary, or None if it has none."""
    store = iam_stores[session.account_id][_ANY_REGION]
    role = _role(store, session)
    boundary = role.role.get("PermissionsBoundary") if role else None
    return list(_managed(store, [boundary["PermissionsBoundaryArn"]])) if boundary else None


def _remember(original: Any, provider: Any, context: Any, role_arn: str, *rest: Any, **request: Any) -> Any:
    if len(request.get("policy") or "") > MOST_POLICY_CHARACTERS:
        message = f"Value at 'policy' failed to satisfy constraint: at most {MOST_POLICY_CHARACTERS} characters"
        raise CommonServiceException("ValidationError", f"1 validation error detected: {message}")
    answer = original(provider, context, role_arn, *rest, **request)
    issued = answer["Credentials"]
    if duration_s := request.get("duration_seconds"):
        # LocalStack makes 900 s of anything shorter, which only a test asks for, to see credentials expire.
        issued["Expiration"] = datetime.now(UTC) + timedelta(seconds=duration_s)
    _sessions[issued["AccessKeyId"]] = Session(
        issued["SecretAccessKey"], issued["SessionToken"], issued["Expiration"], role_arn, request.get("policy")
    )
    return answer


def _role(store: IamStore, session: Session) -> RoleEntity | None:
    role: RoleEntity | None = store.ROLES.get(session.role_arn.rpartition("/")[2])
    return role if role and role.role["Arn"] == session.role_arn else None


def _managed(store: IamStore, arns: list[str]) -> Iterator[Any]:
    """Yield the documents of an account's own managed policies; AWS's are not looked at, so they allow nothing."""
    for arn in arns:
        if policy := store.MANAGED_POLICIES.get(arn):
            yield next(version["Document"] for version in policy.versions.values() if version["IsDefaultVersion"])
