"""API Gateway: its own errors, and the addresses under which it answers."""
