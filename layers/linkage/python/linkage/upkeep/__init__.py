"""Upkeep: the reconciler, dead letters and retention."""
