"""A trial of a deployment: make a stage, run the end-to-end suite against it, take it away.

Whatever happens (a failure, a deadline, Ctrl-C, SIGTERM, a terminal that is closed), what was
made is taken away, and ``results.xml`` says in JUnit's words what came of it.
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
"""Kept from the whole: what CloudFormation gets to take everything away."""
DEPLOYMENT_VARIABLE = "LINKAGE_DEPLOYMENT"
"""Names the file that tells the suite where the service is; see tests/conftest.py."""


@dataclass(frozen=True)
class Surroundings:
    """Where a trial takes place, and what its tests may look at beside the service."""

    cloud: Cloud
    parameters: Mapping[str, str]
    aws_endpoint_url: str = ""
    database_url: str = ""
    state: str = os.devnull


def trial_prefix(stage: Stage) -> str:
    """Return what the stack's name of any trial of the stage begins with: the rest is six hexadecimal digits."""
    return f"{stage.stack_name[: LONGEST_STACK_NAME - 7].rstrip('-')}-"


def run_trial(stage: Stage, surroundings: Surroundings, results: Path, *, minutes: float = MINUTES) -> int:
    """Deploy, test, and take away; return what a command exits with: 0 if all is well.

    Parameters
    ----------
    stage : Stage
        A copy of it is made, under a name of its own.
    surroundings : Surroundings
        Where.
    results : Path
        The file of results, always written.
    minutes : float
        After which it has ended, or failed.
    """
    ours = replace(
        stage,
        stack_name=f"{trial_prefix(stage)}{secrets.token_hex(3)}",
        protected=False,
        last_snapshot=False,
        parameters={**stage.parameters, **surroundings.parameters},
    )
    results.unlink(missing_ok=True)
    try:
        say(f"trial of stage {stage.name}: stack {ours.stack_name} in account {surroundings.cloud.account_id}")
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
                outcome = _deploy_and_test(ours, surroundings, results)
        except (Exception, TrialInterrupted) as error:
            say(f"trial: {type(error).__name__}: {error}")
            if not results.exists():
                write_failure(results, f"{type(error).__name__}: {error}")
        left = 60 * minutes - (time.monotonic() - started)
        outcome = _clean_up(ours, surroundings.cloud, left) or outcome
    say(f"trial of stage {stage.name}: {'passed' if outcome == 0 else 'FAILED'} in {time.monotonic() - started:.0f} s")
    return outcome


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
        "AWS_DEFAULT_REGION": region,  # whatever region whoever tries it works in
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
    """Take everything away; return 1, and say what to do, if it could not be done in time."""
    try:
        with interruptible(max(1.0, left_s)):
            take_away(stage.stack_name, cloud)
    except (Exception, TrialInterrupted) as error:
        say(
            f"trial: cleaning up did not end: {type(error).__name__}: {error}\n"
            f"  CloudFormation mostly goes on by itself. To see it through, and to be sure that nothing is left:\n"
            f"  make test-deployment STAGE={stage.name} TAKE_AWAY={stage.stack_name}"
        )
        return 1
    return 0


def take_away(stack_name: str, cloud: Cloud) -> None:
    """Delete a trial's stack, its packages and all that it stored, and wait until they are gone; may be repeated."""
    destroy(stack_name, cloud, say)
    if find_stack(cloud, stack_name) is not None:
        raise DeploymentFailed(f"stack {stack_name} is still there")
    say(f"trial: stack {stack_name} and all that it made is gone")
