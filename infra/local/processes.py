"""Start operating system processes, recognise them later, and stop them.

Process ids are reused, so a process is known by its id and the time at which it
started. Linux only.
"""

import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG = 1
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Process:
    """A process that this or an earlier command started."""

    pid: int
    start_time: str

    def is_running(self) -> bool:
        """Tell whether this process has not ended."""
        return _find(self) is not None


def start(
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str],
    user: str | None = None,
    parent_death_signal: signal.Signals | None = None,
) -> Process:
    """Start a process in the background, its output going to a file.

    With `parent_death_signal` the kernel sends it that signal when the thread that started
    it ends, even if that is killed; without, it outlives this process.
    """
    with log.open("ab") as output:
        started = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            user=user,
            group=None if user is None else _group(user),
            extra_groups=None if user is None else [],
            preexec_fn=None if parent_death_signal is None else _tie(parent_death_signal),  # noqa: PLW1509  one call, no locks
        )
    started.returncode = 0  # known by its id from here on: without this, forgetting the object is warned of
    return Process(started.pid, _start_time(psutil.Process(started.pid)))


def stop(process: Process, how: signal.Signals = signal.SIGTERM, patience_s: float = 10) -> None:
    """Send a process a signal, and kill it if it does not end in time."""
    for number in (how, signal.SIGKILL):
        running = _find(process)
        if running is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            running.send_signal(number)
        wait_until(lambda: not process.is_running(), patience_s)


def wait_until(condition: Callable[[], bool], patience_s: float, pause_s: float = 0.02) -> bool:
    """Wait until a condition holds; return False if it does not in time."""
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause_s)
    return True


def _find(process: Process) -> psutil.Process | None:
    """Return the running process, or None if it has ended, even if another has its id now."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)  # reap it if it is our child
    with contextlib.suppress(psutil.NoSuchProcess):
        running = psutil.Process(process.pid)
        if running.status() != psutil.STATUS_ZOMBIE and _start_time(running) == process.start_time:
            return running
    return None


def _start_time(process: psutil.Process) -> str:
    """Return when a process started, in clock ticks after boot: setting the clock does not change it."""
    return str(round((process.create_time() - psutil.boot_time()) * _TICKS_A_SECOND))


def _group(user: str) -> int:
    return pwd.getpwnam(user).pw_gid


def _tie(number: signal.Signals) -> Callable[[], None]:
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, number)
