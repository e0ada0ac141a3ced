"""MinIO in the place of S3: how it is built, what it is told of the deployed stack, how its events arrive.

MinIO is a tool of this machine and no part of what is deployed: it is built from its source below build/, is never
shipped, and its licence (AGPL-3.0) touches none of this project's code, which only speaks S3 and STS to it.
"""
