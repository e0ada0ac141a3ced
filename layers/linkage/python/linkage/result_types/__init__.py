"""Result types: what each asks of a project, and how its results are written."""
