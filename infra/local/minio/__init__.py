"""MinIO in the place of S3: its build, its set-up from the deployed stack, and the bridge for its events.

`program` builds MinIO, `server` and `bridge_server` start it and the bridge, `bridge` is the bridge itself, `mirror`
repeats the deployed buckets and permissions in MinIO, `settings` tells the functions of it, and `wiring` joins them
to a stack.

MinIO is a tool of this machine and no part of what is deployed: it is built from its source below build/, is never
shipped, and its licence (AGPL-3.0) touches none of this project's code, which only speaks S3 and STS to it.
"""
