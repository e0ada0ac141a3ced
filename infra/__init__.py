"""The service as it is deployed: one template, its packages, and the local stack."""
