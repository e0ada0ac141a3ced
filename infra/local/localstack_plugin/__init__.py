"""Lambda for LocalStack without Docker: each execution environment is an operating system process.

LocalStack keeps the functions, their layers and event source mappings, and asks an
executor to run them. Its own needs Docker. `functions.executor` runs AWS's runtime client,
awslambdaric, in a process with the layers on its path, and enforces limits that would
otherwise be noticed only on AWS: timeouts, memory sizes, payload sizes.

`plugin` has the entry points; `functions` runs functions, and only its `executor` imports LocalStack;
`api_gateway` and `s3_permissions` correct those services, `polling`, `fidelity` and `cloudformation` the rest.
"""
