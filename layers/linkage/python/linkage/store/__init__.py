"""The store bucket: which objects lie where, and how they are read and written."""
