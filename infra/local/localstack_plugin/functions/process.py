"""Start, measure and kill the process in which a function runs."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from infra.local.localstack_plugin.functions import bootstrap
from infra.local.localstack_plugin.functions.output import FunctionOutput

# The kernel ends a process when the thread that started it ends, so one that lives as
# long as this program starts them all.
_SPAWNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lambda-spawner")


@dataclass(frozen=True)
class Function:
    """The settings of a function that its environments need."""

    name: str
    handler: str
    interpreter: Path
    code: Path
    layers: Sequence[Path]
    timeout_s: int
    memory_size_mb: int
    init_timeout_s: int
    log_file: Path


class RuntimeProcess:
    """AWS's runtime client with the function's code and layers on its path.

    It leads a session of its own, so that whatever the function starts ends with it.
    """

    def __init__(self, function: Function, variables: Mapping[str, str], output: FunctionOutput) -> None:
        reading, writing = os.pipe()
        command = (function.interpreter, bootstrap.__file__, os.getpid())
        try:
            self._process = _SPAWNER.submit(
                subprocess.Popen,
                [*map(str, command), function.handler],
                cwd=function.code,
                env=_environment(function, variables),
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,
            ).result()
        finally:
            os.close(writing)
        output.follow(reading)
        self._peak_memory_kb = 0

    def exit_status(self) -> int | None:
        """Return the exit status of the process, or None while it runs."""
        return self._process.poll()

    def peak_memory_mb(self) -> int:
        """Return the peak memory of the process, without its children.

        psutil has no peak on Linux.
        """
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{self._process.pid}/status").read_text()
            _, _, peak = status.partition("VmHWM:")
            if peak:
                self._peak_memory_kb = int(peak.split(maxsplit=1)[0])
        return self._peak_memory_kb // 1024

    def kill(self) -> None:
        """Kill the process and all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _environment(function: Function, variables: Mapping[str, str]) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "LANG": "en_US.UTF-8",
        "PYTHONUNBUFFERED": "1",
        **variables,
        "LAMBDA_TASK_ROOT": str(function.code),
        "PYTHONPATH": os.pathsep.join(map(str, function.layers)),
    }
