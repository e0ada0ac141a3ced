"""Interrupt a trial by signals or a deadline, and protect its clean-up from them."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from infra.trial.reporting import say

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class TrialInterrupted(BaseException):
    """The time is over, or a signal came; a BaseException, so that no handler of errors on the way swallows it."""


@contextmanager
def persisting() -> Iterator[None]:
    """Ignore signals in the block: a second Ctrl-C would leave resources that cost money."""

    def persist(_number: int, _frame: FrameType | None) -> None:
        say("trial: still destroying what was made; this must not be interrupted")

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
    handled = [number for number in signals if signal.getsignal(number) is not signal.SIG_IGN]  # as nohup sets SIGHUP
    before: dict[signal.Signals, Any] = {number: signal.signal(number, handler) for number in handled}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
