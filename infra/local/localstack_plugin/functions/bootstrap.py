"""Become the runtime of one execution environment: `bootstrap.py PARENT_PID HANDLER`.

Runs in the function's interpreter, before any of its code, where nothing but the
standard library and awslambdaric can be counted on.
"""

import ctypes
import os
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with(parent_pid: int) -> None:
    """Have the kernel end this process when its parent ends, even if that is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it ended before we could ask
        sys.exit(1)


def main() -> None:
    """Look for code where Lambda does, then hand over to AWS's runtime client."""
    parent_pid, handler = sys.argv[1:]
    die_with(int(parent_pid))
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]
    sys.argv = ["awslambdaric", handler]
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
