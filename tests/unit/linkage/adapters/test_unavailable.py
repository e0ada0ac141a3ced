"""Transient errors are told from permanent ones, for every service that may not answer."""

from contextlib import closing

import boto3
import psycopg2
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectTimeoutError

from linkage.adapters.credentials import Grant, StsCredentials
from linkage.adapters.database import Database
from linkage.adapters.objects import S3Objects
from linkage.adapters.queues import SqsQueues
from linkage.errors import DatabaseUnavailable, DownstreamUnavailable
from linkage.messages import SolveRun

ONCE = Config(retries={"mode": "standard", "max_attempts": 1})
URL = "https://sqs.us-east-1.amazonaws.com/1/q"


class Raw:
    """The body of an answer."""

    def __init__(self, body):
        self._body = body

    def stream(self):
        yield self._body


def answering(service, status, code):
    """A client of a service that gives every request the same answer."""
    client = boto3.client(
        service, config=ONCE, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s"
    )
    xml = f"<Error><Code>{code}</Code></Error>"
    body = {
        "s3": xml,
        "sts": f"<ErrorResponse>{xml}</ErrorResponse>",
        "sqs": f'{{"__type": "com.amazonaws.sqs#{code}"}}',
    }[service]
    answer = AWSResponse("https://any", status, {}, Raw(body.encode()))
    client.meta.events.register("before-send", lambda **_: answer)
    return client


def use_s3(client):
    S3Objects(client).put("b", "k", b"x")


def use_sqs(client):
    SqsQueues(client, {"solve": URL}, {}).send(SolveRun(project_id="p", run_id="r"))


def use_sts(client):
    grant = Grant("arn:aws:iam::1:role/upload", "bucket")
    credentials = StsCredentials(client, uploads=grant, downloads=grant, duration_s=900)
    credentials.issue_for_upload("p/q", session_name="session")


USES = [("s3", use_s3), ("sqs", use_sqs), ("sts", use_sts)]


@pytest.mark.parametrize(("service", "use"), USES)
@pytest.mark.parametrize(
    ("status", "code"), [(503, "SlowDown"), (400, "ThrottlingException"), (429, "Any"), (500, "InternalError")]
)
def test_a_service_that_is_too_busy_is_unavailable(service, use, status, code):
    with closing(answering(service, status, code)) as client, pytest.raises(DownstreamUnavailable):
        use(client)


@pytest.mark.parametrize(("service", "use"), USES)
def test_a_service_that_cannot_be_reached_is_unavailable(service, use):
    def fail(**_):
        raise ConnectTimeoutError(endpoint_url="https://any")

    with closing(answering(service, 200, "")) as client:
        client.meta.events.register_first("before-send", fail)
        with pytest.raises(DownstreamUnavailable):
            use(client)


@pytest.mark.parametrize(("service", "use"), USES)
def test_a_refusal_stays_what_it_is(service, use):
    with closing(answering(service, 403, "AccessDenied")) as client, pytest.raises(ClientError, match="AccessDenied"):
        use(client)


def test_a_database_that_cannot_be_reached_is_unavailable():
    database = Database("postgresql://127.0.0.1:1/x", wake_up_s=0)

    with pytest.raises(DatabaseUnavailable):
        database.fetch_one("SELECT 1")


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (psycopg2.OperationalError, DatabaseUnavailable),
        (psycopg2.errors.AdminShutdown, DatabaseUnavailable),
        (psycopg2.errors.DeadlockDetected, DatabaseUnavailable),
        (psycopg2.InterfaceError, DatabaseUnavailable),
        (psycopg2.ProgrammingError, psycopg2.ProgrammingError),
    ],
)
def test_a_database_that_goes_away_is_unavailable_and_a_wrong_statement_is_not(monkeypatch, error, raised):
    database = Database("postgresql://any")
    monkeypatch.setattr(database, "_ready_connection", FakeConnection)

    def fail():
        with database.transaction():
            raise error

    with pytest.raises(raised):
        fail()


class FakeConnection:
    """Stands for a connection and for its cursor."""

    def cursor(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        return False
