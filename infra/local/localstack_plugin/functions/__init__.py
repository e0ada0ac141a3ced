"""Lambda functions: one operating system process for each execution environment."""
