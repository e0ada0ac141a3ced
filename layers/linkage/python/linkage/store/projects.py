"""Stored objects of a project, in both buckets.

This module needs no numpy, so that the API can use it.
"""

from dataclasses import dataclass, field

from linkage.ports import World
from linkage.store import object_keys
from linkage.store.removal import remove_prefix_and_uploads


@dataclass(frozen=True, slots=True)
class ProjectStore:
    """All objects of one project."""

    project_id: str
    world: World = field(repr=False)

    def remove(self) -> int:
        """Remove every object of the project, half-written ones too, and return their number.

        The plans go first, because compare workers write nothing for a run that has none.
        """
        objects, settings = self.world.objects, self.world.settings
        runs, *_ = prefixes = object_keys.project_prefixes(self.project_id)
        plans = [o.key for o in objects.list(settings.store_bucket, runs) if object_keys.is_plan(o.key)]
        objects.delete(settings.store_bucket, plans)
        count = len(plans)
        for prefix in prefixes:
            count += remove_prefix_and_uploads(settings.store_bucket, prefix, self.world)
        uploads = object_keys.project_uploads(self.project_id)
        return count + remove_prefix_and_uploads(settings.uploads_bucket, uploads, self.world)
