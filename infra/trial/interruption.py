"""How a trial ends early, and why it cleans up all the same."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from infra.trial.reporting import say

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class TrialInterrupted(BaseException):
    """The time is over, or somebody wants the trial to end; nothing on the way may take it for a failure of its own."""


@contextmanager
def persisting() -> Iterator[None]:
    """Let no signal end the block: who asks twice to end a trial would leave what costs money."""

    def persist(_number: int, _frame: FrameType | None) -> None:
        say("trial: still taking away what was made; this must not be interrupted")

    with _handling(SIGNALS, persist):
        yield


@contextmanager
def interruptible(seconds: float, signals: Sequence[signal.Signals] = ()) -> Iterator[None]:
    """Raise `TrialInterrupted` in the block when the time is over, or on one of the signals."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        raise TrialInterrupted("the time is over" if number == signal.SIGALRM else signal.Signals(number).name)

    with _handling((signal.SIGALRM, *signals), interrupt):
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


@contextmanager
def _handling(signals: Sequence[signal.Signals], handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    heard = [number for number in signals if signal.getsignal(number) is not signal.SIG_IGN]  # nohup has it ignored
    before: dict[signal.Signals, Any] = {number: signal.signal(number, handler) for number in heard}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
