"""Temporary credentials that open nothing."""

from dataclasses import dataclass
from datetime import timedelta

from typing_extensions import override

from linkage.models import Credentials
from linkage.ports import CredentialIssuer
from linkage.testing.clock import Clock


@dataclass
class MemoryCredentials(CredentialIssuer):
    """See `linkage.ports.CredentialIssuer`. What it issues opens nothing."""

    clock: Clock

    @override
    def issue(self, prefix: str, *, session_name: str) -> Credentials:
        return Credentials(f"key-{session_name}", "secret", f"session-{prefix}", self.clock() + timedelta(hours=1))

    @override
    def issue_reading(self, key: str, *, session_name: str) -> Credentials:
        return self.issue(key, session_name=session_name)
