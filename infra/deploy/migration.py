"""Run the migrate function of a stack, which brings its database's tables up to date."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from infra.deploy.errors import DeploymentFailed

if TYPE_CHECKING:
    from infra.deploy.clouds import Cloud


def migrate(cloud: Cloud, function: str, progress: Callable[[str], None]) -> None:
    """Run the function and wait; a failed migration fails the deployment.

    It runs where the database can be reached, which need not be from here.
    """
    started = time.monotonic()
    answer = cloud.functions.invoke(FunctionName=function, LogType="Tail")
    payload = answer["Payload"].read().decode()
    if "FunctionError" in answer:
        log = base64.b64decode(answer.get("LogResult", "")).decode()
        raise DeploymentFailed(f"the migration failed: {payload}\n{log}")
    progress(f"database migrated in {time.monotonic() - started:.1f} s")
