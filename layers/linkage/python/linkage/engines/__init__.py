"""Engines: they compare encodings, sort candidate pairs and group records."""
