"""MinIO beside the service on one machine: the bridge, the build, the functions' settings."""

import json
import stat
import threading
from http import HTTPStatus

import pytest
import requests
from botocore.exceptions import EndpointConnectionError

from infra.local import __main__
from infra.local.kept_secrets import kept_secret
from infra.local.minio import program
from infra.local.minio.bridge import Bridge, as_s3_event
from infra.local.minio.mirror import _of_s3
from infra.local.minio.settings import User, with_object_store, write_settings
from linkage.store.events import manifest_keys

TOKEN = "token-of-the-test"
KEY = "intake/p%20roject/ü+1.json"
EVENT = {
    "EventName": "s3:ObjectCreated:Put",
    "Key": "store/intake/project/1.json",
    "Records": [
        {
            "eventSource": "minio:s3",
            "eventName": "s3:ObjectCreated:Put",
            "s3": {
                "bucket": {"name": "store"},
                "object": {"key": "intake%2Fp%2520roject%2F%C3%BC%2B1.json", "size": 1, "eTag": "e"},
            },
        }
    ],
}


@pytest.fixture
def bridge():
    """A bridge whose queue is a list, until a test breaks it."""
    sent = []
    with Bridge(("127.0.0.1", 0), token=TOKEN, send=sent.append) as server:
        server.sent = sent
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def post(bridge, body, token=TOKEN):
    url = f"http://127.0.0.1:{bridge.server_port}/events"
    return requests.post(url, data=body, headers={"Authorization": f"Bearer {token}"}, timeout=10).status_code


def test_an_event_arrives_as_s3_would_have_sent_it(bridge):
    assert post(bridge, json.dumps(EVENT)) == HTTPStatus.OK

    (message,) = bridge.sent
    assert manifest_keys(message) == [KEY]
    (record,) = json.loads(message)["Records"]
    assert (record["eventSource"], record["eventName"]) == ("aws:s3", "ObjectCreated:Put")
    assert record["s3"]["object"]["key"] == "intake/p%2520roject/%C3%BC%2B1.json"
    assert record["s3"]["bucket"] == {"name": "store"}


def test_an_event_that_the_queue_does_not_take_is_not_acknowledged(bridge):
    def refuse(_message):
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

    bridge.send = refuse
    assert post(bridge, json.dumps(EVENT)) == HTTPStatus.SERVICE_UNAVAILABLE

    bridge.send = bridge.sent.append
    assert post(bridge, json.dumps(EVENT)) == HTTPStatus.OK
    assert len(bridge.sent) == 1


@pytest.mark.parametrize("token", ["", "x", TOKEN + "x", "ü"])
def test_who_lacks_the_token_sends_nothing(bridge, token):
    assert post(bridge, json.dumps(EVENT), token.encode().decode("latin-1")) == HTTPStatus.FORBIDDEN
    assert bridge.sent == []


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", '{"Records": [{}]}', '{"Records": 1}', '{"Records": [{"s3": 1}]}']
)
def test_what_is_no_event_is_refused_and_the_bridge_lives(bridge, body):
    assert post(bridge, body) == HTTPStatus.BAD_REQUEST
    assert post(bridge, json.dumps(EVENT)) == HTTPStatus.OK


def test_an_event_is_the_same_however_often_it_is_turned():
    assert manifest_keys(as_s3_event(EVENT)) == manifest_keys(as_s3_event(json.loads(as_s3_event(EVENT))))


def test_a_function_is_told_of_its_own_user_alone(tmp_path):
    file = tmp_path / "object-store.json"
    users = {"role-a": User("key-a", "secret-a"), "role-b": User("key-b", "secret-b")}
    write_settings(file, "http://127.0.0.1:1", users)
    variables = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t", "OTHER": "o"}

    told = with_object_store(variables, file, "arn:aws:iam::000000000000:role/path/role-a")

    assert told == {
        "OTHER": "o",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
        "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "key-a",
        "AWS_SECRET_ACCESS_KEY": "secret-a",
    }


def test_a_role_that_is_not_known_keeps_credentials_that_minio_refuses(tmp_path):
    file = tmp_path / "object-store.json"
    write_settings(file, "http://127.0.0.1:1", {})

    told = with_object_store({"AWS_SESSION_TOKEN": "t"}, file, "arn:aws:iam::000000000000:role/role-a")

    assert told["AWS_SESSION_TOKEN"] == "t"
    assert told["AWS_ENDPOINT_URL_S3"] == "http://127.0.0.1:1"


def test_what_holds_secrets_is_its_owners_alone(tmp_path):
    write_settings(tmp_path / "object-store.json", "http://127.0.0.1:1", {"role": User("key", "secret")})
    secret = kept_secret(tmp_path / "new" / "secret")

    assert len(secret) == 64
    assert kept_secret(tmp_path / "new" / "secret") == secret
    for file in (tmp_path / "object-store.json", tmp_path / "new" / "secret"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "secret" not in repr(User("key", "secret"))


def test_of_a_statement_only_what_is_of_s3_goes_to_minio():
    statement = {"Effect": "Allow", "Action": ["s3:GetObject", "kms:Decrypt"], "Resource": "*"}

    assert _of_s3(statement) == {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*"}
    assert _of_s3({"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}) is None


@pytest.fixture
def unbuilt(tmp_path, monkeypatch):
    """A machine where MinIO is not built yet, and a function that puts a `go` on its path."""
    monkeypatch.setattr(program, "PROGRAMS", tmp_path / "minio")
    monkeypatch.setenv("PATH", str(tmp_path))

    def put_go(script):
        go = tmp_path / "go"
        go.write_text(f"#!/bin/sh\n{script}\n")
        go.chmod(0o755)

    return put_go


def test_without_go_it_says_what_to_install(unbuilt):
    with pytest.raises(program.MinioUnavailable, match=r"Go 1\.24 or later, and there is no `go` here: install it"):
        program.build_minio()
    assert "no `go` here" in program.why_unavailable()


def test_with_an_older_go_it_says_so(unbuilt):
    unbuilt("echo go version go1.22.1 linux/amd64")

    with pytest.raises(program.MinioUnavailable, match=r"this is go version go1\.22\.1"):
        program.build_minio()


def test_a_build_that_fails_shows_what_go_said_and_leaves_nothing(unbuilt):
    unbuilt('[ "$1" = version ] && echo go version go1.26.0 || { echo no such module >&2; exit 1; }')

    with pytest.raises(program.MinioUnavailable, match="no such module"):
        program.build_minio()
    assert not program.program().exists()


def test_it_is_built_once_from_the_pinned_source_into_our_own_folder(unbuilt, monkeypatch):
    monkeypatch.setenv("GOBIN", "/somewhere/else")
    unbuilt(
        """if [ "$1" = version ]; then echo go version go1.26.0; exit; fi
echo "$@" > "$GOBIN/minio" """
    )
    told = []

    built = program.build_minio(told.append)

    assert built.read_text().split() == ["install", "-v", "-trimpath", f"{program.MODULE}@{program.VERSION}"]
    assert program.PROGRAMS in built.parents
    unbuilt("exit 1")
    assert program.build_minio(told.append) == built
    assert program.why_unavailable() is None
    assert "building MinIO" in told[0]


def test_an_object_store_that_does_not_exist_is_refused_and_not_taken_for_another(monkeypatch, capsys):
    """LocalStack's objects are gone with the stack: a misspelt name of MinIO would lose them."""
    monkeypatch.setenv("OBJECT_STORE", "Minio")

    with pytest.raises(SystemExit):
        __main__.main(["up"])

    assert "there is no object store 'Minio'" in capsys.readouterr().err
