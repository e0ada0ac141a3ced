"""The whole service on one machine: the servers, LocalStack, and the deployed stack."""
