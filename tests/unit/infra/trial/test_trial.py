"""A trial destroys its resources, whatever happens, and reports the outcome."""

import os
import signal
import time
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from botocore.exceptions import NoCredentialsError

from infra.deploy import DeploymentFailed, Stage
from infra.deploy.stages import _STACK_NAME, LONGEST_STACK_NAME
from infra.local.stack import StackFailed
from infra.trial import __main__, trial
from infra.trial.interruption import SIGNALS, TrialInterrupted
from infra.trial.trial import Surroundings, run_trial

STAGE = Stage("test", "linkage-trial", "us-east-1", {"Managed": "true", "LogLevel": "INFO"})


class NoCloud:
    """Stands for a cloud whose functions are all replaced."""

    account_id, region = "000000000000", "us-east-1"

    def server_url(self, outputs):
        return "http://server"


class ClosedCloud:
    """Stands for a cloud that knows no credentials of ours."""

    @property
    def account_id(self):
        raise NoCredentialsError


@pytest.fixture(autouse=True)
def heard():
    """Signals as in a terminal: the tests' own parent may ignore them, and so would a trial."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def world(monkeypatch):
    """The steps of a trial, replaced by notes of them; a test replaces one more with a failure."""
    notes = []
    monkeypatch.setattr(trial, "prepare_packages", lambda stage, progress: "packages")
    monkeypatch.setattr(trial, "deploy", lambda packages, stage, cloud, say: notes.append(("deploy", stage)) or {})
    monkeypatch.setattr(trial, "smoke_test", lambda url, say: notes.append(("smoke", url)))
    monkeypatch.setattr(trial, "find_stack", lambda cloud, name: None)
    monkeypatch.setattr(trial, "destroy", lambda name, cloud, say: notes.append(("destroy", name)))

    def suite(described, results, region):
        notes.append(("suite", described.exists()))
        results.write_text("<testsuites/>")
        return 0

    monkeypatch.setattr(trial, "_run_suite", suite)
    return notes


def try_it(tmp_path, minutes=1):
    return run_trial(STAGE, Surroundings(NoCloud(), {"LogLevel": "DEBUG"}), tmp_path / "results.xml", minutes=minutes)


def failing(error):
    def fail(*_args, **_names):
        raise error

    return fail


def test_a_trial_makes_a_stage_of_its_own_tests_it_and_destroys_it(world, tmp_path):
    assert try_it(tmp_path) == 0

    (_, made), smoke, suite, destroyed = world
    assert made.stack_name.startswith("linkage-trial-")
    assert made.parameters == {"Managed": "true", "LogLevel": "DEBUG"}
    assert (smoke, suite) == (("smoke", "http://server"), ("suite", True))
    assert (made.last_snapshot, made.protected) == (False, False)
    assert destroyed == ("destroy", made.stack_name)
    assert [file.name for file in tmp_path.iterdir()] == ["results.xml"]


def test_without_credentials_nothing_is_made_and_nothing_is_destroyed(world, tmp_path, capsys):
    results = tmp_path / "results.xml"

    assert run_trial(STAGE, Surroundings(ClosedCloud(), {}), results) == 1

    assert world == []
    assert "Unable to locate credentials" in results.read_text()
    assert "nothing was made" in capsys.readouterr().err


def test_each_trial_has_another_name(world, tmp_path):
    try_it(tmp_path)
    try_it(tmp_path)

    first, second = (stage.stack_name for note, stage, *_ in world if note == "deploy")
    assert first != second


@pytest.mark.parametrize("step", ["prepare_packages", "deploy", "smoke_test", "_run_suite"])
@pytest.mark.parametrize(
    "error", [DeploymentFailed("a & b < c\nand more"), OSError("disk"), TrialInterrupted("SIGTERM")]
)
def test_whatever_fails_is_destroyed_and_told_in_the_results(world, tmp_path, monkeypatch, step, error):
    monkeypatch.setattr(trial, step, failing(error))

    assert try_it(tmp_path) == 1

    assert world[-1][0] == "destroy"
    told = ET.parse(tmp_path / "results.xml").find(".//error")  # noqa: S314  written by ourselves
    assert str(error) in told.text


def test_failed_tests_fail_the_trial(world, tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "_run_suite", lambda *_args: 1)

    assert try_it(tmp_path) == 1
    assert world[-1][0] == "destroy"


def test_a_stage_that_cannot_be_destroyed_fails_the_trial_though_its_tests_passed(world, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(trial, "destroy", failing(DeploymentFailed("no")))

    assert try_it(tmp_path) == 1
    assert "make test-deployment STAGE=test TAKE_AWAY=linkage-trial-" in capsys.readouterr().err


def test_the_name_of_a_trials_stack_is_no_longer_than_a_stages(world, tmp_path):
    stage = replace(STAGE, stack_name="a" * LONGEST_STACK_NAME)

    run_trial(stage, Surroundings(NoCloud(), {}), tmp_path / "results.xml")

    assert len(world[0][1].stack_name) == LONGEST_STACK_NAME


@pytest.mark.parametrize("name", ["linkage-trial", "linkage-prod", "linkage-trial-1", "linkage-trial-abcdefg"])
def test_nothing_but_a_trials_stack_is_destroyed(world, capsys, name):
    with pytest.raises(SystemExit):
        __main__.main(["trial", "--take-away", name])

    assert world == []
    assert "is no stack of a trial" in capsys.readouterr().err


def test_what_a_trial_left_can_be_destroyed_later(world):
    assert __main__.main(["trial", "--take-away", "linkage-trial-0123ab"]) == 0

    assert world == [("destroy", "linkage-trial-0123ab")]


def test_a_stage_that_is_still_there_fails_the_trial(world, tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "find_stack", lambda cloud, name: {"StackStatus": "DELETE_FAILED"})

    assert try_it(tmp_path) == 1


def test_when_the_time_is_over_it_is_destroyed(world, tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "deploy", lambda *_args: time.sleep(60))

    assert try_it(tmp_path, minutes=0.01) == 1

    assert world == [("destroy", world[0][1])]
    assert "the time is over" in (tmp_path / "results.xml").read_text()


def test_when_it_is_terminated_it_is_destroyed(world, tmp_path, monkeypatch):
    def deploy(*_args):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(trial, "deploy", deploy)

    assert try_it(tmp_path) == 1

    assert world[-1][0] == "destroy"
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("number", SIGNALS)
def test_whoever_asks_once_more_does_not_leave_what_costs_money(world, tmp_path, monkeypatch, capsys, number):
    """The whole group of processes gets a Ctrl-C, and a closed terminal is told to each of them."""

    def destroy(name, _cloud, _say):
        os.kill(os.getpid(), number)
        world.append(("destroy", name))

    def deploy(*_args):
        os.kill(os.getpid(), number)
        time.sleep(60)

    monkeypatch.setattr(trial, "deploy", deploy)
    monkeypatch.setattr(trial, "destroy", destroy)

    assert try_it(tmp_path) == 1

    assert world[-1][0] == "destroy"
    assert signal.Signals(number).name in (tmp_path / "results.xml").read_text()
    assert "still destroying what was made" in capsys.readouterr().err


@pytest.mark.parametrize("error", [StackFailed("no port"), TrialInterrupted("SIGTERM"), OSError("disk")])
def test_a_trial_that_does_not_even_begin_says_so_in_the_results(tmp_path, monkeypatch, capsys, error):
    results = tmp_path / "results.xml"
    results.write_text("<earlier/>")
    monkeypatch.setattr(__main__, "_locally", failing(error))

    assert __main__.main(["local", "--results", str(results)]) == 1

    assert str(error) in results.read_text()
    assert str(error) in capsys.readouterr().err


def test_a_stage_that_does_not_exist_leaves_no_earlier_results(tmp_path):
    results = tmp_path / "results.xml"
    results.write_text("<earlier/>")

    assert __main__.main(["nowhere", "--results", str(results)]) == 1

    assert "there is no stage 'nowhere'" in ET.parse(results).find(".//error").text  # noqa: S314  written by ourselves


def test_what_is_to_be_ignored_is_ignored(world, tmp_path, monkeypatch):
    """As nohup has it with a terminal that is closed."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    monkeypatch.setattr(trial, "deploy", lambda *_args: os.kill(os.getpid(), signal.SIGHUP) or {})
    try:
        assert try_it(tmp_path) == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("name", ["linkage-my-own-eu", "a", "linkage"])
def test_the_name_of_a_trials_stack_is_one_that_a_stage_may_have(name):
    """RDS takes no two hyphens one after the other."""
    made = f"{trial.trial_prefix(replace(STAGE, stack_name=name))}0123ab"

    assert _STACK_NAME.fullmatch(made)


def test_an_interruption_ends_the_suite_too(tmp_path, monkeypatch):
    """No process is left that goes on testing a stack that is being destroyed."""
    started = []
    popen = trial.subprocess.Popen

    def sleeping(_command, **names):
        assert names["env"]["AWS_DEFAULT_REGION"] == "eu-west-1"
        started.append(popen(["sleep", "60"], **names))
        return started[0]

    monkeypatch.setattr(trial.subprocess, "Popen", sleeping)
    with pytest.raises(TrialInterrupted), trial.interruptible(0.2):
        trial._run_suite(tmp_path / "described", tmp_path / "results", "eu-west-1")

    assert started[0].poll() is not None
