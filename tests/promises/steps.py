"""Steps that several promises take: a worker that dies, time that goes by, a list of the stored objects."""

from linkage.messages import Reconcile
from tests.driving import Driver, body_of
from tests.faults import Killed, Mortality, mortal

MOST_EFFECTS = 40
"""No worker has more effects; a test that counts further has missed the end."""


def deliver_dying_after(service: Driver, worker: str, body: str, effects: int) -> bool:
    """Deliver a message to a worker that dies after n effects; return True if it died."""
    service.use(mortal(service.world, Mortality(effects)))
    try:
        service.deliver(worker, body)
    except Killed:
        return True
    finally:
        service.use(service.world)
    return False


def reconcile(service: Driver, *, later: float = 0) -> None:
    """Let some time go by, and deliver the message that is due then."""
    service.world.now.sleep(later)  # type: ignore[attr-defined]  # the tests' clock
    (message,) = service.queues.take("reconcile") or [Reconcile()]
    assert service.deliver("reconcile", body_of(message)) == []
    service.delivered.clear()


def reconcile_until_quiet(service: Driver) -> None:
    """Let time go by until the reconciler sends itself no more messages."""
    for _ in range(20):
        reconcile(service, later=service.world.settings.patience_s)
        service.deliver_all()
        if not any(worker == "reconcile" for worker, _, _ in service.queues.sent):
            return
    raise AssertionError("the reconciler never stops")


def objects_of(service: Driver, project_id: str) -> list[str]:
    """Return the keys of a project's stored objects, in either bucket."""
    settings, objects = service.world.settings, service.world.objects
    buckets = (settings.store_bucket, settings.uploads_bucket)
    return [stored.key for bucket in buckets for stored in objects.list(bucket, "") if project_id in stored.key]
