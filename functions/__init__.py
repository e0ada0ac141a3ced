"""Lambda workers, one module a queue; each exposes `handler`."""
