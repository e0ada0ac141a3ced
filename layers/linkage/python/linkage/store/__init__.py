"""Keys and formats of all objects in the buckets, and the code that writes, reads and removes them.

The classes carry the ids of what they store: a run (`runs`), a chunk of it (`chunks`), an upload (`uploads`), the
encoding set that is made of it (`encoding_sets`), a party's folder (`folders`), a project (`projects`). `object_keys`
is the map of the buckets.
"""
