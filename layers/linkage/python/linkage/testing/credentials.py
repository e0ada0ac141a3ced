"""Temporary credentials that open nothing."""

from dataclasses import dataclass
from datetime import timedelta

from linkage.models import (
    Credentials,
)
from linkage.testing.clock import Clock


@dataclass
class MemoryCredentials:
    """See `linkage.ports.CredentialIssuer`. What it issues opens nothing."""

    clock: "Clock"

    def issue(self, prefix: str, *, session_name: str) -> Credentials:
        """Return made-up credentials for the prefix."""
        return Credentials(f"key-{session_name}", "secret", f"session-{prefix}", self.clock() + timedelta(hours=1))

    def issue_reading(self, key: str, *, session_name: str) -> Credentials:
        """Return made-up credentials for the object."""
        return self.issue(key, session_name=session_name)
