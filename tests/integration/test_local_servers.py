"""The local stack stops every process that it started, even one that ignores signals."""

import io
import os
import signal
import socket
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import psutil
import pytest

from infra.local import processes
from infra.local.servers import free_port, localstack, postgres, valkey
from infra.local.servers.running import running
from infra.local.stack import StackFailed, start_stack


def test_each_server_listens_on_loopback_alone_and_is_gone_afterwards(tmp_path):
    for module in (postgres, valkey):
        folder = tmp_path / module.__name__
        folder.mkdir()
        with running(module.prepare(folder), tmp_path / "logs") as server:
            assert urlsplit(server.url).hostname == "127.0.0.1"
            assert server.is_ready()
        assert not server.is_ready()
        if module is postgres:
            postgres.delete_data(folder)


def test_functions_end_with_a_localstack_that_is_killed(tmp_path):
    with running(localstack.prepare(tmp_path, api_port=free_port()), tmp_path / "logs") as server:
        pid = int(invoke_probe(server.url))
        psutil.Process(pid).parent().kill()

        assert processes.wait_until(lambda: not psutil.pid_exists(pid), patience_s=10)


def invoke_probe(url):
    """Make a function that answers with its process id, and invoke it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("probe.py", "import os\ndef handler(event, context): return os.getpid()\n")
    client = boto3.client(
        "lambda", endpoint_url=url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    client.create_function(
        FunctionName="probe",
        Runtime="python3.13",
        Role="arn:aws:iam::000000000000:role/any",
        Handler="probe.handler",
        Code={"ZipFile": packed.getvalue()},
    )
    client.get_waiter("function_active_v2").wait(FunctionName="probe", WaiterConfig={"Delay": 1})
    return client.invoke(FunctionName="probe")["Payload"].read()


def test_a_taken_port_is_named_and_nothing_is_left(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(StackFailed, match=str(port)):
            start_stack(tmp_path / "stack", port=port)


def test_a_process_is_known_by_more_than_its_id(tmp_path):
    process = processes.start(["sleep", "60"], log=tmp_path / "log", environment={"PATH": os.defpath})
    stranger = processes.Process(process.pid, "1")

    processes.stop(stranger)
    assert process.is_running()
    assert not stranger.is_running()
    processes.stop(process, signal.SIGTERM)
    assert not process.is_running()


def test_a_process_that_ignores_the_signal_is_killed(tmp_path):
    command = ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"]
    process = processes.start(command, log=tmp_path / "log", environment={"PATH": os.defpath})
    assert processes.wait_until(lambda: (tmp_path / "log").read_text() != "", patience_s=10)

    processes.stop(process, signal.SIGTERM, patience_s=0.2)

    assert not process.is_running()
    assert not psutil.pid_exists(process.pid)


def test_a_process_is_known_again_by_what_was_written_down(tmp_path):
    earlier = psutil.Process().children()  # of the stack that other tests of this process use
    with running(valkey.prepare(tmp_path), tmp_path / "logs"):
        (server,) = (child for child in psutil.Process().children() if child not in earlier)
        fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()

        assert processes.Process(server.pid, fields[19]).is_running()
        assert not processes.Process(server.pid, str(int(fields[19]) + 1)).is_running()


def test_localstack_is_prepared_for_loopback(tmp_path):
    server = localstack.prepare(tmp_path, api_port=1)

    assert server.environment["GATEWAY_LISTEN"].startswith("127.0.0.1:")
