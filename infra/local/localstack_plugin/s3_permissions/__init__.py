"""Permissions of S3: signatures are checked, and policies hold."""
