"""The Lambda executor: a function has the permissions and limits of AWS. AWS's own runtime client runs here."""

import json
import os
import textwrap
import time
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from infra.local.environments import python
from infra.local.localstack_plugin.functions.environment import ExecutionEnvironment
from infra.local.localstack_plugin.functions.limits import RESPONSE_BYTES, request_complaint
from infra.local.localstack_plugin.functions.process import Function
from infra.local.localstack_plugin.functions.runtime_api import InitFailed


@pytest.fixture
def function(tmp_path):
    """A function whose code a test writes."""
    (tmp_path / "code").mkdir()
    return Function(
        name="probe",
        handler="probe.handler",
        interpreter=python("runtime"),
        code=tmp_path / "code",
        layers=[tmp_path / "second", tmp_path / "first"],
        timeout_s=20,
        memory_size_mb=512,
        init_timeout_s=20,
        log_file=tmp_path / "logs" / "probe.log",
    )


@pytest.fixture
def start(function):
    """A function from code to a started environment."""
    started = []

    def start(code, **changes):
        (function.code / "probe.py").write_text(textwrap.dedent(code))
        environment = ExecutionEnvironment(replace(function, **changes), {"GREETING": "hello"})
        started.append(environment)
        environment.start()
        return environment

    yield start
    for environment in started:
        environment.stop()


def invoke(environment, event=None):
    request_id = str(uuid4())
    outcome, log = environment.invoke(request_id, json.dumps(event or {}).encode(), {})
    return outcome.is_error, json.loads(outcome.payload), log


def test_a_function_answers_with_its_variables_and_reports(start):
    environment = start(
        """
        import os
        def handler(event, context):
            print("printed")
            return [event, os.environ["GREETING"], context.get_remaining_time_in_millis() <= 20_000]
        """
    )

    failed, answer, log = invoke(environment, {"a": 1})

    assert (failed, answer) == (False, [{"a": 1}, "hello", True])
    assert "printed\n" in log
    assert "Memory Size: 512 MB" in log
    assert "Init Duration" in log
    assert "Init Duration" not in invoke(environment)[2]


def test_an_error_of_the_function_is_an_error(start):
    failed, answer, _ = invoke(start("def handler(event, context): raise LookupError('gone')"))

    assert failed
    assert (answer["errorType"], answer["errorMessage"]) == ("LookupError", "gone")


def test_a_function_that_takes_too_long_is_ended_and_the_next_one_runs(start):
    environment = start(
        """
        import time
        def handler(event, context):
            time.sleep(event["s"])
            return "slept"
        """,
        timeout_s=1,
    )

    began = time.monotonic()
    failed, answer, _ = invoke(environment, {"s": 60})

    assert failed
    assert "Task timed out after 1.00 seconds" in answer["errorMessage"]
    assert time.monotonic() - began < 10
    assert invoke(environment, {"s": 0})[:2] == (False, "slept")


def test_a_function_that_crashes_is_told_of_and_the_next_one_runs(start):
    environment = start(
        """
        import os, signal
        def handler(event, context):
            if event["how"] == "signal":
                os.kill(os.getpid(), signal.SIGSEGV)
            if event["how"] == "exit":
                os._exit(3)
            return "alive"
        """
    )

    for how, words in (("signal", "segmentation fault"), ("exit", "exit status 3")):
        failed, answer, _ = invoke(environment, {"how": how})
        assert failed
        assert (answer["errorType"], words in answer["errorMessage"].lower()) == ("Runtime.ExitError", True)
    assert invoke(environment, {"how": "not"})[:2] == (False, "alive")


def test_a_function_that_outgrows_its_memory_is_ended(start):
    environment = start(
        """
        def handler(event, context):
            return len(bytearray(event["mb"] << 20))
        """,
        memory_size_mb=128,
    )

    failed, answer, log = invoke(environment, {"mb": 300})

    assert failed
    assert "killed" in answer["errorMessage"]
    assert "Memory Size: 128 MB" in log
    assert invoke(environment, {"mb": 1})[:2] == (False, 1 << 20)


def test_layers_are_on_the_path_and_a_later_one_wins(start, tmp_path):
    for layer in ("first", "second"):
        (tmp_path / layer).mkdir()
        (tmp_path / layer / "both.py").write_text(f"layer = {layer!r}")
        (tmp_path / layer / f"only_{layer}.py").write_text("")
    environment = start(
        """
        import both, only_first, only_second
        def handler(event, context):
            return both.layer
        """
    )

    assert invoke(environment)[1] == "second"


@pytest.mark.parametrize("code", ["import nothing_like_it", "1 / 0"])
def test_code_that_cannot_be_loaded_is_an_error(start, code):
    with pytest.raises(InitFailed, match="errorMessage"):
        start(code)


def test_a_handler_that_is_not_there_is_an_error(start):
    with pytest.raises(InitFailed, match="HandlerNotFound"):
        start("def other(): pass")


def test_an_answer_beyond_the_limit_is_an_error(start):
    environment = start("def handler(event, context): return 'x' * event['n']")

    assert invoke(environment, {"n": RESPONSE_BYTES - 2})[0] is False
    failed, answer, _ = invoke(environment, {"n": RESPONSE_BYTES})
    assert failed
    assert answer["errorType"] == "Function.ResponseSizeTooLarge"


def test_requests_beyond_the_limits_are_complained_of():
    assert request_complaint(6_291_456, asynchronous=False) is None
    assert request_complaint(6_291_457, asynchronous=False)
    assert request_complaint(1_048_577, asynchronous=True)


def test_each_environment_has_a_place_for_files_of_its_own_and_leaves_nothing(start):
    code = """
        import os, tempfile
        def handler(event, context):
            return [os.getpid(), tempfile.gettempdir()]
        """
    one, other = start(code), start(code)
    (pid, place), (_, elsewhere) = invoke(one)[1], invoke(other)[1]
    assert place != elsewhere

    one.stop()

    assert not Path(place).exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_what_a_function_prints_is_in_its_log(start, function):
    environment = start("def handler(event, context): print('a line to find')")
    invoke(environment)

    assert "a line to find" in function.log_file.read_text()
