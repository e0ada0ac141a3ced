"""A world in memory, for tests of this project and of its users.

The same tests run on it and on the real adapters, so it behaves as they do: guarded states, unique uploads, a deletion
that removes everything. Each module has its counterpart of the same name in `linkage.adapters`, but for `tables`, which
stands for the database, and `clock`.
"""

from linkage.ports import World
from linkage.settings import Settings
from linkage.testing.clock import Clock
from linkage.testing.credentials import MemoryCredentials
from linkage.testing.objects import MemoryObjects
from linkage.testing.progress import MemoryCache, MemoryProgress
from linkage.testing.projects import MemoryProjects
from linkage.testing.queues import MemoryQueues
from linkage.testing.runs import MemoryRuns
from linkage.testing.tables import Tables
from linkage.testing.tombstones import MemoryTimer, MemoryTombstones
from linkage.testing.uploads import MemoryUploads


def in_memory_world(**settings: object) -> World:
    """Return a new, empty world; ``settings`` are fields of `linkage.settings.Settings`."""
    tables, clock = Tables(), Clock()
    return World(
        settings=Settings.model_validate({"uploads_bucket": "uploads", "store_bucket": "store", **settings}),
        projects=MemoryProjects(tables),
        uploads=MemoryUploads(tables),
        runs=MemoryRuns(tables),
        tombstones=MemoryTombstones(tables),
        timer=MemoryTimer(tables),
        objects=MemoryObjects(clock=clock),
        queues=MemoryQueues(),
        progress=MemoryProgress(),
        cache=MemoryCache(),
        credentials=MemoryCredentials(clock),
        now=clock,
    )
