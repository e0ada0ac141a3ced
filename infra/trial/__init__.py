"""A trial of a deployment: deploy a stage of its own, test it, delete it."""
