"""Candidate pairs: their order, their files, and the merging of files."""
