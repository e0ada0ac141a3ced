"""Removal of stored objects."""

from linkage.ports import World


def remove_prefix(prefix: str, world: World, *, bucket: str | None = None) -> int:
    """Remove every object whose key begins with the prefix (of the store bucket) and return how many there were."""
    where = bucket or world.settings.store_bucket
    keys = [found.key for found in world.objects.list(where, prefix)]
    world.objects.delete(where, keys)
    return len(keys)
