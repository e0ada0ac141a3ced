"""Run a trial of a deployment: deploy a stage, run the end-to-end suite against it, destroy it.

Whatever happens (a failure, a deadline, Ctrl-C, SIGTERM, a terminal that is closed), the stage is
destroyed, and ``results.xml`` reports the outcome as JUnit does.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from infra.deploy import Cloud, DeploymentFailed, Stage, deploy, destroy
from infra.deploy.preparation import prepare_packages
from infra.deploy.smoke import smoke_test
from infra.deploy.stacks import find_stack
from infra.deploy.stages import LONGEST_STACK_NAME
from infra.packaging import ROOT
from infra.trial.interruption import SIGNALS, TrialInterrupted, interruptible, persisting
from infra.trial.reporting import say, write_failure

MINUTES = 30
CLEAN_UP_MINUTES = 10
"""Kept from the whole, for CloudFormation to delete everything."""
DEPLOYMENT_VARIABLE = "LINKAGE_DEPLOYMENT"
"""Names the file that tells the suite where the service is; see tests/conftest.py."""


@dataclass(frozen=True)
class Surroundings:
    """The cloud of a trial, and what its tests may look at beside the service."""

    cloud: Cloud
    parameters: Mapping[str, str]
    aws_endpoint_url: str = ""
    database_url: str = ""
    state: str = os.devnull


def trial_prefix(stage: Stage) -> str:
    """Return the prefix of the stack names of a stage's trials; six hexadecimal digits follow it."""
    return f"{stage.stack_name[: LONGEST_STACK_NAME - 7].rstrip('-')}-"


def run_trial(stage: Stage, surroundings: Surroundings, results: Path, *, minutes: float = MINUTES) -> int:
    """Deploy, test, and destroy; return the exit status: 0 if everything succeeded.

    Parameters
    ----------
    stage : Stage
        The trial uses a copy of it, under a name of its own.
    surroundings : Surroundings
        Where to deploy to.
    results : Path
        The file of results, which is always written.
    minutes : float
        The trial has ended by then, or failed.
    """
    copy = _copy_for_trial(stage, surroundings)
    results.unlink(missing_ok=True)
    try:
        say(f"trial of stage {stage.name}: stack {copy.stack_name} in account {surroundings.cloud.account_id}")
    except (BotoCoreError, ClientError) as error:
        reason = f"no account to make a stage in: {error} (boto3's usual credentials are needed); nothing was made"
        say(f"trial: {reason}")
        write_failure(results, reason)
        return 1
    started = time.monotonic()
    outcome = 1
    with persisting():
        try:
            with interruptible(60 * (minutes - min(CLEAN_UP_MINUTES, minutes / 3)), SIGNALS):
                outcome = _deploy_and_test(copy, surroundings, results)
        except (Exception, TrialInterrupted) as error:
            say(f"trial: {type(error).__name__}: {error}")
            if not results.exists():
                write_failure(results, f"{type(error).__name__}: {error}")
        left = 60 * minutes - (time.monotonic() - started)
        outcome = _clean_up(copy, surroundings.cloud, left) or outcome
    say(f"trial of stage {stage.name}: {'passed' if outcome == 0 else 'FAILED'} in {time.monotonic() - started:.0f} s")
    return outcome


def _copy_for_trial(stage: Stage, surroundings: Surroundings) -> Stage:
    """Copy the stage, under a name of its own and without what would outlive the trial."""
    return replace(
        stage,
        stack_name=f"{trial_prefix(stage)}{secrets.token_hex(3)}",
        protected=False,
        last_snapshot=False,
        parameters={**stage.parameters, **surroundings.parameters},
    )


def _deploy_and_test(stage: Stage, surroundings: Surroundings, results: Path) -> int:
    packages = prepare_packages(stage, say)
    outputs = deploy(packages, stage, surroundings.cloud, say)
    url = surroundings.cloud.server_url(outputs)
    smoke_test(url, say)
    described = results.with_name(f".{results.name}.deployment.json")
    described.write_text(
        json.dumps(
            {
                "state": surroundings.state,
                "server_url": url,
                "aws_endpoint_url": surroundings.aws_endpoint_url,
                "database_url": surroundings.database_url,
                "redis_url": "",
                "object_store": "localstack" if surroundings.aws_endpoint_url else "",
                "s3_endpoint_url": surroundings.aws_endpoint_url,
                "s3_credentials": ["test", "test"],
                "outputs": outputs,
            }
        )
    )
    try:
        return _run_suite(described, results, surroundings.cloud.region)
    finally:
        described.unlink(missing_ok=True)


def _run_suite(described: Path, results: Path, region: str) -> int:
    """Run the end-to-end suite; an interruption ends it too."""
    environment = {
        **os.environ,
        DEPLOYMENT_VARIABLE: str(described.absolute()),
        "AWS_DEFAULT_REGION": region,  # not the one that the caller works in
    }
    command = [sys.executable, "-m", "pytest", "tests/e2e", f"--junitxml={results.absolute()}", "-ra"]
    suite = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        return suite.wait()
    finally:
        if suite.poll() is None:
            suite.terminate()
            suite.wait()


def _clean_up(stage: Stage, cloud: Cloud, left_s: float) -> int:
    """Destroy everything; return 1, and print what to do, if that did not succeed in time."""
    try:
        with interruptible(max(1.0, left_s)):
            destroy_trial(stage.stack_name, cloud)
    except (Exception, TrialInterrupted) as error:
        say(
            f"trial: cleaning up did not end: {type(error).__name__}: {error}\n"
            f"  CloudFormation mostly goes on by itself. To see it through, and to be sure that nothing is left:\n"
            f"  make test-deployment STAGE={stage.name} TAKE_AWAY={stage.stack_name}"
        )
        return 1
    return 0


def destroy_trial(stack_name: str, cloud: Cloud) -> None:
    """Destroy a trial's stage, and verify that its stack is gone; may be repeated."""
    destroy(stack_name, cloud, say)
    if find_stack(cloud, stack_name) is not None:
        raise DeploymentFailed(f"stack {stack_name} is still there")
    say(f"trial: stack {stack_name} and all that it made is gone")
