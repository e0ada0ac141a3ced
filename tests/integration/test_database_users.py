"""The users of a managed database, on PostgreSQL: one owns the tables, the other uses them, and neither stays for ever.

An administrator as RDS gives one (no superuser, may make roles) runs what a deployment runs by the Data API.
"""

from types import SimpleNamespace
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg2
import pytest
from botocore.exceptions import ClientError
from psycopg2.errors import InsufficientPrivilege

from infra.deploy import DeploymentFailed
from infra.deploy import database as database_module
from infra.deploy.database import OWNER, SERVICE, prepare_database, statements
from linkage.migrations import migrate

ADMIN = "linkage_admin"
ROLES = (OWNER, SERVICE, ADMIN, "rds_iam")


def run(url, *commands):
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            for command in commands:
                cursor.execute(command)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


@pytest.fixture
def database(stack, monkeypatch):
    """A function from a user to the URL of a new database that its administrator owns, as on RDS."""
    name = f"users_{uuid4().hex[:8]}"
    monkeypatch.setattr(database_module, "DATABASE", name)
    run(
        stack.database_url,
        "CREATE ROLE rds_iam",
        f"CREATE ROLE {ADMIN} LOGIN CREATEROLE CREATEDB PASSWORD 'p'",
        f"GRANT rds_iam TO {ADMIN} WITH ADMIN OPTION",
        f"CREATE DATABASE {name} OWNER {ADMIN}",
    )
    where = urlsplit(stack.database_url)

    def url(user):
        host = where.netloc.rpartition("@")[2]
        return where._replace(netloc=f"{user}:p@{host}", path=f"/{name}").geturl()

    yield url
    run(stack.database_url, f"DROP DATABASE {name} WITH (FORCE)")
    roles = run(stack.database_url, f"SELECT rolname FROM pg_roles WHERE rolname IN {ROLES}")
    run(stack.database_url, *(f"DROP ROLE {role}" for (role,) in roles))


@pytest.fixture
def prepared(database):
    """The same, once a deployment has made the users; passwords stand in for IAM tokens."""
    for _ in range(2):  # each deployment does it again
        run(database(ADMIN), *statements())
        run(database(ADMIN), f"ALTER ROLE {OWNER} PASSWORD 'p'", f"ALTER ROLE {SERVICE} PASSWORD 'p'")
        migrate(database(OWNER), shared=True)
    return database


def test_the_service_may_use_the_tables_and_may_not_change_them(prepared):
    url = prepared(SERVICE)

    run(url, "INSERT INTO audit (time, event, project_id) VALUES (now(), 'e', 'p')", "UPDATE audit SET event = 'f'")
    assert run(url, "SELECT event FROM audit") == [("f",)]
    run(url, "DELETE FROM audit")
    for command in ("DROP TABLE audit", "CREATE TABLE other (a int)", "ALTER TABLE audit ADD b int", "TRUNCATE audit"):
        with pytest.raises(InsufficientPrivilege):
            run(url, command)


def test_tables_of_later_migrations_are_the_services_too(prepared):
    run(prepared(OWNER), "CREATE TABLE later (number int GENERATED ALWAYS AS IDENTITY, text text)")

    run(prepared(SERVICE), "INSERT INTO later (text) VALUES ('a')")


def test_the_administrator_may_look_and_not_touch(prepared):
    url = prepared(ADMIN)

    assert run(url, "SELECT count(*) FROM audit") == [(0,)]
    with pytest.raises(InsufficientPrivilege):
        run(url, "DELETE FROM audit")


def test_the_administrator_is_made_a_member_of_no_user_that_signs_in_with_iam(prepared):
    """RDS would then refuse its password, and with it the Data API, which the next deployment and operators use.

    PostgreSQL makes the creator of a role its member, with nothing but the right to grant it.
    """
    roles = run(
        prepared(ADMIN),
        "SELECT role.rolname FROM pg_auth_members JOIN pg_roles AS role ON role.oid = roleid"
        " WHERE member = CURRENT_USER::regrole AND (inherit_option OR set_option)",
    )

    assert roles == [("rds_iam",)]  # by the fixture, so that it may grant it


def test_neither_user_is_more_than_it_seems(prepared):
    users = run(
        prepared(ADMIN),
        "SELECT rolname, rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls,"
        f" pg_has_role(rolname, 'rds_iam', 'MEMBER') FROM pg_roles WHERE rolname IN ('{OWNER}', '{SERVICE}')",
    )

    assert sorted(users) == [(OWNER, False, True), (SERVICE, False, True)]


def test_the_server_ends_sessions_that_do_nothing_so_that_the_database_can_sleep(prepared):
    for user in (OWNER, SERVICE):
        assert run(prepared(user), "SHOW idle_session_timeout") == [("1min",)]
        assert run(prepared(user), "SHOW idle_in_transaction_session_timeout") == [("1min",)]


class DataApi:
    """The Data API, of a database that takes a while to wake up."""

    def __init__(self, url, *codes):
        self.url, self.codes, self.asked = url, list(codes), []

    def execute_statement(self, *, resourceArn, secretArn, database, sql):  # noqa: N803
        self.asked.append((resourceArn, secretArn, database))
        if self.codes:
            raise ClientError({"Error": {"Code": self.codes.pop(0), "Message": "m"}}, "ExecuteStatement")
        run(self.url, sql)


OUTPUTS = {"DatabaseArn": "cluster", "DatabaseSecretArn": "secret"}


def test_a_deployment_waits_for_a_database_that_sleeps(database):
    api = DataApi(database(ADMIN), "DatabaseResumingException", "DatabaseResumingException")
    cloud = SimpleNamespace(sql=api, poll_interval_s=0)

    prepare_database(cloud, OUTPUTS, lambda _line: None)

    assert set(api.asked) == {("cluster", "secret", database_module.DATABASE)}
    assert len(api.asked) == len(statements()) + 2


def test_a_deployment_that_may_not_says_so():
    cloud = SimpleNamespace(sql=DataApi("", "AccessDeniedException"), poll_interval_s=0)

    with pytest.raises(DeploymentFailed, match="AccessDenied"):
        prepare_database(cloud, OUTPUTS, lambda _line: None)


def test_a_database_of_ones_own_is_left_alone():
    prepare_database(SimpleNamespace(sql=None), {}, lambda _line: None)
