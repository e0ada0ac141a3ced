"""Sign in to PostgreSQL and Valkey with IAM: short-lived tokens of the function's role in place of passwords.

A token is a presigned request, made here without a call to AWS: there is no secret to store, rotate or fetch. AWS
checks it (``rds-db:connect``, ``elasticache:Connect``) when a connection is opened.
"""

from typing import Any, override
from urllib.parse import urlencode, urlsplit

import botocore.session
from botocore.exceptions import NoCredentialsError
from botocore.model import ServiceId
from botocore.signers import RequestSigner
from redis.credentials import CredentialProvider

EXPIRES_S = 900
"""The maximum that AWS allows. An open connection outlives its token."""


def database_token(url: str) -> str:
    """Return a token for the user of the database's URL, to be used as its password."""
    parts = urlsplit(url)
    return _signed_connect("rds-db", f"{parts.hostname}:{parts.port}", {"DBUser": parts.username or ""})


class CacheToken(CredentialProvider):
    """Credentials of a serverless cache's user, with a new token for each connection."""

    def __init__(self, cache: str, user: str) -> None:
        self._cache = cache
        self._user = user

    @override
    def get_credentials(self) -> tuple[str, str]:
        query = {"User": self._user, "ResourceType": "ServerlessCache"}
        return self._user, _signed_connect("elasticache", self._cache, query)


def _signed_connect(service: str, host: str, query: dict[str, str]) -> str:
    session = botocore.session.get_session()
    credentials = session.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    region = session.get_config_variable("region")
    emitter = session.get_component("event_emitter")
    signer = RequestSigner(ServiceId(service), region, service, "v4", credentials, emitter)
    request: dict[str, Any] = {
        "method": "GET",
        "url": f"https://{host}/?{urlencode({'Action': 'connect', **query})}",
        "body": {},
        "headers": {},
        "context": {},
    }
    signed: str = signer.generate_presigned_url(request, "connect", region_name=region, expires_in=EXPIRES_S)
    return signed.removeprefix("https://")
