"""Fixtures of every tier: data to link, and the deployed local stack."""

# ruff: noqa: E402
import json
import os
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

import tests

# Before the imports below: an assertion that fails in what supports the tests shows its values too.
pytest.register_assert_rewrite(*(f"tests.{module.name}" for module in pkgutil.iter_modules(tests.__path__)))

from infra.local.minio.program import why_unavailable
from infra.local.stack import LOCALSTACK, MINIO, OBJECT_STORES, PACKAGES, Stack, delete_data, running_stack
from infra.local.state import locked
from infra.packaging import build
from infra.trial.trial import DEPLOYMENT_VARIABLE
from linkage.settings import Settings
from linkage.testing.world import in_memory_world
from tests.driving import Encodings, driver
from tests.worlds.servers import BUCKETS, ROLE, WorldsOnServers, create_database

StackWith = Callable[[str], Stack]
HERE = Path(__file__).parent
CHOSEN_STORE = os.environ.get("OBJECT_STORE")

# Machines are shared and noisy: time decides nothing here. The number of examples is each test's own.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

if CHOSEN_ENGINE := os.environ.get("TEST_ENGINE"):  # every test that runs in this process then takes that engine
    Settings.model_fields["engine"].default = CHOSEN_ENGINE
    Settings.model_rebuild(force=True)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark tests that need servers, and tests that build or run programs or need the packages that are built."""
    tier, *_ = item.path.relative_to(HERE).parts
    if tier in {"integration", "e2e"}:
        item.add_marker(pytest.mark.servers)
    if tier == "builds" or "packages" in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.builds)


class ByStack(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Give all tests that need the same stack to one process, so that each stack is started once.

    On LocalStack there are two, one of them for the end-to-end tests: one process would work long after the others.
    """

    def _split_scope(self, nodeid: str) -> str:
        """Return a test's scope: its file for builds and servers of its own, otherwise a stack."""
        file, _, name = nodeid.partition("::")
        servers_of_its_own = file.endswith(("/test_local_minio.py", "/test_local_servers.py"))
        if servers_of_its_own or file.startswith(("tests/builds/", "tests/unit/")):
            return file
        if MINIO in name.partition("[")[2]:
            return MINIO
        return "end to end" if file.startswith("tests/e2e/") else LOCALSTACK


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Let ``--dist loadscope`` distribute the tests by stack."""
    return ByStack(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.fixture(scope="session")
def stack_with(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackWith]:
    """A function from an object store to the service, deployed with it to a local stack of the tests' own.

    Each is on free ports and ends with the tests.
    """
    with ExitStack() as cleanup:
        started: dict[str, Stack] = {}

        def start(object_store: str) -> Stack:
            if object_store not in started:
                skip_without(object_store)
                state = tmp_path_factory.mktemp(f"stack-{object_store}")
                cleanup.callback(delete_data, state)
                stack = running_stack(state, object_store=object_store, progress=print)
                started[object_store] = cleanup.enter_context(stack)
            return started[object_store]

        yield start


def skip_without(object_store: str) -> None:
    """Skip tests of an object store that is not available here, or that OBJECT_STORE excludes."""
    if CHOSEN_STORE not in {None, "", object_store}:
        pytest.skip(f"OBJECT_STORE={CHOSEN_STORE}")
    if object_store == MINIO and (reason := why_unavailable()):
        pytest.skip(reason)


@pytest.fixture(scope="session")
def stack(stack_with: StackWith) -> Stack:
    """The service, deployed to a local stack of the tests' own, with the object store that OBJECT_STORE names.

    Or one that is deployed already, wherever: a trial (see `infra.trial.trial`) says where it is.
    """
    return deployed() or stack_with(CHOSEN_STORE or LOCALSTACK)


@pytest.fixture(scope="session", params=OBJECT_STORES)
def each_stack(stack_with: StackWith, request: pytest.FixtureRequest) -> Stack:
    """The service with the one object store, then with the other; a deployment has one of its own."""
    if given := deployed():
        if request.param != OBJECT_STORES[0]:
            pytest.skip("a deployment has one object store")
        return given
    return stack_with(request.param)


def deployed() -> Stack | None:
    """Return the deployment that a trial names; None if there is none."""
    described = os.environ.get(DEPLOYMENT_VARIABLE)
    if not described:
        return None
    given = json.loads(Path(described).read_text())
    return Stack(**{**given, "state": Path(given["state"]), "s3_credentials": tuple(given["s3_credentials"])})


@pytest.fixture(scope="session")
def packages() -> Path:
    """The packages that are deployed; processes that test side by side build them one after the other."""
    with locked(PACKAGES.with_name("tests")):
        return build(PACKAGES)


@pytest.fixture(scope="session")
def datasets() -> list[Encodings]:
    """Three data sets of 50 records that share entities, with a few bits of noise."""
    generator = np.random.default_rng(7)
    entities = generator.integers(0, 256, (60, 16), dtype=np.uint8)
    noise = [np.packbits(generator.random((50, 128)) < 0.02, axis=1) for _ in range(3)]
    return [entities[generator.permutation(60)[:50]] ^ flips for flips in noise]


@pytest.fixture(scope="session")
def expected(datasets: list[Encodings]) -> bytes:
    """The result of linking them, undisturbed: bytes."""
    return driver(in_memory_world()).link(datasets)


@pytest.fixture(scope="session")
def database_url(stack: Stack) -> str:
    """A database of the tests' own, with the schema of this version."""
    return create_database(stack)


@pytest.fixture(scope="session")
def redis_url(stack: Stack) -> str:
    return stack.redis_url.rstrip("/").removesuffix("/0") + "/1"


@pytest.fixture
def aws(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have boto3 speak to the stack."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", stack.aws_endpoint_url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", stack.s3_endpoint_url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", stack.s3_endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", stack.s3_credentials[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", stack.s3_credentials[1])
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def worlds_on_servers(database_url: str, redis_url: str, aws: None) -> Iterator[WorldsOnServers]:
    worlds = WorldsOnServers({"DATABASE_URL": database_url, "REDIS_URL": redis_url, "UPLOAD_ROLE_ARN": ROLE, **BUCKETS})
    worlds.empty()
    yield worlds
    worlds.close()
