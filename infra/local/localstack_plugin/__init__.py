"""Lambda for LocalStack without Docker: an operating system process an environment.

LocalStack keeps the functions, their layers and event source mappings, and asks an
executor to run them. Its own needs Docker. This one runs AWS's runtime client,
awslambdaric, in a process with the layers on its path, and enforces what would
otherwise be noticed only on AWS: timeouts, memory sizes, payload limits.

Pure of LocalStack: `limits`, `reports`, `runtime_api`, `bootstrap`, `environment`.
Adapters to it: `executor`, `polling`, `routing`, `plugin`.
"""
