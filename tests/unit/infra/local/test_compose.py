"""The servers for those who have Docker: pinned, on loopback, without a password that everybody knows.

There is no Docker where the tests run, so what is held here is the file's form.
"""

import re

import pytest
import yaml

from infra.local.minio.program import MODULE, VERSION
from infra.local.servers.localstack import SERVICES
from infra.packaging import ROOT

FILE = ROOT / "infra" / "local" / "compose.yaml"
COMPOSE = yaml.safe_load(FILE.read_text())
KNOWN_KEYS = {
    "build", "command", "environment", "healthcheck", "image", "networks", "ports", "security_opt", "user", "volumes",
}  # fmt: skip

each_service = pytest.mark.parametrize("service", COMPOSE["services"].values(), ids=COMPOSE["services"].keys())


def test_it_has_the_four_servers():
    assert set(COMPOSE["services"]) == {"postgres", "valkey", "minio", "localstack"}
    assert set(COMPOSE) == {"name", "services", "networks", "volumes"}


@each_service
def test_every_image_is_pinned_by_a_version_and_by_a_digest_if_it_says_one(service):
    assert re.fullmatch(r"[a-z/-]+:\d[\w.-]*(@sha256:[0-9a-f]{64})?", service["image"])
    assert set(service) <= KNOWN_KEYS


@each_service
def test_every_port_is_on_loopback(service):
    assert service["ports"]
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in service["ports"])


@each_service
def test_every_password_is_given_by_who_starts_it(service):
    passwords = {name: value for name, value in service["environment"].items() if "PASSWORD" in name}
    assert all(re.fullmatch(rf"\$\{{{name}:\?.+\}}", value) for name, value in passwords.items())


@each_service
def test_every_server_says_when_it_is_ready(service):
    assert {"test", "interval", "timeout", "retries"} <= set(service["healthcheck"])


@each_service
def test_every_variable_is_a_text(service):
    """YAML would make booleans and numbers of some, which compose writes in its own way."""
    assert all(isinstance(value, str) for value in service["environment"].values())


@each_service
def test_every_named_volume_is_declared(service):
    names = {volume.partition(":")[0] for volume in service.get("volumes", [])}
    assert {name for name in names if not name.startswith("/")} <= set(COMPOSE["volumes"])


def test_minio_is_the_one_that_make_minio_builds():
    assert f"{MODULE}@{VERSION}" in COMPOSE["services"]["minio"]["build"]["dockerfile_inline"]


def test_localstack_is_the_last_image_that_needs_no_token():
    localstack = COMPOSE["services"]["localstack"]
    assert localstack["image"] == "localstack/localstack:4.9.2"
    assert localstack["environment"]["SERVICES"] == SERVICES
