"""The store: all that knows which objects lie where in the buckets, and in which format.

An object of each module carries the ids of what it is about: a run (`runs`), a chunk of it (`chunks`), an upload
(`uploads`) and the encoding set that is made of it (`encoding_sets`), a party's folder (`folders`), a project
(`projects`). `object_keys` is the map.
"""
