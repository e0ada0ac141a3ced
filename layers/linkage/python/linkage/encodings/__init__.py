"""Encodings: how parties send them, and the encoding sets that workers read."""
