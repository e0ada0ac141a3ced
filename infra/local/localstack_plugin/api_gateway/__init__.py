"""API Gateway: its own errors, updates of the API, and the addresses under which it answers."""
