"""Credentials in memory, in place of STS."""

from dataclasses import dataclass
from datetime import timedelta
from typing import override

from linkage.models import Credentials
from linkage.ports import CredentialIssuer
from linkage.testing.clock import Clock


@dataclass
class MemoryCredentials(CredentialIssuer):
    """An issuer of made-up credentials, which no store accepts."""

    clock: Clock

    @override
    def issue_for_upload(self, prefix: str, *, session_name: str) -> Credentials:
        return Credentials(f"key-{session_name}", "secret", f"session-{prefix}", self.clock() + timedelta(hours=1))

    @override
    def issue_for_download(self, key: str, *, session_name: str) -> Credentials:
        return self.issue_for_upload(key, session_name=session_name)
