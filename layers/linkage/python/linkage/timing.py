"""The reconciler's timer: a delayed message that comes back while anything is unfinished.

One row of the database says when the next message is due, so that however many requests ask for it, one message is on
its way. If that message is lost, or would come too late (while only tombstones are left the period is long), the next
request sends another; if two are on their way, only the one that the row names is sent on.
"""

from datetime import datetime, timedelta

from linkage.messages import Reconcile
from linkage.ports import World

GRACE_PERIODS = 2
"""A message that is late by this number of periods counts as lost."""


def arm_timer(world: World) -> None:
    """Send the reconciler a message that is due in a period, unless one is on its way."""
    period = timedelta(seconds=world.settings.reconcile_period_s)
    now = world.now()
    due = now + period
    if world.timer.arm(due, overdue=now - GRACE_PERIODS * period):
        _send(due, world.settings.reconcile_period_s, world)


def rearm_timer(message: Reconcile, delay_s: int, world: World) -> None:
    """Send the reconciler its next message, after the one that it is handling."""
    if message.due is None:
        arm_timer(world)
        return
    due = world.now() + timedelta(seconds=delay_s)
    if world.timer.rearm(due, previous=message.due):
        _send(due, delay_s, world)


def _send(due: datetime, delay_s: int, world: World) -> None:
    world.queues.send(Reconcile(due=due), delay_s=delay_s)
