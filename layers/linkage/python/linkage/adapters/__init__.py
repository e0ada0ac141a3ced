"""Adapters: the only modules that speak to PostgreSQL, S3, SQS, STS and Redis."""
