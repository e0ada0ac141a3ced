"""Remove all objects under a prefix of a bucket."""

from linkage.ports import World


def remove_prefix(bucket: str, prefix: str, world: World) -> int:
    """Remove every object whose key begins with the prefix and return their number."""
    keys = [stored.key for stored in world.objects.list(bucket, prefix)]
    world.objects.delete(bucket, keys)
    return len(keys)


def remove_prefix_and_uploads(bucket: str, prefix: str, world: World) -> int:
    """Remove the objects under the prefix, half-written ones too, and return their number.

    The delete worker alone may list multipart uploads.
    """
    return world.objects.abort_multipart_uploads(bucket, prefix) + remove_prefix(bucket, prefix, world)
