"""The file that tells the Lambda executor where MinIO is, and which MinIO user each role is.

On AWS a function gets its role's credentials from Lambda. Here Lambda is LocalStack's with an executor of ours, which
hands each function the credentials of the MinIO user that stands for its role. They are in a file, and not in the
template's parameters or the functions' settings, so that nothing that is deployed knows of them.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class User:
    """A MinIO user."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


def write_settings(file: Path, endpoint_url: str, users: Mapping[str, User]) -> None:
    """Write MinIO's URL and the user of each role to a file that only its owner can read, whole or not at all."""
    partial = file.with_suffix(".partial")
    partial.touch(mode=0o600)
    content = {"endpoint_url": endpoint_url, "users": {role: asdict(user) for role, user in users.items()}}
    partial.write_text(json.dumps(content))
    partial.replace(file)


def with_object_store(variables: Mapping[str, str], file: Path, role_arn: str) -> dict[str, str]:
    """Return a function's environment variables with MinIO's URL and its role's MinIO user in place of S3's.

    A role that is not known gets the endpoint alone: what it asks for, MinIO refuses.
    """
    settings = json.loads(file.read_text())
    endpoint_url = settings["endpoint_url"]
    changed = {**variables, "AWS_ENDPOINT_URL_S3": endpoint_url, "AWS_ENDPOINT_URL_STS": endpoint_url}
    if user := settings["users"].get(role_arn.rpartition("/")[2]):
        changed.pop("AWS_SESSION_TOKEN", None)
        changed.update(AWS_ACCESS_KEY_ID=user["access_key_id"], AWS_SECRET_ACCESS_KEY=user["secret_access_key"])
    return changed
