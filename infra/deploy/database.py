"""Create the two users of a managed database that the functions sign in as.

The database can be reached from inside of its network alone, so this goes by the Data API,
which AWS answers from outside to whoever may use it and may read the administrator's secret.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from infra.deploy.errors import DeploymentFailed

if TYPE_CHECKING:
    from infra.deploy.clouds import Cloud

DATABASE = "linkage"
OWNER = "linkage_owner"  # of the tables: the migrations
SERVICE = "linkage_service"  # every other function; the owner lets it use the tables: functions/migrate.py
IDLE_S = 60
_WAKE_UP_S = 120.0
_ASLEEP = {"DatabaseResumingException", "DatabaseUnavailableException", "ServiceUnavailableError"}


def statements() -> list[str]:
    """Return the SQL statements that create the users, or put them right; they may be repeated.

    A session that does nothing is ended by the server: a function that is frozen cannot, and
    the database does not sleep while anybody is connected.

    The administrator itself must not be made a member of these users: RDS has whoever belongs to
    ``rds_iam``, be it by way of another role, sign in with IAM alone, and the Data API has its password.
    """
    users = [statement for user in (OWNER, SERVICE) for statement in _user(user)]
    return [
        *users,
        f"GRANT CONNECT ON DATABASE {DATABASE} TO {OWNER}, {SERVICE}",
        f"GRANT USAGE, CREATE ON SCHEMA public TO {OWNER}",
        f"GRANT USAGE ON SCHEMA public TO {SERVICE}",
    ]


def _user(name: str) -> list[str]:
    return [
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}')"
        f" THEN CREATE ROLE {name} LOGIN; END IF; END $$",
        f"GRANT rds_iam TO {name}",
        f"ALTER ROLE {name} SET idle_session_timeout = '{IDLE_S}s'",
        f"ALTER ROLE {name} SET idle_in_transaction_session_timeout = '{IDLE_S}s'",
    ]


def prepare_database(cloud: Cloud, outputs: Mapping[str, str], progress: Callable[[str], None]) -> None:
    """Create the functions' users in the stack's database, if it brings one."""
    if "DatabaseArn" not in outputs:
        return
    started = time.monotonic()
    for statement in statements():
        _execute(cloud, outputs, statement, deadline=started + _WAKE_UP_S)
    progress(f"database users prepared in {time.monotonic() - started:.1f} s")


def _execute(cloud: Cloud, outputs: Mapping[str, str], statement: str, *, deadline: float) -> None:
    """Run one statement, and wait for a paused database to resume."""
    while True:
        try:
            cloud.sql.execute_statement(
                resourceArn=outputs["DatabaseArn"],
                secretArn=outputs["DatabaseSecretArn"],
                database=DATABASE,
                sql=statement,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _ASLEEP or time.monotonic() >= deadline:
                raise DeploymentFailed(f"cannot create the database's users: {error}") from error
            time.sleep(cloud.poll_interval_s)
        else:
            return
