"""The template that is deployed is understood by CloudFormation, and secure by the rules of others."""

import os
import re
import subprocess
import sys
from pathlib import Path

from infra.local.environments import python
from infra.packaging import ROOT


def test_it_is_what_cloudformation_understands(packages):
    lint = Path(sys.executable).with_name("cfn-lint")

    done = subprocess.run([lint, packages / "template.json"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")


def test_a_security_linter_finds_nothing_that_is_not_explained(packages, tmp_path):
    """See infra/checkov.yaml for the explanations."""
    command = [python("checkov"), "-m", "checkov.main", "--config-file", ROOT / "infra" / "checkov.yaml"]
    # Named by itself: the linter puts a file's path in place of references to it, and takes one of forty characters for
    # a secret.
    command += ["--file", "template.json", "--skip-download"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    done = subprocess.run(command, cwd=packages, capture_output=True, text=True, check=False, env=environment)

    assert done.returncode == 0, done.stdout + done.stderr
    passed, failed = map(int, re.search(r"Passed checks: (\d+), Failed checks: (\d+)", done.stdout).groups())
    assert passed > 100
    assert failed == 0
