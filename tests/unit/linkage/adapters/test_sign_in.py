"""Functions sign in to the database and the cache with tokens that their role signs, as AWS's own tools make them."""

from urllib.parse import parse_qsl, unquote, urlsplit

import boto3
import pytest
from botocore.exceptions import NoCredentialsError

from linkage.adapters.database import Database
from linkage.adapters.sign_in import CacheToken, database_token
from linkage.adapters.world import connect, migration_url

HOST = "db.example.org"
URL = f"postgresql://linkage_service@{HOST}:5432/linkage?sslmode=verify-full&sslrootcert=/opt/certificates/rds.pem"
ENVIRONMENT = {"UPLOADS_BUCKET": "u", "STORE_BUCKET": "s", "DATABASE_URL": URL, "REDIS_URL": "rediss://cache:6379"}


@pytest.fixture(autouse=True)
def aws(monkeypatch):
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the credentials of earlier tests
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIATEST",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "session",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)


def test_a_database_token_is_what_boto3_makes():
    rds = boto3.client("rds")
    for _ in range(10):  # both say the second; try again where it changed in between
        theirs = rds.generate_db_auth_token(HOST, 5432, "linkage_service")
        ours = database_token(URL)
        if theirs == ours:
            return
    assert ours == theirs


def test_a_cache_token_is_a_request_to_connect_to_a_serverless_cache():
    user, token = CacheToken("linkage-prod", "linkage-prod-functions").get_credentials()

    where, query = urlsplit(f"//{token}").netloc, dict(parse_qsl(urlsplit(f"//{token}").query))
    assert (user, where) == ("linkage-prod-functions", "linkage-prod")
    asked = {name: query[name] for name in ("Action", "User", "ResourceType", "X-Amz-Expires")}
    assert asked == {
        "Action": "connect",
        "User": "linkage-prod-functions",
        "ResourceType": "ServerlessCache",
        "X-Amz-Expires": "900",
    }
    assert query["X-Amz-Credential"].endswith("/eu-west-1/elasticache/aws4_request")
    assert query["X-Amz-Security-Token"] == "session"


def test_without_a_role_it_says_so(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")

    with pytest.raises(NoCredentialsError):
        database_token(URL)


def test_each_connection_has_a_token_of_its_own(monkeypatch):
    tokens, asked = iter(["first", "second"]), []
    monkeypatch.setattr("psycopg2.connect", lambda url, **names: asked.append((url, names["password"])) or object())
    database = Database(URL, token=lambda _url: next(tokens))

    database._connect()
    database._connect()

    assert asked == [(URL, "first"), (URL, "second")]


def test_the_migrations_connect_with_a_token_in_the_place_of_a_password():
    url = urlsplit(migration_url(ENVIRONMENT | {"DATABASE_IAM": "true"}))

    assert (url.username, url.hostname, url.port) == ("linkage_service", HOST, 5432)
    assert unquote(url.password).startswith(f"{HOST}:5432/?Action=connect&DBUser=linkage_service&")
    assert url.query == urlsplit(URL).query


def test_a_database_with_a_password_keeps_it():
    assert migration_url(ENVIRONMENT | {"DATABASE_IAM": "false"}) == URL


def test_a_cache_of_aws_is_reached_by_tls_with_a_token():
    url = "rediss://cache:6379?ssl_cert_reqs=required&ssl_check_hostname=true"
    world = connect(ENVIRONMENT | {"REDIS_URL": url, "REDIS_IAM_CACHE": "linkage-prod", "REDIS_IAM_USER": "functions"})

    connection = world.cache._redis.connection_pool.make_connection()

    assert type(connection).__name__ == "SSLConnection"
    assert connection.check_hostname is True
    assert str(connection.cert_reqs) in {"required", "VerifyMode.CERT_REQUIRED", "2"}
    user, token = connection.credential_provider.get_credentials()
    assert user == "functions"
    assert token.startswith("linkage-prod/?Action=connect")
