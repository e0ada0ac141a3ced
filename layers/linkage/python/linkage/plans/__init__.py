"""Plans: how the work of a run is cut into chunks, and how its candidate pairs are estimated."""
